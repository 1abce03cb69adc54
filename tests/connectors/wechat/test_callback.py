"""Answers within WeChat's own request, people's desks, and what happens when there is no time."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest
from sqlalchemy import update

from connectors.wechat.replies import render
from connectors.wechat.settings import WechatSettings
from core.conversation.message import Button, Message, Reply
from core.storage.tables import conversations
from tests.contracts.connectors.conftest import world
from tests.contracts.connectors.harness import Said
from tests.contracts.connectors.wechat import WechatHarness, account, opened
from tests.contracts.connectors.world import World

__all__ = ["world"]  # the fixture

SENDER = Said().sender
CHOICES = (Button("查订单", "/order_status"), Button("转人工", "/human_agent"))
PATIENT: dict[str, Any] = {"passive_seconds": 4.5}

Open = Callable[..., AbstractAsyncContextManager[WechatHarness]]


@pytest.fixture
def wechat(world: World) -> Open:
    def open_with(settings: WechatSettings | None = None, format: str = "xml") -> Any:
        return opened(world, "wechat", settings or account(**PATIENT), "json" if format == "json" else "xml")

    return open_with


def ways(harness: WechatHarness) -> list[tuple[str, str]]:
    """How each thing on the customer's phone came, and its text."""
    return [(bubble.way, bubble.text) for bubble in harness.platform.customer(SENDER).bubbles]


async def event(harness: WechatHarness, kind: str, **more: Any) -> None:
    harness.platform.acted(SENDER)
    await harness.pushes.deliver(SENDER, harness.pushes.fields(SENDER, "event", Event=kind, **more))


@pytest.mark.parametrize("aes_key", [None, account().aes_key.get_secret_value()])  # type: ignore[union-attr]
async def test_an_answer_in_time_goes_with_the_push(wechat: Open, world: World, aes_key: str | None) -> None:
    async with wechat(account(aes_key=aes_key, **PATIENT)) as harness:
        await harness.push(Said("在吗 ]]> <b>"))
        assert ways(harness) == [("passive", "re: 在吗 ]]> <b>")]
        await world.until_delivered("wechat", SENDER)
        assert harness.platform.tokens_given == 0  # WeChat's API was not called at all


async def test_several_texts_and_buttons_go_as_one(wechat: Open, world: World) -> None:
    world.answers = lambda message: (Reply(text="您好"), Reply(text="请选择", buttons=CHOICES))
    async with wechat() as harness:
        await harness.push(Said("你好"))
        assert ways(harness) == [("passive", "您好\n\n请选择\n1. 查订单\n2. 转人工\n回复数字即可选择")]
        await harness.push(Said("1"))
        assert [message.payload for message in await world.said("wechat", SENDER)] == [None, "/order_status"]


async def test_what_does_not_fit_goes_by_the_api(wechat: Open, world: World) -> None:
    world.answers = lambda message: (Reply(text="长" * 900), Reply(text="完"))
    async with wechat() as harness:
        await harness.push(Said("规则"))
        await world.until_delivered("wechat", SENDER, 2)
        assert [way for way, _text in ways(harness)] == ["api", "api"]


async def test_a_late_answer_goes_by_the_api(wechat: Open, world: World) -> None:
    world.resting = True
    async with wechat(account(passive_seconds=0.2)) as harness:
        assert (await harness.push(Said("在吗"))).content == b"success"
        world.resting = False
        await world.until_delivered("wechat", SENDER)
        assert ways(harness) == [("api", "re: 在吗")]


async def test_with_no_time_nobody_waits(wechat: Open, world: World) -> None:
    async with wechat(account(passive_seconds=0)) as harness:
        assert (await harness.push(Said("在吗"))).content == b"success"
        await world.until_delivered("wechat", SENDER)
        assert ways(harness) == [("api", "re: 在吗")]


async def test_a_repeat_can_bring_the_answer_that_waits(wechat: Open, world: World) -> None:
    world.resting = True
    said = Said("在吗")
    async with wechat(account(passive_seconds=0.2)) as harness:
        harness.platform.state = "down"  # so that the repeat comes first
        await harness.push(said)
        world.resting = False
        await world.until_answered("wechat", SENDER)
        for _try in range(3):  # delivery may be calling the platform in vain at that very moment
            await asyncio.sleep(0.2)
            if not ways(harness):
                await harness.push(said)
        assert ways(harness) == [("passive", "re: 在吗")]
        assert len(await world.said("wechat", SENDER)) == 1


