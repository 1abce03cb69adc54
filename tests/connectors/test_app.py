"""The app's channel, spoken to as an app does: over HTTP and WebSocket, with tokens of its own server."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from typing import Any

import httpx
import jwt
import orjson
import pytest
from fastapi import FastAPI
from redis.asyncio import Redis
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from bot import edges
from connectors.app.channel import AppChannel
from connectors.app.presence import Presence
from connectors.app.push import PATIENCE_SECONDS, PushHook
from connectors.intake import Intake
from connectors.limits import Limits
from connectors.media import MediaStore
from connectors.tokens import Tokens
from connectors.web.media_api import Uploads
from core.bus import Bus
from core.conversation import identity, lease, outbox
from core.conversation.message import Message, Proof, Reply
from core.errors import Unavailable
from core.storage.database import Database
from tests.serving import served

KEY = "the member key that only the shop has"
PNG = b"\x89PNG\r\n\x1a\n" + bytes(64)


def token(sub: str = "m1", **claims: Any) -> str:
    return jwt.encode({"sub": sub, "aud": "kefu-member", "exp": 4102444800} | claims, KEY, "HS256")


class Shop:
    """Kefu's side of the app's channel on a port of its own, and a gateway that answers by hand."""

    def __init__(self, database: Database, bus: Bus, address: str) -> None:
        self.database = database
        self.bus = bus
        self.http = f"http://{address}"
        self.ws = f"ws://{address}/channels/app/socket"
        self.client = httpx.AsyncClient(base_url=f"{self.http}/channels/app", trust_env=False)

    async def answer(self, to: Message | str, text: str) -> Message:
        conversation_id = to if isinstance(to, str) else to.conversation_id
        async with self.database.begin() as conn:
            held = await lease.read(conn, conversation_id)
            (sent,) = await outbox.do_send(conn, conversation_id, [Reply(text)], fence=held.fence)
        await self.bus.publish(f"conversation.{conversation_id}", {"kind": "messages", "messages": [sent.as_json()]})
        return sent

    async def waiting(self, sender: str = "m1") -> list[str | None]:
        async with self.database.connect() as conn:
            return [message.text for message in await outbox.waiting(conn, "app", sender)]


@pytest.fixture
async def shop(database: Database, bus: Bus) -> AsyncIterator[Shop]:
    await bus.redis.flushdb()

    async def owner_state(_conversation_id: str) -> dict[str, Any]:
        return {"kind": "bot"}

    media = MediaStore(database, "secret")
    limits = Limits(bus.redis, messages=0)
    tokens = Tokens("secret", KEY)
    uploads = Uploads(media, bus.redis)
    channel = AppChannel(database, bus, Intake(database, bus), tokens, limits, media, uploads, owner_state, hook=None)
    app = FastAPI()
    edges.install(app)
    app.include_router(channel.router())
    async with served(app) as address:
        shop = Shop(database, bus, address)
        yield shop
        await shop.client.aclose()


@contextlib.asynccontextmanager
async def opened(shop: Shop, after: int = 0, **claims: Any) -> AsyncIterator[ClientConnection]:
    async with connect(shop.ws) as app:
        await tell(app, {"type": "hello", "token": token(**claims), "after": after})
        yield app


async def tell(app: ClientConnection, frame: dict[str, Any]) -> None:
    await app.send(orjson.dumps(frame).decode())


async def hear(app: ClientConnection, *kinds: str) -> dict[str, Any]:
    """The next frame of one of these kinds."""
    async with asyncio.timeout(10):
        while True:
            frame: dict[str, Any] = orjson.loads(await app.recv())
            if frame["type"] in kinds:
                return frame


def bearer(**claims: Any) -> dict[str, str]:
    return {"Authorization": f"Bearer {token(**claims)}"}


async def test_a_message_is_accepted_answered_and_seen(shop: Shop) -> None:
    async with opened(shop) as app:
        ready = await hear(app, "ready")
        await tell(app, {"type": "say", "id": "1", "text": "在吗"})
        accepted = await hear(app, "accepted")
        assert (accepted["id"], accepted["message"]["text"]) == ("1", "在吗")
        await shop.answer(ready["conversation_id"], "在的")
        said = await hear(app, "message")
        while said["message"]["author"] == "customer":
            said = await hear(app, "message")
        assert said["message"]["text"] == "在的"
        assert await shop.waiting() == ["在的"], "sent is not seen"
        await tell(app, {"type": "seen", "seq": said["message"]["seq"]})
        await tell(app, {"type": "ping"})
        await hear(app, "pong")
        assert await shop.waiting() == []


async def test_an_app_that_comes_back_gets_what_it_missed_and_no_more(shop: Shop) -> None:
    async with opened(shop) as app:
        conversation_id = (await hear(app, "ready"))["conversation_id"]
        first = await shop.answer(conversation_id, "一")
        await hear(app, "message")
    await shop.answer(conversation_id, "二")
    async with opened(shop, after=first.seq) as app:
        assert (await hear(app, "message"))["message"]["text"] == "二"
        assert await shop.waiting() == ["二"]
    answer = await shop.client.get("/messages", params={"after": first.seq + 1}, headers=bearer())
    assert answer.json()["messages"] == []
    assert await shop.waiting() == []


async def test_the_same_id_again_is_the_same_message(shop: Shop) -> None:
    async with opened(shop) as app:
        for _ in range(2):
            await tell(app, {"type": "say", "id": "same", "text": "在吗"})
        one, two = await hear(app, "accepted"), await hear(app, "accepted")
        assert one["message"]["id"] == two["message"]["id"]
    body = {"id": "same", "text": "在吗"}
    again = await shop.client.post("/messages", json=body, headers=bearer())
    assert (again.status_code, again.json()["message"]["id"]) == (202, one["message"]["id"])


@pytest.mark.parametrize(
    ("hello", "code"),
    [
        ({"type": "hello", "token": "x"}, 4401),
        ({"type": "hello", "token": jwt.encode({"sub": "m1", "aud": "kefu-member", "exp": 1}, KEY, "HS256")}, 4401),
        ({"type": "hello", "token": token(aud="kefu-visitor")}, 4401),
        ({"type": "hello", "token": token("x" * 65)}, 4401),
        ({"type": "hello", "token": token(iat=4102444000)}, 4401),
        ({"type": "hello", "token": token(), "after": -1}, 4422),
        ({"type": "hello", "token": "x" * 20_000}, 4413),
        ({"type": "say", "id": "1", "text": "先说话"}, 4422),
        ([], 4422),
    ],
)
async def test_nobody_gets_in_without_a_token_of_the_shop(shop: Shop, hello: Any, code: int) -> None:
    async with connect(shop.ws) as app:
        await app.send(orjson.dumps(hello).decode())
        assert (await hear(app, "error"))["message"]
        with pytest.raises(ConnectionClosed) as closed:
            await app.recv()
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == code


async def test_the_shops_clock_may_be_a_little_ahead_of_ours(shop: Shop) -> None:
    async with opened(shop, iat=time.time() + 20) as app:
        await hear(app, "ready")


@pytest.mark.parametrize("frame", ["", "{", "[]", '{"type":"nope"}', '{"type":"say","id":"","text":"x"}', "\x00"])
async def test_a_malformed_frame_is_named_and_ends_nothing(shop: Shop, frame: str) -> None:
    async with opened(shop) as app:
        await hear(app, "ready")
        await app.send(frame)
        assert (await hear(app, "error"))["code"] == "invalid_input"
        await tell(app, {"type": "say", "id": "1", "text": "在吗"})
        await hear(app, "accepted")


async def test_an_empty_message_is_refused_with_its_id(shop: Shop) -> None:
    async with opened(shop) as app:
        await tell(app, {"type": "say", "id": "7", "text": "  "})
        assert (await hear(app, "error"))["id"] == "7"


async def test_one_member_does_not_see_another_and_a_guest_is_nobody(shop: Shop) -> None:
    async with opened(shop) as app:
        mine = (await hear(app, "ready"))["conversation_id"]
    async with opened(shop, sub="m2") as app:
        assert (await hear(app, "ready"))["conversation_id"] != mine
    async with opened(shop, guest=True) as app:
        assert (await hear(app, "ready"))["conversation_id"] != mine


async def test_an_open_app_is_told_when_its_customer_is_linked_elsewhere(shop: Shop, database: Database) -> None:
    async with opened(shop, sub="device", guest=True) as app:
        own = (await hear(app, "ready"))["conversation_id"]
        async with database.begin() as conn:
            await identity.do_open(conn, "app", "guest:device", shown=(Proof("phone", "1"),))
            other = await identity.do_open(conn, "app", "m1", shown=(Proof("member", "m1"), Proof("phone", "1")))
        await Intake(database, shop.bus).open("app", "guest:device")
        await shop.bus.publish(f"conversation.{own}", {"kind": "moved"})
        await hear(app, "moved")
        with pytest.raises(ConnectionClosed):
            await app.recv()
    async with opened(shop, sub="device", guest=True) as app:
        assert (await hear(app, "ready"))["conversation_id"] == other


async def test_a_picture_is_uploaded_and_sent(shop: Shop) -> None:
    uploaded = await shop.client.post("/media", content=PNG, headers=bearer())
    assert uploaded.status_code == 201
    body = {"id": "1", "media_ids": [uploaded.json()["media_id"]]}
    answer = await shop.client.post("/messages", json=body, headers=bearer())
    (attachment,) = answer.json()["message"]["attachments"]
    assert attachment["kind"] == "image"
    foreign = await shop.client.post("/messages", json=body | {"id": "2"}, headers=bearer(sub="m2"))
    assert foreign.status_code == 404


async def test_rest_needs_a_token(shop: Shop) -> None:
    assert (await shop.client.get("/messages")).status_code == 401
    assert (await shop.client.post("/messages", json={"id": "1", "text": "在吗"})).status_code == 401


async def test_a_customer_is_here_as_long_as_one_of_their_sockets_is_open(bus: Bus) -> None:
    presence = Presence(bus.redis)
    async with presence.here("m1"):
        async with presence.here("m1"):
            pass
        assert await presence.is_here("m1")
        await bus.redis.flushdb()  # as if it had faded
        await presence.renew()
        assert await presence.is_here("m1")
    assert not await presence.is_here("m1")
    await presence.renew()
    assert not await presence.is_here("m1")


async def test_a_customer_is_served_while_redis_cannot_note_it() -> None:
    away = Redis.from_url("redis://127.0.0.1:1")
    async with Presence(away).here("m1"):
        pass
    await away.aclose()


async def test_the_push_hook_is_told_once_of_what_waits_for_a_closed_app(
    shop: Shop, database: Database, bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connectors.app.push.PATIENCE_SECONDS", -1.0)
    assert PATIENCE_SECONDS > 0
    told: list[dict[str, Any]] = []
    is_down = True

    async def hook(content: dict[str, Any]) -> None:
        if is_down:
            raise Unavailable("down")
        told.append(content)

    presence = Presence(bus.redis)
    push = PushHook(database, bus.redis, presence, hook)
    async with opened(shop) as app:
        conversation_id = (await hear(app, "ready"))["conversation_id"]
        await shop.answer(conversation_id, "您的包裹到了")
        await push.look()
        assert told == [], "the app is open"
    while await presence.is_here("m1"):
        await asyncio.sleep(0.01)
    await push.look()
    is_down = False
    await push.look()
    await push.look()
    assert [content["sender"] for content in told] == ["m1"]
    assert [message["text"] for message in told[0]["messages"]] == ["您的包裹到了"]
