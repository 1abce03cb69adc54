"""WeCom under the contract: an application, and 微信客服, which only hears that there is something to fetch."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Any

import httpx
from fastapi import FastAPI
from pydantic import SecretStr
from sqlalchemy.ext.asyncio import AsyncConnection

from bot import edges
from connectors.fakes import wecom as fake
from connectors.fakes.wecom_kf_rules import CustomerService
from connectors.fakes.wecom_pushes import Pushes
from connectors.fakes.wecom_rules import Application, Bubble, Platform
from connectors.wechat.replies import render
from connectors.wecom.channel import WeComChannel
from connectors.wecom.settings import WeComSettings
from connectors.wecom_kf.channel import WeComKfChannel
from connectors.wecom_kf.settings import WeComKfSettings
from core.conversation import cursor, lease
from tests.contracts.connectors.harness import Flaw, Said, Shown, State, Trait
from tests.contracts.connectors.world import TIMEOUT, World

CORP: dict[str, Any] = {
    "corp_id": "ww12345678910",
    "token": SecretStr("kefu-token"),
    "aes_key": SecretStr("abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"),
    "secret": SecretStr("a-secret"),
}
AGENT = 1000002
ACCOUNT = "wkAJ2GCAAASSm4_FhToWMFea0xAFfd3Q"
ECHO = "1616140317555161061"
FLAWS: frozenset[Flaw] = frozenset({"wrong_signature", "unsigned", "tampered", "stale", "future"})


class WeComHarness:
    """What both have in common: the same callback, differently answered."""

    traits: frozenset[Trait] = frozenset({"checks_url", "image_in", "image_out", "buttons"})
    flaws = FLAWS
    text_bytes = 2048

    def __init__(self, channel: str, platform: Platform, pushes: Pushes, kefu: httpx.AsyncClient) -> None:
        self.channel = channel
        self.platform = platform
        self.pushes = pushes
        self.kefu = kefu
        self.path = f"/channels/{channel}/callback"

    async def push_bytes(self, body: bytes, *, sealed: bool) -> httpx.Response:
        request = self.pushes.request(body)
        return await self.kefu.post(self.path, params=request.query, content=request.body if sealed else body)

    async def check_url(self, flaw: Flaw | None = None) -> tuple[httpx.Response, str]:
        return await self.kefu.get(self.path, params=self.pushes.echo(ECHO, flaw)), ECHO

    def hostile(self) -> Iterable[tuple[str, bytes]]:
        head = "<ToUserName>ww1</ToUserName><FromUserName>zhangsan</FromUserName><CreateTime>1</CreateTime>"
        text = f"{head}<MsgType>text</MsgType><MsgId>1</MsgId>"
        yield (
            "external entity",
            (
                '<!DOCTYPE xml [<!ENTITY x SYSTEM "file:///etc/passwd">]>' + f"<xml>{text}<Content>&x;</Content></xml>"
            ).encode(),
        )
        yield "encrypt is no base64", b"<xml><Encrypt>@@@@</Encrypt></xml>"
        yield "encrypt is of another key", b"<xml><Encrypt>" + b"QUJD" * 40 + b"</Encrypt></xml>"
        yield "nobody sent it", b"<xml><MsgType>text</MsgType><Content>hi</Content><MsgId>1</MsgId></xml>"
        yield "an event of nobody", b"<xml><MsgType>event</MsgType><Event>enter_agent</Event></xml>"
        yield (
            "an event of no time",
            (
                "<xml><FromUserName>z</FromUserName><CreateTime>\u0661</CreateTime>"
                "<MsgType>event</MsgType><Event>enter_agent</Event></xml>"
            ).encode(),
        )
        yield "a sender too long", f"<xml>{text.replace('zhangsan', 'z' * 5000)}<Content>hi</Content></xml>".encode()
        yield "no account", b"<xml><MsgType>event</MsgType><Event>kf_msg_or_event</Event><Token>1</Token></xml>"
        yield (
            "an account too long",
            b"<xml><Event>kf_msg_or_event</Event><OpenKfId>" + b"w" * 999 + b"</OpenKfId></xml>",
        )
        yield "no such kind", f"<xml>{head}<MsgType>hologram</MsgType><MsgId>1</MsgId></xml>".encode()

    def show(self, bubble: Bubble) -> Shown:
        picture = self.platform.files[bubble.picture][0] if bubble.picture else None
        return Shown(bubble.text, tuple(title for _id, title in bubble.buttons), picture)


class ApplicationHarness(WeComHarness):
    application: Application

    async def push(self, said: Said, flaw: Flaw | None = None) -> httpx.Response:
        member = self.application.member(said.sender)
        response = await self.pushes.post(self.pushes.request(render(self._fields(said), "xml"), flaw))
        if response.is_success and (answer := self.pushes.opened(response)):
            member.bubbles.append(Bubble(answer.get("Content")))
        return response

    async def shown(self, sender: str) -> list[Shown]:
        return [self.show(bubble) for bubble in self.application.member(sender).bubbles]

    def set_state(self, state: State) -> None:
        self.platform.state = "up" if state == "blocked" else state
        for member in self.application.members.values():
            member.sees = state != "blocked"

    def _fields(self, said: Said) -> dict[str, object]:
        if said.image is None:
            fields = self.pushes.fields(said.sender, "text", AGENT, Content=said.text)
        else:
            media_id = self.platform.keep(said.image, "image/png")
            more = {"PicUrl": "https://wework.example/1", "MediaId": media_id}
            fields = self.pushes.fields(said.sender, "image", AGENT, **more)
        return fields | {"MsgId": int(said.id)}


class CustomerServiceHarness(WeComHarness):
    """`world` stores a customer under our account and the customer's id; `sync_msg` works in every state."""

    traits = WeComHarness.traits | {"allowance", "own_ids"}
    service: CustomerService
    connector: WeComKfChannel
    world: World

    async def push(self, said: Said, flaw: Flaw | None = None) -> httpx.Response:
        if flaw is None:
            kind, content = "text", {"content": said.text}
            if said.image is not None:
                kind, content = "image", {"media_id": self.platform.keep(said.image, "image/png")}
            self.service.write(ACCOUNT, said.sender, kind, content, said.id)
        fields = self.pushes.happened(ACCOUNT, self.service.token(ACCOUNT))
        response = await self.pushes.post(self.pushes.request(render(fields, "xml"), flaw))
        if response.is_success:
            await self.until_read()
        return response

    async def until_read(self) -> None:
        """Until everything in the account's list has been taken in."""
        async with asyncio.timeout(TIMEOUT):
            while await self._cursor() != f"c{len(self.service.accounts[ACCOUNT].items):x}":
                await asyncio.sleep(0.01)

    async def tell(self) -> None:
        """Have the callback come, as after everything that happens."""
        await self.pushes.deliver(self.pushes.happened(ACCOUNT, self.service.token(ACCOUNT)))

    async def shown(self, sender: str) -> list[Shown]:
        return [self.show(bubble) for bubble in self.service.session(ACCOUNT, sender).bubbles]

    def set_state(self, state: State) -> None:
        self.platform.state = "up" if state == "blocked" else state
        for session in self.service.accounts[ACCOUNT].sessions.values():
            session.takes_messages = state != "blocked"

    async def _cursor(self) -> str | None:
        async with self.world.database.connect() as conn:
            return await cursor.read(conn, f"{self.channel}:{ACCOUNT}")


