import asyncio
from collections.abc import Awaitable, Callable

import pytest

from core.conversation import inbox, lease, log, outbox, transcript
from core.conversation.message import Button, Inbound, Reply
from core.errors import NotFound, StaleFence
from core.storage.database import Database


def said(text: str, vendor_id: str, sender: str = "v1") -> Inbound:
    return Inbound(channel="web", vendor_id=vendor_id, sender=sender, text=text)


async def accept(database: Database, text: str, vendor_id: str, sender: str = "v1") -> inbox.Accepted:
    async with database.begin() as conn:
        return await inbox.do_accept(conn, said(text, vendor_id, sender))


async def test_a_repeat_is_dropped_and_answers_with_the_first(database: Database) -> None:
    first = await accept(database, "到哪了", "a")
    again = await accept(database, "到哪了", "a")
    assert (first.is_repeat, again.is_repeat) == (False, True)
    assert again.message == first.message
    async with database.connect() as conn:
        assert len(await transcript.read(conn, first.message.conversation_id)) == 1


async def test_racing_repeats_are_stored_once(database: Database) -> None:
    results = await asyncio.gather(*(accept(database, "在吗", "same") for _ in range(8)))
    assert sum(not result.is_repeat for result in results) == 1
    assert len({result.message.id for result in results}) == 1


async def test_racing_messages_of_one_customer_get_their_own_places(database: Database) -> None:
    results = await asyncio.gather(*(accept(database, str(n), f"id{n}") for n in range(12)))
    assert len({result.message.seq for result in results}) == 12
    assert len({result.message.conversation_id for result in results}) == 1


async def test_waiting_messages_come_in_order_and_once(database: Database) -> None:
    ids = [(await accept(database, text, text)).message for text in ("一", "二")]
    async with database.begin() as conn:
        assert await inbox.waiting_conversations(conn) == [ids[0].conversation_id]
        for message in ids:
            row = await inbox.next_waiting(conn, message.conversation_id)
            assert row is not None
            assert row.id == message.id
            assert await inbox.do_finish(conn, row.id)
            assert not await inbox.do_finish(conn, row.id)
        assert await inbox.next_waiting(conn, ids[0].conversation_id) is None


async def test_replies_carry_everything_and_follow_in_order(database: Database) -> None:
    asked = (await accept(database, "查订单", "a")).message
    replies = [
        Reply(text="选一个", buttons=(Button("第一单", '/inform{"order_number":"KF202611080001"}'),)),
        Reply(image="/x.png"),
    ]
    async with database.begin() as conn:
        held = await lease.read(conn, asked.conversation_id)
        sent = await outbox.do_send(conn, asked.conversation_id, replies, fence=held.fence, reply_to=asked.id)
    assert [message.seq for message in sent] == [asked.seq + 1, asked.seq + 2]
    async with database.connect() as conn:
        assert await transcript.read(conn, asked.conversation_id, after=asked.seq) == sent
        assert [message.reply_to for message in sent] == [asked.id, asked.id]
        assert await outbox.waiting(conn, asked.channel, asked.sender) == sent
    assert sent[0].buttons == replies[0].buttons
    async with database.begin() as conn:
        await outbox.do_mark_delivered(conn, [message.id for message in sent])
        assert await outbox.waiting(conn, asked.channel, asked.sender) == []


async def test_a_stale_fence_is_refused_and_stores_nothing(database: Database) -> None:
    asked = (await accept(database, "在吗", "a")).message
    async with database.begin() as conn:
        held = await lease.read(conn, asked.conversation_id)
        taken = await lease.do_transfer(conn, asked.conversation_id, lease.agent_owner("a1"))
    assert (taken.fence, taken.agent_id) == (held.fence + 1, "a1")
    with pytest.raises(StaleFence):
        async with database.begin() as conn:
            await outbox.do_send(conn, asked.conversation_id, [Reply(text="晚了")], fence=held.fence)
    async with database.connect() as conn:
        assert await transcript.read(conn, asked.conversation_id, after=asked.seq) == []


async def test_one_worker_at_a_time_and_a_dead_ones_claim_runs_out(database: Database) -> None:
    conversation = (await accept(database, "在吗", "a")).message.conversation_id
    async with database.begin() as conn:
        assert await lease.do_claim(conn, conversation, "w1", seconds=30)
        assert await lease.do_claim(conn, conversation, "w2", seconds=30) is None
        assert await inbox.waiting_conversations(conn) == []
        assert await lease.do_claim(conn, conversation, "w1", seconds=-1)  # its time is over
        assert await inbox.waiting_conversations(conn) == [conversation]
        assert await lease.do_claim(conn, conversation, "w2", seconds=30)
        await lease.do_release(conn, conversation, "w1")  # not its own any more: nothing happens
        assert await lease.do_claim(conn, conversation, "w1", seconds=30) is None


@pytest.mark.parametrize("call", [lease.read, lambda conn, id: outbox.do_send(conn, id, [], fence=1)])
async def test_an_unknown_conversation_is_named(database: Database, call: Callable[..., Awaitable[object]]) -> None:
    async with database.begin() as conn:
        with pytest.raises(NotFound, match="nowhere"):
            await call(conn, "nowhere")


async def test_pages_of_the_transcript(database: Database) -> None:
    for n in range(5):
        accepted = await accept(database, str(n), str(n))
    async with database.connect() as conn:
        conversation = accepted.message.conversation_id
        assert [m.text for m in await transcript.newest(conn, conversation, 2)] == ["3", "4"]
        assert [m.text for m in await transcript.read(conn, conversation, before=4, limit=2)] == ["1", "2"]
        assert [m.text for m in await transcript.read(conn, conversation, after=3)] == ["3", "4"]


async def test_the_log_keeps_what_happened(database: Database) -> None:
    message = (await accept(database, "在吗", "a")).message
    async with database.begin() as conn:
        for n in range(3):
            await log.do_append(conn, message.conversation_id, "turn", {"n": n}, message.id)
        await log.do_append(conn, message.conversation_id, "other", {})
    async with database.connect() as conn:
        events = await log.read(conn, message.conversation_id, types=["turn"], limit=2)
    assert [event.data["n"] for event in events] == [1, 2]


async def test_customer_text_is_sealed_at_rest(database: Database) -> None:
    await accept(database, "我电话13812345678", "a")
    async with database.connect() as conn:
        raw = (await conn.exec_driver_sql("select body from messages")).scalar_one()
    assert b"13812345678" not in bytes(raw)
    assert "电话".encode() not in bytes(raw)
