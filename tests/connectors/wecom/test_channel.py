"""An application of WeCom: with wechatpy at the other end, and where it differs from the contract's common part."""

import asyncio

from wechatpy.work.crypto import WeChatCrypto

from connectors.fakes.wecom_pushes import Request
from connectors.wechat.pushes import parse
from connectors.wechat.replies import render
from core.conversation.message import Button, Reply
from tests.contracts.connectors.harness import Said
from tests.contracts.connectors.wecom import AGENT, CORP, ECHO, ApplicationHarness, application
from tests.contracts.connectors.world import World

MEMBER = Said().sender


def peer() -> WeChatCrypto:
    return WeChatCrypto(CORP["token"].get_secret_value(), CORP["aes_key"].get_secret_value(), CORP["corp_id"])


async def test_wechatpy_understands_us_and_we_it(world: World) -> None:
    async with application(world) as harness:
        fields = harness.pushes.fields(MEMBER, "text", AGENT, Content="你好，世界")
        sealed = peer().encrypt_message(render(fields, "xml").decode(), "nonce", str(int(harness.platform.clock())))
        query = _query(sealed)
        assert (await harness.pushes.post(Request(query, sealed.encode()))).status_code == 200
        assert [message.text for message in await world.said("wecom", MEMBER)] == ["你好，世界"]

        long = harness.pushes.fields(MEMBER, "text", AGENT, Content="长" * 3000)
        answer = await harness.pushes.post(harness.pushes.request(render(long, "xml")))
        stamp = _query(answer.text)
        opened = peer().decrypt_message(answer.text, stamp["msg_signature"], stamp["timestamp"], stamp["nonce"])
        assert "消息太长了" in opened


async def test_the_echo_is_what_was_encrypted_and_nothing_else(world: World) -> None:
    async with application(world) as harness:
        response, _expected = await harness.check_url()
        assert response.content == ECHO.encode()


async def test_a_button_is_pressed_by_its_number(world: World) -> None:
    async with application(world) as harness:
        buttons = (Button("查物流", "/track_logistics"), Button("退换货", "/return_goods"))
        world.answers = lambda message: (Reply(text="请选择", buttons=buttons),)
        await harness.push(Said("在吗"))
        [shown] = await world.until_shown(harness, MEMBER, 1)
        assert shown.text == "请选择\n1. 查物流\n2. 退换货\n回复数字即可选择"


async def test_a_lost_answer_shows_nothing_twice(world: World) -> None:
    async with application(world) as harness:
        harness.platform.lose_answers = 1
        await harness.push(Said("在吗"))
        await _again(world, harness, 1)
        assert [shown.text for shown in await harness.shown(MEMBER)] == ["re: 在吗"]


async def test_the_same_words_may_be_said_twice(world: World) -> None:
    async with application(world) as harness:
        world.answers = lambda message: (Reply(text="请告诉我订单号"),)
        await harness.push(Said("查物流"))
        await world.until_delivered("wecom", MEMBER, 1)
        await harness.push(Said("查一下物流"))
        await world.until_delivered("wecom", MEMBER, 2)
        assert [shown.text for shown in await harness.shown(MEMBER)] == ["请告诉我订单号"] * 2


async def test_tokens_that_were_taken_back_are_renewed(world: World) -> None:
    async with application(world) as harness:
        await harness.push(Said("一"))
        await world.until_delivered("wecom", MEMBER, 1)
        harness.platform.forget_tokens()
        await harness.push(Said("二"))
        await world.until_delivered("wecom", MEMBER, 2)
        assert harness.platform.tokens_given == 2


async def test_errors_mean_what_they_say(world: World) -> None:
    async with application(world) as harness:
        for count, (code, failure) in enumerate([(48002, "no_permission"), (60011, "refused"), (99999, "rejected")], 1):
            harness.platform.next_errors = [code]
            await harness.push(Said(f"第{count}句"))
            sent = await world.until_settled("wecom", MEMBER, count)
            assert sent[-1].failure == failure


async def _again(world: World, harness: ApplicationHarness, count: int) -> None:
    """Until delivery has tried once more."""
    for _ in range(20):
        await asyncio.sleep(0.1)
        world.ahead += 60
        sent = [m for m in await world.transcript("wecom", MEMBER) if m.direction == "out"]
        if sent and sent[-1].status == "delivered":
            break
    await world.until_delivered("wecom", MEMBER, count)


def _query(sealed: str) -> dict[str, str]:
    """What stands in the address, from the XML that wechatpy or we made."""
    push = parse(sealed.encode())
    return {
        "msg_signature": push.get("MsgSignature"),
        "timestamp": push.get("TimeStamp"),
        "nonce": push.get("Nonce"),
    }
