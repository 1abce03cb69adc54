"""WeChat under the contract: an Official Account, encrypted or plain, and a mini-program that pushes JSON."""

from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import httpx
from fastapi import FastAPI
from pydantic import SecretStr

from bot import edges
from connectors.fakes import wechat as fake
from connectors.fakes.wechat_pushes import Pushes
from connectors.fakes.wechat_rules import Bubble, Platform
from connectors.wechat.channel import WechatChannel
from connectors.wechat.pushes import Format
from connectors.wechat.replies import render
from connectors.wechat.settings import Variant, WechatSettings
from core.conversation.message import Proof
from tests.contracts.connectors.harness import Flaw, Harness, Said, Shown, State, Trait
from tests.contracts.connectors.world import World

AES_KEY = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"
TRAITS: frozenset[Trait] = frozenset({"checks_url", "image_in", "voice_in", "image_out", "buttons", "allowance"})
FLAWS: frozenset[Flaw] = frozenset({"wrong_signature", "unsigned", "stale", "future"})

ENCRYPTED: frozenset[Flaw] = frozenset({"tampered"})


def account(variant: Variant = "official", aes_key: str | None = AES_KEY, **more: object) -> WechatSettings:
    values = {
        "app_id": "wxb11529c136998cb6",
        "app_secret": SecretStr("0123456789abcdef0123456789abcdef"),
        "token": SecretStr("kefu-token"),
        "aes_key": SecretStr(aes_key) if aes_key else None,
        "variant": variant,
        "passive_seconds": 0.5,
    }
    return WechatSettings.model_validate(values | more)


