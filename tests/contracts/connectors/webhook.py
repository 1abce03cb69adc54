"""Two mapping files under the contract, as they are shipped: a shop's own system, and Feishu."""

import json
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
from fastapi import FastAPI
from pydantic import SecretStr

from bot import edges
from connectors.fakes import feishu as feishu_fake
from connectors.fakes import webhook as shop_fake
from connectors.fakes.feishu import Feishu
from connectors.fakes.webhook import ShopMessages
from connectors.webhook.channel import WebhookChannel
from connectors.webhook.mapping import read
from connectors.webhook.settings import WebhookSettings
from tests.contracts.connectors.harness import Flaw, Said, Shown, State, Trait
from tests.contracts.connectors.world import World

EXAMPLES = Path(__file__).parents[3] / "connectors" / "webhook" / "examples"
FLAWS: frozenset[Flaw] = frozenset({"wrong_signature", "unsigned", "tampered", "stale", "future"})
TEN_MINUTES = {"stale": -600.0, "future": 600.0}


def settings(example: str, **secrets: str) -> WebhookSettings:
    return WebhookSettings(
        mapping=read(EXAMPLES / f"{example}.yml"), secrets={name: SecretStr(value) for name, value in secrets.items()}
    )


def flawed(headers: dict[str, str], signature: str, flaw: Flaw | None) -> dict[str, str]:
    if flaw == "wrong_signature":
        return headers | {signature: "sha256=" + "0" * 64}
    return {} if flaw == "unsigned" else headers


class ShopHarness:
    channel = "shop"
    traits: frozenset[Trait] = frozenset({"checks_url", "image_in", "voice_in", "image_out", "buttons", "allowance"})
    flaws = FLAWS
    text_bytes: int | None = shop_fake.TEXT_BYTES

    def __init__(self, shop: ShopMessages, kefu: httpx.AsyncClient, world: World) -> None:
        self.shop = shop
        self.kefu = kefu
        self.world = world

    async def push(self, said: Said, flaw: Flaw | None = None) -> httpx.Response:
        body = json.dumps({"messages": [self.message(said)]}).encode()
        headers = self.shop.signed(body, self.shop.clock() + TEN_MINUTES.get(flaw or "", 0.0))
        body = body.replace(b"text", b"t3xt") if flaw == "tampered" else body
        return await self.post(body, flawed(headers, "X-Shop-Signature", flaw))

    async def push_bytes(self, body: bytes, *, sealed: bool) -> httpx.Response:
        return await self.post(body, self.shop.signed(body) if sealed else {})

    async def check_url(self, flaw: Flaw | None = None) -> tuple[httpx.Response, str]:
        challenge, stamp = "5927782489", str(int(self.shop.clock() + TEN_MINUTES.get(flaw or "", 0.0)))
        query = {"challenge": challenge, "timestamp": stamp}
        if flaw != "unsigned":
            query["signature"] = self.shop.sign(f"{stamp}.{challenge}".encode())
        if flaw == "wrong_signature":
            query["signature"] = "0" * 64
        return await self.kefu.get("/channels/shop/callback", params=query), challenge

    def hostile(self) -> Iterable[tuple[str, bytes]]:
        good = self.message(Said("你好"))
        for name, change in {
            "nobody sent it": {"from": {"role": "customer"}},
            "a sender of another type": {"from": {"role": "customer", "id": {"a": 1}}},
            "a sender too long": {"from": {"role": "customer", "id": "o" * 5000}},
            "no id": {"id": None},
            "no such type": {"type": "hologram"},
            "our own echo": {"from": {"role": "agent", "id": "o1"}},
            "a text of another type": {"text": ["a"]},
            "only spaces": {"text": "   "},
        }.items():
            yield name, json.dumps({"messages": [good | change]}).encode()
        yield "a message of another type", b'{"messages": [1, null, "a", [[]]]}'
        yield "no list", b'{"messages": {"type": {"a": "b"}}}'
        yield "nothing in it", b"{}"

    async def shown(self, sender: str) -> list[Shown]:
        return [Shown(b.text, image=await self.seen(b.image)) for b in self.shop.bubbles.get(sender, [])]

    def set_state(self, state: State) -> None:
        self.shop.blocked = state == "blocked"
        self.shop.state = "up" if state == "blocked" else state

    def message(self, said: Said) -> dict[str, Any]:
        message: dict[str, Any] = {"type": "message", "id": said.id, "from": {"role": "customer", "id": said.sender}}
        if said.image is not None:
            message["image"] = {"id": self.shop.keep(said.image)}
        if said.voice is not None:
            message["voice"] = {"id": self.shop.keep(said.voice)}
        return message | {"text": said.text}

    async def seen(self, url: str) -> bytes | None:
        """What lies behind one of our signed links."""
        if not url:
            return None
        address = httpx.URL(url)
        media_id = address.path.removeprefix("/media/")
        self.world.media.check(media_id, int(address.params["until"]), address.params["key"])
        return (await self.world.media.get(media_id))[1]

    async def post(self, body: bytes, headers: dict[str, str]) -> httpx.Response:
        return await self.kefu.post("/channels/shop/callback", content=body, headers=headers)