async def test_a_button_of_the_menu_is_pressed(wechat: Open, world: World) -> None:
    world.answers = lambda message: (Reply(text="请选择", buttons=CHOICES),)
    async with wechat(account(passive_seconds=0)) as harness:
        await harness.push(Said("你好"))
        await world.until_delivered("wechat", SENDER)
        [(menu_id, title), *_] = harness.platform.customer(SENDER).bubbles[0].buttons
        fields = harness.pushes.fields(SENDER, "text", Content=title, bizmsgmenuid=menu_id)
        await harness.pushes.deliver(SENDER, fields)
        pressed = (await world.said("wechat", SENDER))[-1]
        assert (pressed.text, pressed.payload) == ("查订单", "/order_status")


async def test_who_follows_is_greeted(wechat: Open, world: World) -> None:
    async with wechat() as harness:
        await event(harness, "subscribe", EventKey="qrscene_7")
        [said] = await world.said("wechat", SENDER)
        assert (said.text, said.payload) == ("扫码关注了公众号", "/greet")
        assert ways(harness) == [("passive", "re: 扫码关注了公众号")]


async def test_who_leaves_is_left_alone(wechat: Open, world: World) -> None:
    async with wechat() as harness:
        await event(harness, "unsubscribe", EventKey="")
        assert await world.said("wechat", SENDER) == []
        assert ways(harness) == []


@pytest.mark.parametrize("variant", ["official", "mini"])
@pytest.mark.parametrize("people_account", [None, "kf2001@gh_7f083739789a"])
async def test_who_is_with_people_is_given_to_the_platforms_desk(
    wechat: Open, world: World, variant: str, people_account: str | None
) -> None:
    settings = account().model_copy(
        update={"variant": variant, "people": "wechat", "people_account": people_account, "passive_seconds": 4.0}
    )
    async with wechat(settings, "json" if variant == "mini" else "xml") as harness:
        await harness.push(Said("你好"))
        assert "已为您转接到微信客服工作台" not in str(ways(harness))
        async with world.database.begin() as conn:
            await conn.execute(update(conversations).values(owner="queue", fence=1))
        response = await harness.push(Said("我要投诉"))
        assert "已为您转接到微信客服工作台" in str(ways(harness))
        opened_answer = harness.pushes.opened(response)
        assert opened_answer
        assert opened_answer.get("MsgType") == "transfer_customer_service"


async def test_who_writes_too_long_is_told_so(wechat: Open, world: World) -> None:
    async with wechat() as harness:
        await harness.push(Said("长" * 2001))
        assert await world.said("wechat", SENDER) == []
        assert "2000" in ways(harness)[0][1]


async def test_who_writes_too_fast_is_told_so_once(wechat: Open, world: World) -> None:
    world.limits = type(world.limits)(world.bus.redis, messages=2, requests=0)
    async with wechat() as harness:
        for n in range(5):
            await harness.push(Said(f"第{n}句"))
        assert len(await world.said("wechat", SENDER)) == 2
        assert len([text for _way, text in ways(harness) if "太快" in text]) == 1


async def test_a_follower_is_known_by_the_unionid(wechat: Open, world: World) -> None:
    async with wechat(account(ask_unionid=True, **PATIENT)) as harness:
        await harness.push(Said("你好"))
        theirs = await world.intake.open("miniprogram", "another-open-id", proofs=harness.proofs(SENDER))
        assert {message.conversation_id for message in await world.said("wechat", SENDER)} == {theirs}


async def test_in_encrypted_mode_nothing_else_is_taken(wechat: Open, world: World) -> None:
    async with wechat() as harness:
        body = render(harness.pushes.fields(SENDER, "text", Content="我要退款"), "xml")
        response = await harness.push_bytes(body, sealed=False)
        assert response.status_code in (400, 401)
        assert await world.said("wechat", SENDER) == []


async def test_what_could_not_be_fetched_is_fetched_when_looked_at(wechat: Open, world: World) -> None:
    async with wechat() as harness:
        harness.platform.state = "down"
        await harness.push(Said(voice=b"#!AMR\n" + bytes(9)))
        [message] = await world.said("wechat", SENDER)
        url = message.attachments[0].url
        assert url
        assert (await harness.kefu.get(url)).status_code == 503
        harness.platform.state = "up"
        response = await harness.kefu.get(url)
        assert response.status_code == 307
        assert response.headers["location"].startswith("/media/")
        assert (await harness.kefu.get(url + "x")).status_code == 404


def no_answer(message: Message) -> tuple[Reply, ...]:
    return ()


async def test_a_turn_without_an_answer_is_acknowledged(wechat: Open, world: World) -> None:
    world.answers = no_answer
    async with wechat() as harness:
        assert (await harness.push(Said("嗯"))).content == b"success"