class WechatHarness:
    text_bytes: int | None = 2048

    def __init__(
        self, channel: str, platform: Platform, pushes: Pushes, kefu: httpx.AsyncClient, format: Format
    ) -> None:
        self.channel = channel
        self.traits = TRAITS
        self.flaws: frozenset[Flaw] = FLAWS | ENCRYPTED if platform.account.aes_key else FLAWS
        self.platform = platform
        self.pushes = pushes
        self.kefu = kefu
        self._format = format

    async def push(self, said: Said, flaw: Flaw | None = None) -> httpx.Response:
        self.platform.wrote(said.sender)
        body = render(self._fields(said) | {"MsgId": int(said.id)}, self._format)
        response = await self.pushes.post(self.pushes.request(body, flaw))
        if response.is_success:
            self.pushes.show(said.sender, response)
        return response

    async def push_bytes(self, body: bytes, *, sealed: bool) -> httpx.Response:
        request = self.pushes.request(body)
        return await self.kefu.post(
            f"/channels/{self.channel}/callback", params=request.query, content=request.body if sealed else body
        )

    async def check_url(self, flaw: Flaw | None = None) -> tuple[httpx.Response, str]:
        query = self.pushes.request(b"", flaw).query
        echo = "5927782489442352469"
        wanted = {name: query[name] for name in ("signature", "timestamp", "nonce") if name in query}
        return await self.kefu.get(f"/channels/{self.channel}/callback", params=wanted | {"echostr": echo}), echo

    def hostile(self) -> Iterable[tuple[str, bytes]]:
        head = "<ToUserName>gh_1</ToUserName><FromUserName>o1</FromUserName><CreateTime>1</CreateTime>"
        text = f"{head}<MsgType>text</MsgType><MsgId>1</MsgId>"
        yield (
            "external entity",
            (
                f'<!DOCTYPE xml [<!ENTITY x SYSTEM "file:///etc/passwd">]><xml>{text}<Content>&x;</Content></xml>'
            ).encode(),
        )
        yield "encrypt is no base64", b"<xml><ToUserName>gh_1</ToUserName><Encrypt>@@@@</Encrypt></xml>"
        yield "encrypt is half a block", b"<xml><Encrypt>AAAA</Encrypt></xml>"
        yield "encrypt is of another key", b"<xml><Encrypt>" + b"QUJD" * 40 + b"</Encrypt></xml>"
        yield "encrypt in json is a number", b'{"Encrypt": 12}'
        yield "encrypt in json is a list", b'{"Encrypt": ["a"]}'
        yield "nobody sent it", b"<xml><MsgType>text</MsgType><Content>hi</Content><MsgId>1</MsgId></xml>"
        yield "a sender too long", f"<xml>{text.replace('o1', 'o' * 5000)}<Content>hi</Content></xml>".encode()
        yield "no such kind", f"<xml>{head}<MsgType>hologram</MsgType><MsgId>1</MsgId></xml>".encode()
        yield "no such event", f"<xml>{head}<MsgType>event</MsgType><Event>boom</Event></xml>".encode()
        yield (
            "a place off the earth",
            (
                f"<xml>{head}<MsgType>location</MsgType><Location_X>nan</Location_X><Location_Y>1e999</Location_Y></xml>"
            ).encode(),
        )
        yield (
            "a place without numbers",
            f"<xml>{head}<MsgType>location</MsgType><Location_X>N</Location_X></xml>".encode(),
        )
        yield "another document", b"<html><body>hello</body></html>"
        yield "only words of spaces", f"<xml>{text}<Content>   </Content></xml>".encode()

    async def shown(self, sender: str) -> list[Shown]:
        return [self._shown(bubble) for bubble in self.platform.customer(sender).bubbles if bubble.who == "account"]

    def set_state(self, state: State) -> None:
        self.platform.state = "up" if state == "blocked" else state
        for customer in self.platform.customers():
            customer.takes_messages = state != "blocked"

    def proofs(self, sender: str) -> tuple[Proof, ...]:
        """What a mini-program bound to the same open platform would know of this customer."""
        return (Proof("unionid", self.platform.customer(sender).union_id),)

    def _fields(self, said: Said) -> dict[str, object]:
        if said.image is not None:
            media_id = self.platform.keep(said.image, "image/png")
            return self.pushes.fields(said.sender, "image", PicUrl="https://mmbiz.example/1", MediaId=media_id)
        if said.voice is not None:
            media_id = self.platform.keep(said.voice, "audio/amr")
            more = {"MediaId": media_id, "Format": "amr", "Recognition": said.text}
            return self.pushes.fields(said.sender, "voice", **more)
        return self.pushes.fields(said.sender, "text", Content=said.text)

    def _shown(self, bubble: Bubble) -> Shown:
        picture = self.platform.media[bubble.picture][0] if bubble.picture else None
        return Shown(bubble.text, tuple(title for _id, title in bubble.buttons), picture)


@asynccontextmanager
async def opened(world: World, channel: str, settings: WechatSettings, format: Format) -> AsyncIterator[WechatHarness]:
    platform = Platform(settings)
    vendor = httpx.ASGITransport(app=fake.create(platform))
    connector = WechatChannel(channel, settings, world.bus.redis, world.media, transport=vendor)
    app = FastAPI()
    edges.install(app)
    delivery = world.delivery(connector.courier)
    app.include_router(connector.router(world.intake, delivery, world.bus, world.limits, world.owner_of))
    async with (
        world.running(delivery),
        httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://kefu") as kefu,
    ):
        pushes = Pushes(platform, f"/channels/{channel}/callback", kefu, format)
        yield WechatHarness(channel, platform, pushes, kefu, format)
    await connector.aclose()


def wechat(
    channel: str, settings: WechatSettings, format: Format = "xml"
) -> Callable[[World], AbstractAsyncContextManager[Harness]]:
    return lambda world: opened(world, channel, settings, format)


HARNESSES = {
    "wechat-aes": wechat("wechat", account()),
    "wechat-plain": wechat("wechat", account(aes_key=None)),
    "miniprogram-json": wechat("miniprogram", account("mini"), "json"),
}
