"""What happens at the address that the vendor pushes to, beyond what the contract asks of every channel."""

import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
from fastapi import FastAPI
from sqlalchemy import select

from bot import edges
from connectors.intake import Intake
from connectors.limits import TOO_FAST, Limits
from connectors.media import MediaStore
from connectors.webhook.channel import WebhookChannel
from connectors.webhook.mapping import Mapping
from core.bus import Bus
from core.conversation.message import Message
from core.conversation.transcript import as_message
from core.storage.database import Database
from core.storage.tables import messages
from tests.connectors.webhook.vendor import Vendor, mapping, settings, small

PNG = b"\x89PNG\r\n\x1a\n" + bytes(40)
IMAGE = {"kind": "image", "when": "pic", "url": "pic"}


class World:
    def __init__(self, database: Database, bus: Bus) -> None:
        self.database = database
        self.bus = bus
        self.media = MediaStore(database, "secret")

    @asynccontextmanager
    async def opened(self, mapped: Mapping, vendor: Vendor, per_minute: int = 0) -> AsyncIterator[httpx.AsyncClient]:
        channel = WebhookChannel("shop", settings(mapped), self.bus.redis, self.media, vendor)
        app = FastAPI()
        edges.install(app)
        limits = Limits(self.bus.redis, messages=per_minute, requests=0)
        app.include_router(channel.router(Intake(self.database, self.bus), limits))
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://kefu/channels/shop/") as client:
            client.headers["X-Token"] = "the token"
            yield client
        await channel.aclose()

    async def stored(self) -> list[Message]:
        async with self.database.connect() as conn:
            return [as_message(row) for row in await conn.execute(select(messages).order_by(messages.c.seq))]


@pytest.fixture
async def world(tmp_path: Path, data_key: str, bus: Bus) -> AsyncIterator[World]:
    database = Database(f"sqlite:///{tmp_path}/kefu.db", data_key)
    await database.migrate()
    await bus.redis.flushdb()
    yield World(database, bus)
    await database.close()


def said(text: str = "你好", number: int = 1, **more: Any) -> dict[str, Any]:
    return {"id": f"m{number}", "sender": "u1", "text": text} | more


async def test_a_form_and_an_answer_as_the_vendor_wants_it(world: World) -> None:
    mapped = mapping(format="form", acknowledge={"status": 202, "text": "success"})
    async with world.opened(mapped, Vendor(lambda _: httpx.Response(200))) as client:
        response = await client.post("callback", data=said("a&b=c +"))
    assert (response.status_code, response.text) == (202, "success")
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert [message.text for message in await world.stored()] == ["a&b=c +"]


async def test_a_challenge_is_answered_with_nothing_but_what_it_asks(world: World) -> None:
    challenge = {"when": "type == 'ping'", "answer": {"json": {"pong": "{{ body.word }}"}}}
    async with world.opened(mapping(challenge=challenge), Vendor(lambda _: httpx.Response(200))) as client:
        answers = [
            await client.post("callback", json={"type": "ping", "word": '"}<script>'}),
            await client.post("callback", json={"type": "ping"}),
            await client.post("callback", json={"type": "ping", "word": "x"}, headers={"X-Token": "another"}),
        ]
        assert (await client.get("callback")).status_code == 405
    assert [answer.status_code for answer in answers] == [200, 400, 401]
    assert answers[0].json() == {"pong": '"}<script>'}
    assert await world.stored() == []


async def test_who_cannot_be_understood_is_told(world: World) -> None:
    vendor = Vendor(lambda _: httpx.Response(200))
    async with world.opened(mapping(), vendor, per_minute=2) as client:
        for number, text in enumerate(["", "长" * 2001, "你好", "在吗"]):
            assert (await client.post("callback", json=said(text, number))).status_code == 200
    bodies = [orjson.loads(one.content) for one in vendor.asked]
    assert [body["to"] for body in bodies] == ["u1"] * 3
    assert [body["text"][:5] for body in bodies] == ["消息是空的", "消息太长了", TOO_FAST[:5]]


