"""The ends at which a customer writes and reads: an app, a chat page, a phone with WeChat.

Each gives the texts that the customer sees, oldest first, and takes a line to say.
"""

import asyncio
import contextlib
import itertools
from collections.abc import Mapping
from typing import Any, Protocol

import aiohttp
import jwt
import orjson

from training.bench.wechat import Customers

MOVED = 4301
REFUSED = 4401


class End(Protocol):
    """`address` is the channel and the sender, as the product knows this customer there."""

    @property
    def address(self) -> tuple[str, str]: ...

    async def say(self, text: str) -> None: ...

    async def seen(self) -> list[str]:
        """What others said to the customer here, as it is shown now."""
        ...


class App:
    """The app channel's WebSocket; opened again when the customer is moved, as the app has to."""

    def __init__(self, session: aiohttp.ClientSession, url: str, token: str, sender: str) -> None:
        self._session = session
        self._url = f"{url}/channels/app/socket"
        self._token = token
        self.address = ("app", sender)
        self._shown: dict[str, str] = {}
        self._numbers = itertools.count(1)
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        self._reader: asyncio.Task[None] | None = None
        self._ready = asyncio.Event()
        self.closed_with: int | None = None

    async def open(self) -> "App":
        self._socket = await self._session.ws_connect(self._url)
        await self._send({"type": "hello", "token": self._token})
        self._reader = asyncio.create_task(self._read(self._socket))
        ready = asyncio.create_task(self._ready.wait())
        await asyncio.wait({ready, self._reader}, return_when=asyncio.FIRST_COMPLETED, timeout=30)
        ready.cancel()
        return self

    async def close(self) -> None:
        if self._reader:
            self._reader.cancel()
        if self._socket:
            await self._socket.close()

    async def say(self, text: str) -> None:
        frame = {"type": "say", "id": str(next(self._numbers)), "text": text}
        for _try in range(3):
            if self._socket is None or self._socket.closed:
                self._ready.clear()
                await self.open()
            with contextlib.suppress(ConnectionError):
                await self._send(frame)  # the same id again is the same message
                return

    async def seen(self) -> list[str]:
        return list(self._shown.values())

    async def _send(self, frame: Mapping[str, Any]) -> None:
        assert self._socket is not None
        await self._socket.send_str(orjson.dumps(frame).decode())

    async def _read(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        async for received in socket:
            frame = orjson.loads(received.data)
            match frame["type"]:
                case "ready":
                    self._ready.set()
                case "message" if frame["message"]["author"] != "customer":
                    self._shown[frame["message"]["id"]] = as_text(frame["message"])
        self.closed_with = socket.close_code


class Page:
    """The chat page's API. `member_token`: of a member who is logged in there."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self._session = session
        self._url = f"{url}/api"
        self._headers: dict[str, str] = {}
        self._numbers = itertools.count(1)
        self.token = ""
        self.address = ("web", "")

    async def open(self, **request: str) -> "Page":
        answer = await self.post("/web/session", request)
        self.token = answer["token"]
        self._headers = {"Authorization": f"Bearer {self.token}"}
        self.address = ("web", jwt.decode(self.token, options={"verify_signature": False})["sub"])
        return self

    async def say(self, text: str) -> None:
        await self.post("/web/messages", {"client_id": str(next(self._numbers)), "text": text})

    async def seen(self) -> list[str]:
        async with self._session.get(f"{self._url}/web/messages", headers=self._headers) as response:
            messages = orjson.loads(await response.read())["messages"]
        return [as_text(message) for message in messages if message["author"] != "customer"]

    async def post(self, path: str, body: Mapping[str, Any]) -> Any:
        """Raises ClientResponseError."""
        async with self._session.post(f"{self._url}{path}", json=body, headers=self._headers) as response:
            response.raise_for_status()
            return orjson.loads(await response.read())


class Phone:
    """A chat with a WeChat account."""

    def __init__(self, customers: Customers, open_id: str) -> None:
        self._customers = customers
        self._open_id = open_id
        self.address = (customers.channel, open_id)

    async def say(self, text: str) -> None:
        await self._customers.write(self._open_id, text)

    async def seen(self) -> list[str]:
        bubbles = self._customers.platform.customer(self._open_id).bubbles
        return ["\n".join([b.text, *(title for _id, title in b.buttons)]) for b in bubbles if b.who == "account"]


def as_text(message: Mapping[str, Any]) -> str:
    return "\n".join([message["text"] or "", *(button["title"] for button in message["buttons"] or ())])