class FeishuHarness:
    channel = "feishu"
    traits: frozenset[Trait] = frozenset({"checks_url", "image_in", "image_out", "buttons", "own_ids"})
    flaws = FLAWS
    text_bytes: int | None = None  # longer than anything that we say

    def __init__(self, platform: Feishu, kefu: httpx.AsyncClient) -> None:
        self.platform = platform
        self.kefu = kefu

    async def push(self, said: Said, flaw: Flaw | None = None) -> httpx.Response:
        kind, content = "text", {"text": said.text}
        if said.image is not None:
            kind, content = "image", {"image_key": f"img_{said.id}"}
            self.platform.resources[said.id, f"img_{said.id}", "image"] = said.image
        event = {
            "sender": {"sender_id": {"open_id": said.sender}, "sender_type": "user", "tenant_key": "2ca1d211f64f6438"},
            "message": {
                "message_id": said.id,
                "chat_type": "p2p",
                "message_type": kind,
                "content": json.dumps(content),
            },
        }
        return await self.push_event("im.message.receive_v1", f"event-{said.id}", event, flaw)

    async def push_event(
        self, event_type: str, event_id: str, event: dict[str, Any], flaw: Flaw | None = None
    ) -> httpx.Response:
        content = json.dumps(self.platform.push(event_type, event_id, event)).encode()
        body = self.platform.seal(content)
        headers = self.platform.signed(body, self.platform.clock() + TEN_MINUTES.get(flaw or "", 0.0))
        body = self.platform.seal(content + b" ") if flaw == "tampered" else body
        return await self.post(body, flawed(headers, "X-Lark-Signature", flaw))

    async def push_bytes(self, body: bytes, *, sealed: bool) -> httpx.Response:
        body = self.platform.seal(body) if sealed else body
        return await self.post(body, self.platform.signed(body) if sealed else {})

    async def check_url(self, flaw: Flaw | None = None) -> tuple[httpx.Response, str]:
        """Not signed and without a time: known by the encryption, and by the token in it."""
        token = "another" if flaw else self.platform.verification_token
        content = json.dumps({"challenge": "1b6aef1a-401f", "token": token, "type": "url_verification"}).encode()
        return await self.post(self.platform.seal(content), {}), '{"challenge":"1b6aef1a-401f"}'

    def hostile(self) -> Iterable[tuple[str, bytes]]:
        """In clear; sealed, these are what an app's own key holder would have to write."""
        yield "encrypt is no base64", b'{"encrypt": "@@@@"}'
        yield "encrypt is half a block", b'{"encrypt": "AAAA"}'
        yield "encrypt is a number", b'{"encrypt": 12}'
        yield "encrypt is of another key", json.dumps({"encrypt": "QUJD" * 40}).encode()
        yield "a challenge in clear", b'{"type": "url_verification", "token": "v-token", "challenge": "x"}'
        for name, message in {
            "content is no json": {"content": "{"},
            "content is a list": {"content": "[1]"},
            "content is an object": {"content": {"text": "hi"}},
            "no id": {"message_id": None},
        }.items():
            event = {"sender": {"sender_type": "user", "sender_id": {"open_id": "o1"}}}
            known = {"message_id": "m", "chat_type": "p2p", "message_type": "text"} | message
            push = self.platform.push("im.message.receive_v1", "e", event | {"message": known})
            yield name, json.dumps(push).encode()

    async def shown(self, sender: str) -> list[Shown]:
        return [
            Shown(b.text, tuple(one["title"] for one in b.buttons), self.platform.images.get(b.image))
            for b in self.platform.bubbles.get(sender, [])
        ]

    def set_state(self, state: State) -> None:
        self.platform.available = state != "blocked"
        self.platform.state = "up" if state == "blocked" else state

    async def post(self, body: bytes, headers: dict[str, str]) -> httpx.Response:
        return await self.kefu.post("/channels/feishu/callback", content=body, headers=headers)


@asynccontextmanager
async def opened(
    world: World, channel: str, known: WebhookSettings, vendor: FastAPI
) -> AsyncIterator[httpx.AsyncClient]:
    """A client that reaches the channel."""
    connector = WebhookChannel(channel, known, world.bus.redis, world.media, transport=httpx.ASGITransport(app=vendor))
    app = FastAPI()
    edges.install(app)
    app.include_router(connector.router(world.intake, world.limits))
    async with (
        world.running(world.delivery(connector.courier)),
        httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://kefu") as kefu,
    ):
        yield kefu
    await connector.aclose()


@asynccontextmanager
async def own_system(world: World) -> AsyncIterator[ShopHarness]:
    shop = ShopMessages()
    known = settings("own_system", signing_key=shop.signing_key, api_key=shop.api_key)
    async with opened(world, "shop", known, shop_fake.create(shop)) as kefu:
        yield ShopHarness(shop, kefu, world)


@asynccontextmanager
async def feishu(world: World) -> AsyncIterator[FeishuHarness]:
    platform = Feishu()
    known = settings(
        "feishu",
        app_id=platform.app_id,
        app_secret=platform.app_secret,
        encrypt_key=platform.encrypt_key,
        verification_token=platform.verification_token,
    )
    async with opened(world, "feishu", known, feishu_fake.create(platform)) as kefu:
        yield FeishuHarness(platform, kefu)


HARNESSES = {"webhook-own-system": own_system, "webhook-feishu": feishu}
