"""A shop's own app under the contract: one that speaks REST alone, and one that keeps a socket open."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import httpx
import orjson
from fastapi import FastAPI
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.frames import CloseCode

from bot import edges, guards
from connectors.app.channel import AppChannel
from connectors.tokens import Tokens
from connectors.web import media_api
from connectors.web.media_api import Uploads
from core.errors import InvalidInput, NotFound, TooLarge, Unauthorized
from tests.contracts.connectors.fetching import BODY, KEY, SECRET, Fetching, Phone, member_token
from tests.contracts.connectors.harness import Flaw, Harness, Said
from tests.contracts.connectors.world import TIMEOUT, World
from tests.serving import served

PATH = "/channels/app"
STATUS = {error.code: error.status for error in (InvalidInput, NotFound, TooLarge, Unauthorized)}


def bearer(sender: str, flaw: Flaw | None = None) -> dict[str, str]:
    return {"Authorization": f"Bearer {member_token(sender, flaw)}"}


class RestHarness(Fetching):
    """Asks for what is new again and again; that it asks after a seq says that it has everything before."""

    channel = "app"

    async def say(self, said: Said, body: dict[str, Any], flaw: Flaw | None) -> httpx.Response:
        return await self.kefu.post(f"{PATH}/messages", json={"id": said.id} | body, headers=bearer(said.sender, flaw))

    async def upload(self, said: Said, content: bytes) -> str:
        answer = await self.kefu.post(f"{PATH}/media", content=content, headers=bearer(said.sender))
        return str(answer.raise_for_status().json()["media_id"])

    async def push_bytes(self, body: bytes, *, sealed: bool) -> httpx.Response:
        headers = {"Content-Type": "application/json"} | (bearer(Said().sender) if sealed else {})
        return await self.kefu.post(f"{PATH}/messages", content=body, headers=headers)

    async def follow(self, sender: str, phone: Phone) -> None:
        asked = {"after": phone.last, "limit": 50}
        page = await self.kefu.get(f"{PATH}/messages", params=asked, headers=bearer(sender))
        if not self.breaks:
            for message in page.raise_for_status().json()["messages"]:
                phone.take(message)


class SocketHarness(RestHarness):
    """What it says goes over a socket of its own, so that it can be said while the line for reading is away."""

    def __init__(self, app: FastAPI, address: str) -> None:
        super().__init__(app)
        self._address = f"ws://{address}{PATH}/socket"

    async def say(self, said: Said, body: dict[str, Any], flaw: Flaw | None) -> httpx.Response:
        if body.get("media_ids"):  # there is no frame for it
            return await super().say(said, body, flaw)
        frame = orjson.dumps({"type": "say", "id": said.id} | body)
        last = self.phones[said.sender].last if said.sender in self.phones else 0
        return await self._ask(member_token(said.sender, flaw), frame, last)

    async def push_bytes(self, body: bytes, *, sealed: bool) -> httpx.Response:
        return await self._ask(member_token(Said().sender) if sealed else None, body)

    async def follow(self, sender: str, phone: Phone) -> None:
        try:
            async with connect(self._address) as app:
                await hello(app, member_token(sender), phone.last)
                async for raw in app:
                    if self.breaks:
                        return
                    frame = orjson.loads(raw)
                    if frame["type"] == "message":
                        phone.take(frame["message"])
                        await app.send(orjson.dumps({"type": "seen", "seq": phone.last}).decode())
        except ConnectionClosed:
            return

    async def _ask(self, token: str | None, frame: bytes, last: int = 0) -> httpx.Response:
        """The answer to a frame, in words of HTTP. Without a token the frame is the first one."""
        try:
            async with connect(self._address) as app, asyncio.timeout(TIMEOUT):
                if token:
                    await hello(app, token, last)
                await app.send(frame, text=True)
                while True:
                    answer = orjson.loads(await app.recv())
                    if answer["type"] in {"accepted", "error"}:
                        return httpx.Response(STATUS.get(answer.get("code"), 200), json=answer)
        except ConnectionClosed as closed:  # the server's own refusal of a text that is no UTF-8
            assert closed.rcvd
            assert closed.rcvd.code == CloseCode.INVALID_DATA
            return httpx.Response(400)


async def hello(app: ClientConnection, token: str, after: int) -> None:
    await app.send(orjson.dumps({"type": "hello", "token": token, "after": after}).decode())


@asynccontextmanager
async def opened(world: World, *, socket: bool) -> AsyncIterator[Fetching]:
    async def owner_state(_conversation_id: str) -> dict[str, Any]:
        return {"kind": "bot"}

    tokens, uploads = Tokens(SECRET, KEY), Uploads(world.media, world.bus.redis)
    channel = AppChannel(
        world.database, world.bus, world.intake, tokens, world.limits, world.media, uploads, owner_state, hook=None
    )
    app = FastAPI()
    edges.install(app)
    app.include_router(channel.router())
    app.include_router(media_api.router(world.media, uploads, tokens, world.limits))
    app.add_middleware(guards.BodyLimit, limit=BODY, larger={f"{PATH}/media": 10 * BODY})
    async with served(app) as address:
        harness = SocketHarness(app, address) if socket else RestHarness(app)
        yield harness
        await harness.aclose()


def app(*, socket: bool) -> Callable[[World], AbstractAsyncContextManager[Harness]]:
    return lambda world: opened(world, socket=socket)


HARNESSES = {"app-rest": app(socket=False), "app-socket": app(socket=True)}
