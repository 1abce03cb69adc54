"""The queue under races and crashes: one handoff a conversation, one owner, no lost or doubled notice."""

from __future__ import annotations

import asyncio

import pytest

from core.conversation import lease, outbox, transcript
from core.conversation.message import Reply
from core.errors import Conflict, KefuError, NotFound, StaleFence
from handoff import queue, record, tickets, waiting
from handoff.notices import notices
from tests.handoff.world import World


async def request(world: World, conversation_id: str) -> queue.Change:
    async with world.database.begin() as conn:
        return await queue.do_request(
            conn, conversation_id, reason="stuck_form", decision={}, summary={}, priority=0, agents_available=1
        )


async def take(world: World, handoff_id: str, taker: queue.Taker) -> queue.Change:
    async with world.database.begin() as conn:
        return await queue.do_take(conn, handoff_id, taker)


async def taker(world: World, username: str) -> queue.Taker:
    agent = await world.add_agent(username)
    return queue.Taker(agent.id, agent.name)


async def texts(world: World, conversation_id: str, author: str) -> list[str | None]:
    async with world.database.connect() as conn:
        return [said.text for said in await transcript.read(conn, conversation_id) if said.author == author]


async def test_requests_at_the_same_time_are_one(world: World) -> None:
    conversation_id = (await world.say("甲", "人工")).conversation_id
    changes = await asyncio.gather(*(request(world, conversation_id) for _ in range(5)))
    assert len({change.handoff.id for change in changes}) == 1
    assert sum(change.is_new for change in changes) == 1
    assert len(await texts(world, conversation_id, "system")) == 1


async def test_a_conversation_can_be_handed_over_again_after_it_was_closed(world: World) -> None:
    first = await world.hand_over("甲")
    agent = await taker(world, "xiaowang")
    await take(world, first.id, agent)
    async with world.database.begin() as conn:
        await queue.do_close(conn, first.id, agent, "solved")
    assert (await request(world, first.conversation_id)).handoff.id != first.id


async def test_a_request_for_an_unknown_conversation_is_refused(world: World) -> None:
    with pytest.raises(NotFound):
        await request(world, "none")


async def test_a_late_reply_of_the_bot_is_refused(world: World) -> None:
    said = await world.say("甲", "人工")
    async with world.database.connect() as conn:
        held = await lease.read(conn, said.conversation_id)
    await request(world, said.conversation_id)
    async with world.database.begin() as conn:
        with pytest.raises(StaleFence):
            await outbox.do_send(conn, said.conversation_id, [Reply(text="我是机器人")], fence=held.fence)


@pytest.mark.parametrize("race", range(10))
async def test_taking_and_giving_up_at_the_same_time(world: World, race: int) -> None:
    """Whoever is first wins; the customer is with the agent or with the bot, never in between."""
    handoff = await world.hand_over("甲")
    agent = await taker(world, "xiaowang")

    async def give_up() -> queue.Change | None:
        async with world.database.begin() as conn:
            return await queue.do_cancel(conn, handoff.conversation_id)

    taken, cancelled = await asyncio.gather(take(world, handoff.id, agent), give_up(), return_exceptions=True)
    async with world.database.connect() as conn:
        owner = (await lease.read(conn, handoff.conversation_id)).owner
        status = (await record.read(conn, handoff.id)).status
    if isinstance(taken, queue.Change):
        assert cancelled is None and (owner, status) == (f"agent:{agent.id}", "taken")
    else:
        assert isinstance(taken, Conflict) and (owner, status) == ("bot", "cancelled")


async def test_a_bot_reply_and_a_takeover_race_200_times(world: World) -> None:
    """Nothing of the bot ever comes after an agent took over."""
    agent = await taker(world, "xiaowang")

    async def late_bot(conversation_id: str, fence: int) -> None:
        async with world.database.begin() as conn:
            await outbox.do_send(conn, conversation_id, [Reply(text="机器人回复")], fence=fence)

    for number in range(200):
        handoff = await world.hand_over(f"客户{number}")
        async with world.database.connect() as conn:
            fence = (await lease.read(conn, handoff.conversation_id)).fence
        _, refused = await asyncio.gather(
            take(world, handoff.id, agent), late_bot(handoff.conversation_id, fence), return_exceptions=True
        )
        async with world.database.connect() as conn:
            said = [message.author for message in await transcript.read(conn, handoff.conversation_id)]
        took_over = len(said) - 1 - said[::-1].index("system")
        assert "bot" not in said[took_over:]
        assert isinstance(refused, StaleFence) == ("bot" not in said)


