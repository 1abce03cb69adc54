"""The inbox: what customers said, stored before it is acknowledged, repeats dropped."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Row, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from core.conversation.message import Inbound, Message, new_id
from core.conversation.transcript import as_message
from core.storage.tables import conversations, messages

ACCEPTED = "accepted"
DONE = "done"


@dataclass(frozen=True, slots=True)
class Accepted:
    message: Message
    is_repeat: bool


async def find(conn: AsyncConnection, channel: str, sender: str) -> str | None:
    """The id of the conversation of a customer of a channel."""
    return (await conn.execute(select(conversations.c.id).where(_of(channel, sender)))).scalar_one_or_none()


async def do_open(conn: AsyncConnection, channel: str, sender: str, member_id: str | None = None) -> str:
    """The id of the conversation of a customer of a channel; a new one where there is none."""
    return await find(conn, channel, sender) or await _create(conn, channel, sender, member_id)


async def do_accept(conn: AsyncConnection, inbound: Inbound) -> Accepted:
    """Store a message. Once the transaction is committed it will be answered, whatever dies.

    A repeat (same channel and vendor id) is not stored again; the first one comes back.
    """
    place = await _next_seq(conn, inbound)
    if place is None:
        await _create(conn, inbound.channel, inbound.sender, inbound.member_id)
        place = await _next_seq(conn, inbound)
        assert place is not None
    values = {
        "id": new_id(),
        "conversation_id": place.id,
        "seq": place.last_seq,
        "direction": "in",
        "author": "customer",
        "channel": inbound.channel,
        "vendor_id": inbound.vendor_id,
        "body": {"text": inbound.text, "payload": inbound.payload, "metadata": dict(inbound.metadata)},
        "status": ACCEPTED,
        "created_at": inbound.received_at,
    }
    insert = _insert(conn)(messages).values(**values).on_conflict_do_nothing(index_elements=["channel", "vendor_id"])
    row = (await conn.execute(insert.returning(messages))).one_or_none()
    if row:
        return Accepted(as_message(row), is_repeat=False)
    known = (messages.c.channel == inbound.channel) & (messages.c.vendor_id == inbound.vendor_id)
    return Accepted(as_message((await conn.execute(select(messages).where(known))).one()), is_repeat=True)


async def next_waiting(conn: AsyncConnection, conversation_id: str) -> Row[Any] | None:
    """The oldest accepted message of a conversation that is not done: the whole row, and its `member_id`."""
    query = (
        select(messages, conversations.c.member_id)
        .join(conversations, conversations.c.id == messages.c.conversation_id)
        .where(messages.c.conversation_id == conversation_id, messages.c.status == ACCEPTED)
        .order_by(messages.c.seq)
        .limit(1)
    )
    return (await conn.execute(query)).one_or_none()


async def waiting_conversations(conn: AsyncConnection, limit: int = 500) -> list[str]:
    """Conversations with accepted messages and no live worker, e.g. after a crash."""
    free = or_(conversations.c.worker.is_(None), conversations.c.worker_until < datetime.now(UTC))
    query = (
        select(messages.c.conversation_id)
        .join(conversations, conversations.c.id == messages.c.conversation_id)
        .where(messages.c.status == ACCEPTED, free)
        .distinct()
        .limit(limit)
    )
    return list((await conn.execute(query)).scalars())


async def do_finish(conn: AsyncConnection, message_id: str) -> bool:
    """Mark a message as done. False when it was done already."""
    waiting = (messages.c.id == message_id) & (messages.c.status == ACCEPTED)
    return (await conn.execute(update(messages).where(waiting).values(status=DONE))).rowcount == 1


async def do_count_attempt(conn: AsyncConnection, message_id: str) -> int:
    """Count one more failed try to answer; returns how many there were."""
    count = update(messages).where(messages.c.id == message_id).values(attempts=messages.c.attempts + 1)
    return int((await conn.execute(count.returning(messages.c.attempts))).scalar_one())


def _of(channel: str, sender: str) -> Any:
    return (conversations.c.channel == channel) & (conversations.c.sender == sender)


def _insert(conn: AsyncConnection) -> Any:
    return sqlite.insert if conn.dialect.name == "sqlite" else postgresql.insert


async def _next_seq(conn: AsyncConnection, inbound: Inbound) -> Row[Any] | None:
    """Count the conversation's sequence up. The row stays locked until the commit, so `seq` has no race."""
    count = update(conversations).where(_of(inbound.channel, inbound.sender))
    count = count.values(last_seq=conversations.c.last_seq + 1)
    return (await conn.execute(count.returning(conversations.c.id, conversations.c.last_seq))).one_or_none()


async def _create(conn: AsyncConnection, channel: str, sender: str, member_id: str | None) -> str:
    insert = _insert(conn)(conversations).values(
        id=new_id(), channel=channel, sender=sender, member_id=member_id, created_at=datetime.now(UTC)
    )
    await conn.execute(insert.on_conflict_do_nothing(index_elements=["channel", "sender"]))
    created = await find(conn, channel, sender)
    assert created is not None
    return created
