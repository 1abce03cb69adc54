"""The app's WebSocket: frames of JSON both ways.

From the app: `hello` (the first one: token, and `after`, the last seq that was seen), `say`, `seen`, `ping`. To the
app: `ready`, `accepted`, `message`, `typing`, `owner`, `moved`, `pong`, `error`. See the README beside.
"""

import asyncio
import contextlib
from typing import Annotated, Any, Literal, TypeVar

import orjson
from fastapi import APIRouter, WebSocket, WebSocketDisconnect
from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from connectors.app.customer import Customer, Customers
from connectors.app.presence import Presence
from connectors.app.rest import PREFIX
from connectors.feed import Feed
from connectors.intake import MAX_TEXT
from connectors.media import MediaStore
from core.errors import InvalidInput, KefuError, TooLarge, Unauthorized

T = TypeVar("T")

HELLO_SECONDS = 10.0
LONGEST_FRAME = 16 * 1024
CLOSED = 4000  # close codes of our own: this and an HTTP status
MOVED = 4301


class Hello(BaseModel):
    type: Literal["hello"]
    token: str = Field(max_length=4000)
    after: int = Field(0, ge=0, lt=2**31)


class Say(BaseModel):
    type: Literal["say"]
    id: str = Field(min_length=1, max_length=64)
    text: str = Field(max_length=MAX_TEXT)
    payload: str | None = Field(None, max_length=2000)


class Seen(BaseModel):
    type: Literal["seen"]
    seq: int = Field(ge=1, lt=2**31)


class Ping(BaseModel):
    type: Literal["ping"]


_HELLO = TypeAdapter[Hello](Hello)
_FRAME: TypeAdapter[Say | Seen | Ping] = TypeAdapter(Annotated[Say | Seen | Ping, Field(discriminator="type")])


def router(customers: Customers, feed: Feed, presence: Presence, media: MediaStore) -> APIRouter:
    api = APIRouter(prefix=PREFIX)

    @api.websocket("/socket")
    async def socket(websocket: WebSocket) -> None:
        await websocket.accept()
        with contextlib.suppress(WebSocketDisconnect):
            try:
                await _Session(websocket, customers, feed, presence, media).run()
            except KefuError as error:
                await _send(websocket, {"type": "error", **error.as_json()["error"]})
                await websocket.close(CLOSED + error.status)

    return api


class _Session:
    def __init__(
        self, websocket: WebSocket, customers: Customers, feed: Feed, presence: Presence, media: MediaStore
    ) -> None:
        self._websocket = websocket
        self._customers = customers
        self._feed = feed
        self._presence = presence
        self._media = media

    async def run(self) -> None:
        try:
            async with asyncio.timeout(HELLO_SECONDS):
                hello = _parsed(_HELLO, await _frame(self._websocket))
        except TimeoutError:
            raise Unauthorized("请先发送 hello") from None
        customer = self._customers.known_by(f"Bearer {hello.token}")
        conversation_id = await self._customers.conversation(customer)
        if hello.after:
            await self._customers.seen(customer, conversation_id, hello.after)
        async with self._presence.here(customer.sender):
            await _send(self._websocket, {"type": "ready", "conversation_id": conversation_id})
            sides = [
                asyncio.create_task(self._show(conversation_id, hello.after)),
                asyncio.create_task(self._hear(customer, conversation_id)),
            ]
            try:
                done, _pending = await asyncio.wait(sides, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for side in sides:
                    side.cancel()
                await asyncio.gather(*sides, return_exceptions=True)
        done.pop().result()

    async def _show(self, conversation_id: str, after: int) -> None:
        async for item in self._feed.follow(conversation_id, after):
            if item.kind == "message":
                await _send(self._websocket, {"type": "message", "message": self._media.with_links(item.data)})
            else:
                await _send(self._websocket, {"type": item.kind, **item.data})
        await self._websocket.close(MOVED)

    async def _hear(self, customer: Customer, conversation_id: str) -> None:
        """Until the app goes away."""
        while True:
            await self._take(customer, conversation_id, await _frame(self._websocket))

    async def _take(self, customer: Customer, conversation_id: str, raw: str | bytes) -> None:
        try:
            match _parsed(_FRAME, raw):
                case Say() as said:
                    await self._say(customer, said)
                case Seen() as seen:
                    await self._customers.seen(customer, conversation_id, seen.seq)
                case Ping():
                    await _send(self._websocket, {"type": "pong"})
        except InvalidInput as error:
            await _send(self._websocket, {"type": "error", **error.as_json()["error"]})

    async def _say(self, customer: Customer, said: Say) -> None:
        try:
            message = await self._customers.say(customer, said.id, said.text, said.payload)
        except KefuError as error:
            await _send(self._websocket, {"type": "error", "id": said.id, **error.as_json()["error"]})
            return
        accepted = {"type": "accepted", "id": said.id, "message": self._media.with_links(message.as_json())}
        await _send(self._websocket, accepted)


async def _frame(websocket: WebSocket) -> str | bytes:
    received = await websocket.receive()
    if received["type"] == "websocket.disconnect":
        raise WebSocketDisconnect(received.get("code", 1000))
    raw: str | bytes = received.get("text") or received.get("bytes") or b""
    if len(raw) > LONGEST_FRAME:
        raise TooLarge(f"这一帧太大了，最大 {LONGEST_FRAME // 1024} KB")
    return raw


def _parsed(adapter: TypeAdapter[T], raw: str | bytes) -> T:
    try:
        return adapter.validate_json(raw)
    except ValidationError as error:
        fault = error.errors()[0]
        raise InvalidInput(f"请求格式不对: {'.'.join(map(str, fault['loc']))}: {fault['msg']}") from None


async def _send(websocket: WebSocket, frame: dict[str, Any]) -> None:
    await websocket.send_text(orjson.dumps(frame).decode())