async def test_positions_in_the_queue(world: World) -> None:
    first, second = await world.hand_over("甲"), await world.hand_over("乙")
    vip = await world.hand_over("丙", vip=True)
    async with world.database.connect() as conn:
        places = [await record.position(conn, each.conversation_id) for each in (vip, first, second)]
    assert places == [1, 2, 3]
    await take(world, vip.id, await taker(world, "xiaowang"))
    async with world.database.connect() as conn:
        assert await record.position(conn, second.conversation_id) == 2
        assert await record.position(conn, vip.conversation_id) is None


async def test_nobody_free_is_said_and_a_ticket_offered(world: World) -> None:
    handoff = await world.hand_over("甲", "找人工")
    async with world.database.connect() as conn:
        told = (await transcript.read(conn, handoff.conversation_id))[-1]
    assert "没有客服在线" in (told.text or "")
    assert [button.payload for button in told.buttons] == [waiting.LEAVE_TICKET, waiting.STOP_WAITING]


@pytest.mark.parametrize(("text", "payload"), [("留言", waiting.LEAVE_TICKET), ("留言", None)])
async def test_a_waiting_customer_leaves_a_ticket(world: World, text: str, payload: str | None) -> None:
    handoff = await world.hand_over("甲", "找人工", vip=True)
    await world.say("甲", "杯子碎了两个")
    said = await world.say("甲", text, payload=payload)
    for _ in range(2):
        async with world.database.begin() as conn:
            change = await waiting.do_answer(conn, said, agents_available=0)
    assert change is None  # the second time nothing waits any more
    async with world.database.connect() as conn:
        (ticket,) = await tickets.of_customer(conn, said.conversation_id)
        assert (await lease.read(conn, said.conversation_id)).owner == "bot"
        assert (await record.read(conn, handoff.id)).status == "cancelled"
    assert (ticket.handoff_id, ticket.created_by, ticket.priority) == (handoff.id, "customer", "high")
    assert ticket.body == "等待时补充：杯子碎了两个"
    assert ticket.number in str(await texts(world, said.conversation_id, "system"))


@pytest.mark.parametrize("title", ["取消排队", "先让小助手帮我", "最后一个", "那就先不等了", "算了", "唔使啦 bb瞓咗"])
async def test_a_waiting_customer_gives_up(world: World, title: str) -> None:
    await world.hand_over("甲")
    said = await world.say("甲", title)
    async with world.database.begin() as conn:
        change = await waiting.do_answer(conn, said, agents_available=1)
    assert change and change.handoff.status == "cancelled"
    assert "取消排队" in (change.messages[0].text or "")


async def test_words_while_waiting_are_acknowledged_now_and_then(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    await world.hand_over("甲")
    said = await world.say("甲", "订单是昨天下的")
    async with world.database.begin() as conn:
        assert await waiting.do_answer(conn, said, agents_available=1) is None
    monkeypatch.setattr(waiting, "QUIET", waiting.QUIET * 0)
    async with world.database.begin() as conn:
        change = await waiting.do_answer(conn, said, agents_available=1)
    assert change and "第 1 位" in (change.messages[0].text or "")
    assert change.handoff.status == "waiting"


async def test_a_taken_conversation_is_not_cancelled(world: World) -> None:
    handoff = await world.hand_over("甲")
    await take(world, handoff.id, await taker(world, "xiaowang"))
    said = await world.say("甲", "留言")
    async with world.database.begin() as conn:
        assert await waiting.do_answer(conn, said, agents_available=1) is None
        assert await queue.do_cancel(conn, said.conversation_id) is None


async def test_the_buttons_of_notices_are_those_that_waiting_understands() -> None:
    payloads = {button.payload for notice in notices().values() for button in notice.buttons}
    assert payloads == {waiting.LEAVE_TICKET, waiting.STOP_WAITING}


async def test_tickets_are_the_members_own(world: World) -> None:
    mine = await world.say("member:M1", "你好", member_id="M1")
    other = await world.say("guest", "你好")
    async with world.database.begin() as conn:
        first = await tickets.do_create(conn, mine.conversation_id, subject="补发", body="少一件", key="m1:submit")
        again = await tickets.do_create(conn, mine.conversation_id, subject="补发", body="少一件", key="m1:submit")
        assert first == again
        await tickets.do_create(conn, other.conversation_id, subject="别的", body="别的事")
        assert [ticket.id for ticket in await tickets.of_customer(conn, mine.conversation_id)] == [first.id]
        for subject, body, priority in (("", "b", "low"), ("a", " ", "low"), ("a", "b", "soon")):
            with pytest.raises(KefuError):
                await tickets.do_create(
                    conn,
                    mine.conversation_id,
                    subject=subject,
                    body=body,
                    priority=priority,  # type: ignore[arg-type]
                )