async def give_away(conn: AsyncConnection, conversation_id: str, owner: str) -> None:
    await lease.do_transfer(conn, conversation_id, owner)


@asynccontextmanager
async def application(world: World) -> AsyncIterator[ApplicationHarness]:
    settings = WeComSettings.model_validate(CORP | {"agent_id": AGENT})
    platform = Platform(settings.corp_id, {settings.secret.get_secret_value(): f"app:{AGENT}"})
    rules = Application(platform, AGENT)
    vendor = httpx.ASGITransport(app=fake.create(platform, rules))
    connector = WeComChannel("wecom", settings, world.bus.redis, world.media, transport=vendor)
    app = FastAPI()
    edges.install(app)
    app.include_router(connector.router(world.intake, world.limits))
    async with world.running(world.delivery(connector.courier)), kefu_client(app) as kefu:
        pushes = Pushes(settings, "/channels/wecom/callback", kefu, platform.clock)
        harness = ApplicationHarness("wecom", platform, pushes, kefu)
        harness.application = rules
        yield harness
    await connector.aclose()


@asynccontextmanager
async def customer_service(world: World, **more: object) -> AsyncIterator[CustomerServiceHarness]:
    settings = WeComKfSettings.model_validate(CORP | more)
    platform = Platform(settings.corp_id, {settings.secret.get_secret_value(): "kf"})
    platform.spared = ("gettoken", "sync_msg")
    rules = CustomerService(platform, (ACCOUNT,), ("zhangsan", "lisi"))
    vendor = httpx.ASGITransport(app=fake.create(platform, service=rules))
    world.address = lambda sender: f"{ACCOUNT}:{sender}"
    connector = WeComKfChannel(
        "wecom_kf", settings, world.database, world.bus, world.intake, world.media, world.limits, give_away, vendor
    )
    app = FastAPI()
    edges.install(app)
    app.include_router(connector.router())
    async with world.running(world.delivery(connector.courier)), kefu_client(app) as kefu:
        harness = CustomerServiceHarness(
            "wecom_kf", platform, Pushes(settings, "/channels/wecom_kf/callback", kefu, platform.clock), kefu
        )
        harness.service, harness.connector, harness.world = rules, connector, world
        told: set[asyncio.Task[None]] = set()
        rules.happened = partial(_tell, harness, told)
        running = asyncio.create_task(connector.run())
        yield harness
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
        await asyncio.gather(*told)
    await connector.aclose()


def _tell(harness: CustomerServiceHarness, told: set[asyncio.Task[None]], _account: str) -> None:
    told.add(asyncio.create_task(harness.tell()))


def kefu_client(app: FastAPI) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://kefu")


HARNESSES = {"wecom": application, "wecom-kf": customer_service}