@pytest.mark.parametrize(
    ("url", "is_fetched"),
    [
        ("https://cdn.vendor.example/a.png", True),
        ("https://CDN.vendor.example:443/a.png", True),
        ("http://cdn.vendor.example/a.png", False),
        ("https://cdn.vendor.example@127.0.0.1/a.png", False),
        ("https://127.0.0.1/a.png", False),
        ("https://cdn.vendor.example.evil.example/a.png", False),
        ("file:///etc/passwd", False),
        ("https://[", False),
    ],
)
async def test_only_addresses_of_trusted_hosts_are_fetched(world: World, url: str, is_fetched: bool) -> None:
    vendor = Vendor(lambda _: httpx.Response(200, content=PNG))
    receive = [small()["receive"][0] | {"attachments": [IMAGE]}]
    mapped = mapping(receive=receive, media={"hosts": ["cdn.vendor.example"]})
    async with world.opened(mapped, vendor) as client:
        assert (await client.post("callback", json=said(pic=url))).status_code == 200
    assert [one.url.host for one in vendor.asked] == (["cdn.vendor.example"] if is_fetched else [])
    [message] = await world.stored()
    assert (message.attachments[0].media_id is not None) is is_fetched


async def test_what_could_not_be_fetched_is_fetched_when_somebody_looks(world: World) -> None:
    answers = iter([httpx.Response(503), httpx.Response(200, content=PNG)])
    vendor = Vendor(lambda _: next(answers))
    receive = [small()["receive"][0] | {"attachments": [{"kind": "image", "media_id": "pic"}]}]
    media = {"url": "https://vendor.example/{{ message_id }}/{{ media_id }}?kind={{ kind }}"}
    async with world.opened(mapping(receive=receive, media=media), vendor) as client:
        await client.post("callback", json=said("", pic="../a?b"))
        [message] = await world.stored()
        link = message.attachments[0].url or ""
        response = await client.get(f"http://kefu{link}")
        assert (await client.get(f"http://kefu{link}x")).status_code == 404
    assert response.status_code == 307
    assert [str(one.url) for one in vendor.asked] == ["https://vendor.example/m1/..%2Fa%3Fb?kind=image"] * 2


async def test_a_vendor_like_douyin(world: World) -> None:
    """A hash of secret and body, the message's id in a header, what was said as JSON in a text, a number to repeat.

    https://developer.open-douyin.com/docs/resource/zh-CN/dop/develop/webhooks/summarize
    """
    signed = {
        "scheme": "hash",
        "hash": "sha1",
        "message": "{{ secrets.client_secret }}{{ raw }}",
        "signature": {"header": "X-Douyin-Signature"},
    }
    mapped = mapping(
        verify=[signed],
        challenge={
            "when": "event == 'verify_webhook'",
            "answer": {"json": {"challenge": "{{ body.content.challenge }}"}},
        },
        receive=[
            {
                "when": "event == 'im_receive_msg'",
                "id": '_headers."msg-id"',
                "sender": "from_user_id",
                "text": "parse_json(content).text",
            }
        ],
    )

    async def push(client: httpx.AsyncClient, body: dict[str, Any]) -> httpx.Response:
        content = orjson.dumps(body)
        sign = hashlib.sha1(b"the client_secret" + content).hexdigest()
        return await client.post("callback", content=content, headers={"X-Douyin-Signature": sign, "Msg-Id": "m-1"})

    async with world.opened(mapped, Vendor(lambda _: httpx.Response(200))) as client:
        check = {"event": "verify_webhook", "client_key": "", "content": {"challenge": 12345}}
        assert (await push(client, check)).json() == {"challenge": 12345}
        said = {"event": "im_receive_msg", "from_user_id": "u-1", "content": '{"text": "有货吗"}'}
        for _ in range(2):
            assert (await push(client, said)).status_code == 200
    [message] = await world.stored()
    assert (message.sender, message.text) == ("u-1", "有货吗")
