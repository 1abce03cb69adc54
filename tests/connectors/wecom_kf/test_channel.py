"""微信客服 from the callback to the customer's phone, against the fake of its server."""

import asyncio
from collections.abc import Callable

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from connectors.fakes.wecom_kf_rules import BOT, ENDED, NEW, POOL
from connectors.fakes.wecom_rules import Bubble
from connectors.protocol import TryAgain
from connectors.wecom_kf.states import ELSEWHERE
from core.conversation import cursor, identity, lease
from core.conversation.message import Button, Message, Proof, Reply
from tests.contracts.connectors.harness import Said
from tests.contracts.connectors.wecom import ACCOUNT, CustomerServiceHarness, customer_service
from tests.contracts.connectors.world import TIMEOUT, World

CUSTOMER = Said().sender
MENU = (Button("查物流", "/track_logistics"), Button("退换货", "/return_goods"))


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(TIMEOUT):
        while not condition():
            await asyncio.sleep(0.02)


async def conversation(world: World) -> str:
    async with world.database.connect() as conn:
        found = await identity.find(conn, "wecom_kf", world.address(CUSTOMER))
    assert found
    return found


async def owner(world: World) -> str:
    return await world.owner_of(await conversation(world))


def say(harness: CustomerServiceHarness, *texts: str) -> None:
    """Customers write; nobody is told yet."""
    for text in texts:
        harness.service.write(ACCOUNT, CUSTOMER, "text", {"content": text})


async def test_many_pages_come_in_order(world: World) -> None:
    async with customer_service(world) as harness:
        harness.service.page_size = 3
        texts = [f"第{n}句" for n in range(10)]
        say(harness, *texts)
        await harness.tell()
        await harness.until_read()
        assert [message.text for message in await world.said("wecom_kf", CUSTOMER)] == texts


