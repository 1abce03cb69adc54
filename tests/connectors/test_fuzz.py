"""Whatever comes through an open socket, the app's or socket.io's: it is answered, and the next one is, too."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import jwt
import orjson
import pytest
import socketio
from fastapi import FastAPI
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from connectors.app.channel import AppChannel
from connectors.app.socket import LONGEST_FRAME
from connectors.delivered import Delivered
from connectors.intake import Intake
from connectors.limits import Limits
from connectors.media import MediaStore
from connectors.tokens import Tokens
from connectors.web.media_api import Uploads
from connectors.web.socketio import SocketChannel
from core.bus import Bus
from core.conversation import identity, transcript
from core.storage.database import Database
from tests.serving import served

KEY = "the member key that only the shop has"
MEMBER = jwt.encode({"sub": "m1", "aud": "kefu-member", "exp": 4102444800}, KEY, "HS256")
DEEP_HEADER = "eyJhbGciOiAi" + "W1tb" * 900 + ".e30.eA"  # a token whose header is lists in lists
ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=40)  # halves of surrogates, too
WORDS = st.sampled_from(["你好", "\ud83d", "a\0b", "/restart", "1", "长" * 3000, "", "x" * 300, MEMBER, DEEP_HEADER])
TYPES = st.sampled_from(["say", "seen", "ping", "hello"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | ANY_TEXT | WORDS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(ANY_TEXT, inner, max_size=4),
    max_leaves=8,
)
FRAMES = st.fixed_dictionaries(
    {},
    optional={"type": TYPES | JSON, "id": WORDS | JSON, "text": WORDS | JSON, "payload": JSON, "seq": JSON}
    | {"token": WORDS | JSON, "after": JSON},
)
CUSTOM = st.fixed_dictionaries({}, optional={"member_token": WORDS | JSON})
SAID = st.fixed_dictionaries(
    {}, optional={"message": WORDS | JSON, "session_id": WORDS | JSON, "customData": CUSTOM | JSON}
)
EVENTS = st.sampled_from(["session_request", "user_uttered", "disconnect", "connect", "no_such_event"])

many = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
async def address(database: Database, bus: Bus) -> AsyncIterator[str]:
    """Both channels, with nothing behind them that answers."""

    async def owner_state(_conversation_id: str) -> dict[str, Any]:
        return {"kind": "bot"}

    await bus.redis.flushdb()
    media, limits = MediaStore(database, "secret"), Limits(bus.redis, messages=0)
    intake, tokens, uploads = Intake(database, bus), Tokens("secret", KEY), Uploads(media, bus.redis)
    channel = AppChannel(database, bus, intake, tokens, limits, media, uploads, owner_state, hook=None)
    sockets = SocketChannel(database, bus, intake, tokens, Delivered(database), limits, [])
    app = FastAPI()
    app.include_router(channel.router())
    app.mount("/socket.io", socketio.ASGIApp(sockets.server, socketio_path=""))
    async with served(app) as address:
        yield address


@pytest.fixture
def broken() -> list[str]:
    """What went wrong in the loop where nobody waited for it."""
    loop, broken = asyncio.get_event_loop(), list[str]()
    loop.set_exception_handler(lambda _loop, context: broken.append(repr(context)))
    return broken


async def next_of(app: ClientConnection, *types: str) -> dict[str, Any]:
    async with asyncio.timeout(10):
        while True:
            frame: dict[str, Any] = orjson.loads(await app.recv())
            if frame["type"] in types:
                return frame


@contextlib.contextmanager
def closed_with(*codes: int) -> Iterator[None]:
    with pytest.raises(ConnectionClosed) as closed:
        yield
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code in codes


@many
@given(frame=st.binary(max_size=200) | ANY_TEXT.map(json.dumps) | (FRAMES | JSON).map(json.dumps))
async def test_a_frame_to_the_app_is_answered_or_named(address: str, frame: bytes | str) -> None:
    async with connect(f"ws://{address}/channels/app/socket") as app:
        await app.send(orjson.dumps({"type": "hello", "token": MEMBER}).decode())
        await next_of(app, "ready")
        await app.send(frame)
        with closed_with(4413) if len(frame) > LONGEST_FRAME else contextlib.nullcontext():
            await app.send('{"type": "ping"}')
            await next_of(app, "pong")


@many
@given(frame=st.binary(max_size=200) | ANY_TEXT.map(json.dumps) | (FRAMES | JSON).map(json.dumps))
async def test_a_first_frame_gets_in_or_is_told_why_not(address: str, frame: bytes | str) -> None:
    async with connect(f"ws://{address}/channels/app/socket") as app:
        await app.send(frame)
        if (await next_of(app, "ready", "error"))["type"] == "error":
            with closed_with(4401, 4413, 4422):
                await app.recv()


class Widget:
    """A socket.io client by hand (EIO=4), for what no client would send. Acknowledged is what its handler ended."""

    def __init__(self, line: ClientConnection) -> None:
        self._line = line
        self._asked = 0

    async def open(self) -> None:
        await self._until("0")
        await self._line.send("40")
        await self._until("40")

    async def emit(self, *event: Any) -> None:
        self._asked += 1
        await self._line.send(f"42{self._asked}{json.dumps(event)}")

    async def ended(self) -> None:
        """The last event's handler, without an error."""
        await self._until(f"43{self._asked}[")

    async def heard(self, name: str) -> Any:
        return json.loads((await self._until(f'42["{name}"'))[2:])[1]

    async def _until(self, start: str) -> str:
        async with asyncio.timeout(10):
            while not (packet := str(await self._line.recv())).startswith(start):
                if packet == "2":
                    await self._line.send("3")
        return packet


@contextlib.asynccontextmanager
async def widget(address: str) -> AsyncIterator[Widget]:
    async with connect(f"ws://{address}/socket.io/?EIO=4&transport=websocket") as line:
        opened = Widget(line)
        await opened.open()
        yield opened


@many
@given(name=EVENTS, data=st.lists(SAID | JSON, max_size=2))
async def test_an_event_of_socket_io_ends_without_an_error(
    address: str, broken: list[str], name: str, data: list[Any]
) -> None:
    async with widget(address) as page:
        await page.emit(name, *data)
        if name in {"session_request", "user_uttered", "disconnect"}:
            await page.ended()
        await page.emit("session_request", {"session_id": "a-page"})
        assert await page.heard("session_confirm") is not None
        await page.ended()
    assert broken == []


async def test_an_id_that_cannot_be_stored_is_no_id(address: str) -> None:
    async with widget(address) as page:
        for session_id in ("a\0b", "\ud83d"):
            await page.emit("session_request", {"session_id": session_id})
            assert await page.heard("session_confirm") != session_id


async def test_half_an_emoji_does_not_lose_the_message(address: str, database: Database) -> None:
    async with widget(address) as page:
        await page.emit("user_uttered", {"message": "好的\ud83d", "session_id": "p"})
        await page.ended()
    async with database.connect() as conn:
        conversation_id = await identity.find(conn, "socketio", "visitor:p")
        assert conversation_id
        assert [message.text for message in await transcript.read(conn, conversation_id)] == ["好的?"]
