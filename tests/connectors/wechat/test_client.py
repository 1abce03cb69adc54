"""Calls to WeChat's API: one token for all, refused ones renewed without a loop, every failure in delivery's terms."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import httpx
import pytest
from pydantic import SecretStr

from connectors.fakes import wechat as fake
from connectors.fakes.wechat_rules import Platform
from connectors.protocol import TryAgain, Undeliverable
from connectors.wechat.client import WechatApi
from connectors.wechat.settings import WechatSettings
from core.bus import Bus
from tests.contracts.connectors.wechat import account

OPEN_ID = "oia2TjuEGTNoeX76QEjQNrcURxG8"
PNG = b"\x89PNG\r\n\x1a\n" + bytes(40)


@pytest.fixture
async def platform(bus: Bus) -> Platform:
    await bus.redis.flushdb()
    platform = Platform(account())
    platform.wrote(OPEN_ID)
    return platform


@asynccontextmanager
async def calling(
    platform: Platform, bus: Bus, settings: WechatSettings | None = None
) -> AsyncIterator[tuple[WechatApi, list[str]]]:
    """The API of an account, and the paths that were called."""
    calls: list[str] = []

    async def note(request: httpx.Request) -> None:
        calls.append(request.url.path.rpartition("/")[2])

    api = WechatApi(settings or platform.account, bus.redis, httpx.ASGITransport(app=fake.create(platform)))
    api._http.event_hooks = {"request": [note]}
    yield api, calls
    await api.aclose()


def hello(text: str = "您好") -> dict[str, object]:
    return {"touser": OPEN_ID, "msgtype": "text", "text": {"content": text}}


async def test_all_processes_share_one_token(platform: Platform, bus: Bus) -> None:
    async with calling(platform, bus) as (one, _), calling(platform, bus) as (other, _):
        await asyncio.gather(*(api.send(hello()) for api in (one, other, one, other)))
    assert platform.tokens_given == 1
    assert [bubble.text for bubble in platform.customer(OPEN_ID).bubbles] == ["您好"] * 4


async def test_a_token_that_is_refused_is_renewed_once(platform: Platform, bus: Bus) -> None:
    async with calling(platform, bus) as (api, calls):
        await api.send(hello())
        platform.forget_tokens()
        await api.send(hello())
    assert calls == ["stable_token", "send", "send", "stable_token", "send"]


async def test_the_platforms_own_token_that_it_refuses_is_forced(platform: Platform, bus: Bus) -> None:
    async with calling(platform, bus) as (api, calls):
        await api.send(hello())
        platform.next_errors = [40001]
        await api.send(hello())
    assert calls == ["stable_token", "send", "send", "stable_token", "stable_token", "send"]
    assert platform.tokens_given == 2


async def test_a_lasting_40001_makes_no_loop(platform: Platform, bus: Bus) -> None:
    platform.next_errors = [40001] * 50
    async with calling(platform, bus) as (api, calls):
        for _ in range(5):
            with pytest.raises(TryAgain):
                await api.send(hello())
    assert calls.count("stable_token") <= 4
    assert calls.count("send") <= 7


@pytest.mark.parametrize("code", [-1, 45009, 45011, 40164, 40001, 40014, 42001])
async def test_what_passes_is_tried_again(platform: Platform, bus: Bus, code: int) -> None:
    platform.next_errors = [code] * 9
    async with calling(platform, bus) as (api, _):
        with pytest.raises(TryAgain) as caught:
            await api.send(hello())
    assert caught.value.everybody


@pytest.mark.parametrize(
    ("code", "failure"),
    [
        (45015, "window_closed"),
        (45047, "quota"),
        (45002, "too_long"),
        (48001, "no_permission"),
        (40003, "refused"),
        (43004, "refused"),
        (48002, "refused"),
        (40007, "bad_media"),
        (99999, "rejected"),
    ],
)
async def test_what_is_in_vain_is_named(platform: Platform, bus: Bus, code: int, failure: str) -> None:
    platform.next_errors = [code]
    async with calling(platform, bus) as (api, _):
        with pytest.raises(Undeliverable, match=str(code)) as caught:
            await api.send(hello())
    assert caught.value.failure == failure


async def test_the_vendors_own_limits(platform: Platform, bus: Bus) -> None:
    async with calling(platform, bus) as (api, _):
        with pytest.raises(Undeliverable, match="45002"):
            await api.send(hello("长" * 683))
        for _ in range(5):
            await api.send(hello("长" * 682))
        with pytest.raises(Undeliverable, match="45047"):
            await api.send(hello())
        platform.customer(OPEN_ID).after_message.until = 0
        with pytest.raises(Undeliverable, match="45015"):
            await api.send(hello())


@pytest.mark.parametrize("wrong", [{"app_id": "wx_another"}, {"app_secret": SecretStr("wrong")}])
async def test_wrong_credentials_keep_what_waits(platform: Platform, bus: Bus, wrong: dict[str, object]) -> None:
    async with calling(platform, bus, platform.account.model_copy(update=wrong)) as (api, _):
        with pytest.raises(TryAgain):
            await api.send(hello())


def broken(request: httpx.Request) -> httpx.Response:
    raise httpx.ConnectError("no route", request=request)


def slow(request: httpx.Request) -> httpx.Response:
    raise httpx.ReadTimeout("slow", request=request)


@pytest.mark.parametrize(
    "answer",
    [
        broken,
        slow,
        lambda request: httpx.Response(502, text="Bad Gateway"),
        lambda request: httpx.Response(200, text="<html>captive portal</html>"),
        lambda request: httpx.Response(200, json=[1]),
        lambda request: httpx.Response(200, json={"access_token": 5}),
        lambda request: httpx.Response(200, json={"errcode": "x"}),
    ],
)
async def test_a_network_that_fails_is_tried_again(bus: Bus, answer: Callable[[httpx.Request], httpx.Response]) -> None:
    await bus.redis.flushdb()
    api = WechatApi(account(), bus.redis, httpx.MockTransport(answer))
    with pytest.raises(TryAgain) as caught:
        await api.send(hello())
    assert caught.value.everybody
    await api.aclose()


async def test_media_come_and_go(platform: Platform, bus: Bus) -> None:
    async with calling(platform, bus) as (api, _):
        media_id = await api.upload(PNG, "a.png", "image/png")
        assert await api.download(media_id) == PNG
        with pytest.raises(Undeliverable, match="40007"):
            await api.download("gone")
        with pytest.raises(Undeliverable, match="40005"):
            await api.upload(b"MZ" + bytes(40), "a.exe", "image/png")


async def test_a_unionid_is_told_of_followers(platform: Platform, bus: Bus) -> None:
    async with calling(platform, bus) as (api, _):
        assert await api.union_id(OPEN_ID) == f"union-{OPEN_ID}"
        platform.customer(OPEN_ID).follows = False
        assert await api.union_id(OPEN_ID) is None