async def test_nothing_is_lost_or_doubled_between_storing_and_the_cursor(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    move, deaths = cursor.do_move, [TryAgain("the process dies here")]

    async def dies_once(conn: AsyncConnection, name: str, value: str) -> None:
        if value and deaths:
            raise deaths.pop()
        await move(conn, name, value)

    monkeypatch.setattr("connectors.wecom_kf.puller.cursor.do_move", dies_once)
    async with customer_service(world) as harness:
        say(harness, "一", "二", "三")
        await harness.tell()
        await harness.until_read()
        assert [message.text for message in await world.said("wecom_kf", CUSTOMER)] == ["一", "二", "三"]
        assert not deaths


async def test_what_was_said_before_we_came_is_not_answered(world: World) -> None:
    async with customer_service(world) as harness:
        say(harness, "很久以前", "刚才")
        harness.service.accounts[ACCOUNT].items[0]["send_time"] -= 3600
        await harness.tell()
        await harness.until_read()
        assert [message.text for message in await world.said("wecom_kf", CUSTOMER)] == ["刚才"]


async def test_an_hour_in_which_nothing_can_be_fetched(world: World) -> None:
    async with customer_service(world) as harness:
        harness.platform.state, harness.platform.spared = "down", ()
        say(harness, "在吗", "有人吗")
        await harness.tell()
        await asyncio.sleep(0.1)
        assert await world.everything("wecom_kf") == []
        harness.platform.state = "up"
        await harness.until_read()
        assert [message.text for message in await world.said("wecom_kf", CUSTOMER)] == ["在吗", "有人吗"]


async def test_a_callback_whose_token_has_run_out_is_read_without(world: World) -> None:
    async with customer_service(world) as harness:
        say(harness, "在吗")
        harness.service.accounts[ACCOUNT].tokens.clear()
        await harness.pushes.deliver(harness.pushes.happened(ACCOUNT, "ENCwrong"))
        await harness.until_read()
        assert len(await world.said("wecom_kf", CUSTOMER)) == 1


async def test_a_customer_is_welcomed_and_presses_a_button(world: World) -> None:
    async with customer_service(world) as harness:
        world.answers = lambda message: (Reply(text="您好，请问有什么可以帮您？", buttons=MENU),)
        harness.service.enter(ACCOUNT, CUSTOMER)
        await world.until_shown(harness, CUSTOMER, 1)
        [bubble] = harness.service.session(ACCOUNT, CUSTOMER).bubbles
        assert (bubble.text, [title for _id, title in bubble.buttons]) == (
            "您好，请问有什么可以帮您？",
            ["查物流", "退换货"],
        )
        assert harness.service.session(ACCOUNT, CUSTOMER).state == ENDED

        press(harness, bubble, 1)
        await harness.tell()
        await harness.until_read()
        assert [m.payload for m in await world.said("wecom_kf", CUSTOMER)] == ["/greet", "/return_goods"]


async def test_the_session_is_the_bots_once_a_customer_writes(world: World) -> None:
    async with customer_service(world) as harness:
        await harness.push(Said("在吗"))
        await world.until_delivered("wecom_kf", CUSTOMER)
        assert harness.service.session(ACCOUNT, CUSTOMER).state == BOT


async def test_wecoms_people_take_over_from_our_queue_and_give_back(world: World) -> None:
    async with customer_service(world, people="wecom") as harness:
        session = harness.service.session(ACCOUNT, CUSTOMER)
        await harness.push(Said("转人工"))
        await world.until_delivered("wecom_kf", CUSTOMER)
        await change_owner(world, lease.QUEUE)
        await until(lambda: session.state == POOL)

        harness.service.serve(ACCOUNT, CUSTOMER, "zhangsan")
        async with asyncio.timeout(TIMEOUT):
            while await owner(world) != ELSEWHERE:
                await asyncio.sleep(0.02)
        harness.service.answer(ACCOUNT, CUSTOMER, "您好，我是张三")
        await harness.tell()
        await harness.until_read()
        [*_, written] = await world.transcript("wecom_kf", CUSTOMER)
        assert (written.author, written.author_name, written.text) == ("agent", "zhangsan", "您好，我是张三")
        assert written.status == "delivered"

        harness.service.end(ACCOUNT, CUSTOMER)
        async with asyncio.timeout(TIMEOUT):
            while await owner(world) != lease.BOT:
                await asyncio.sleep(0.02)


async def test_a_word_to_who_was_queued_goes_by_the_code(world: World) -> None:
    async with customer_service(world, people="wecom") as harness:
        session = harness.service.session(ACCOUNT, CUSTOMER)
        await harness.push(Said("转人工"))
        await world.until_delivered("wecom_kf", CUSTOMER)
        await change_owner(world, lease.QUEUE)
        await until(lambda: session.state == POOL)
        world.answers = lambda message: (Reply(text="正在为您排队"),)
        await harness.push(Said("还要多久"))
        await world.until_delivered("wecom_kf", CUSTOMER, 2)
        assert session.bubbles[-1].text == "正在为您排队"
        await harness.push(Said("好了吗"))
        assert (await world.until_settled("wecom_kf", CUSTOMER, 3))[-1].failure == "held_elsewhere"


async def test_a_servicer_who_takes_a_customer_from_the_bot_is_followed(world: World) -> None:
    async with customer_service(world) as harness:
        await harness.push(Said("在吗"))
        await world.until_delivered("wecom_kf", CUSTOMER)
        harness.service.serve(ACCOUNT, CUSTOMER, "lisi")
        async with asyncio.timeout(TIMEOUT):
            while await owner(world) != ELSEWHERE:
                await asyncio.sleep(0.02)


async def test_a_message_that_fails_late_is_seen_and_goes_again_when_the_customer_writes(world: World) -> None:
    async with customer_service(world) as harness:
        world.answers = lambda message: [Reply(text=f"re: {message.text}")]
        harness.service.fail_next = 6
        await harness.push(Said("一"))

        def failed(sent: list[Message]) -> bool:
            return bool(sent) and sent[-1].failure == "quota"

        async with asyncio.timeout(TIMEOUT):
            while not failed(await world.until_settled("wecom_kf", CUSTOMER, 1)):
                await asyncio.sleep(0.02)
        await harness.push(Said("二"))
        await world.until_delivered("wecom_kf", CUSTOMER, 2)
        assert [shown.text for shown in await harness.shown(CUSTOMER)] == ["re: 一", "re: 二"]


async def test_a_lost_answer_shows_nothing_twice(world: World) -> None:
    async with customer_service(world) as harness:
        harness.platform.lose_answers = 1
        await harness.push(Said("在吗"))
        for _ in range(20):
            await asyncio.sleep(0.1)
            world.ahead += 60
        await world.until_delivered("wecom_kf", CUSTOMER)
        assert [shown.text for shown in await harness.shown(CUSTOMER)] == ["re: 在吗"]


async def test_who_is_known_elsewhere_goes_on_there(world: World) -> None:
    known = await world.intake.open("miniprogram", "o1", proofs=(Proof("unionid", "u1"),))
    async with customer_service(world) as harness:
        harness.service.unionids[CUSTOMER] = "u1"
        await harness.push(Said("继续"))
        assert await conversation(world) == known


async def test_a_recording_is_kept(world: World) -> None:
    async with customer_service(world) as harness:
        recording = b"#!AMR\n" + bytes(64)
        media_id = harness.platform.keep(recording, "audio/amr")
        harness.service.write(ACCOUNT, CUSTOMER, "voice", {"media_id": media_id})
        await harness.tell()
        await harness.until_read()
        [message] = await world.said("wecom_kf", CUSTOMER)
        assert message.attachments[0].media_id
        assert (await world.media.get(message.attachments[0].media_id))[1] == recording


async def change_owner(world: World, owner: str) -> None:
    conversation_id = await conversation(world)
    async with world.database.begin() as conn:
        await lease.do_transfer(conn, conversation_id, owner)
    await world.bus.publish(f"conversation.{conversation_id}", {"kind": "owner"})


def press(harness: CustomerServiceHarness, bubble: Bubble, place: int) -> None:
    menu_id, title = bubble.buttons[place]
    harness.service.write(ACCOUNT, CUSTOMER, "text", {"content": title, "menu_id": menu_id})
    assert harness.service.session(ACCOUNT, CUSTOMER).state == NEW
