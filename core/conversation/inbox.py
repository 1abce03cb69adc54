"""The inbox: what customers said, stored before it is acknowledged, repeats dropped."""

from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Row, bindparam, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from core.conversation import addressee, identity, outbox
from core.conversation.message import Inbound, Message, new_id
from core.conversation.states import ACCEPTED, DONE, is_accepted
from core.conversation.transcript import as_message
from core.storage.tables import conversations, messages

# The customer's last channel is where answers go.
_NEXT_SEQ = (
    update(conversations)
    .where(conversations.c.id == bindparam("conversation"))
    .values(last_seq=conversations.c.last_seq + 1, channel=bindparam("last_channel"), sender=bindparam("last_sender"))
    .returning(conversations.c.last_seq)
)
_NEXT_WAITING = (
    select(messages, conversations.c.member_id)
    .join(conversations, conversations.c.id == messages.c.conversation_id)
    .where(messages.c.conversation_id == bindparam("conversation"), is_accepted)
    .order_by(messages.c.seq)
    .limit(1)
)
_KNOWN = select(messages).where(
    messages.c.channel == bindparam("of_channel"), messages.c.vendor_id == bindparam("of_vendor_id")
)
_FINISH = update(messages).where(messages.c.id == bindparam("message"), is_accepted).values(status=DONE)
_INSERTS: dict[str, Any] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}
_STORE = {
    name: insert(messages).on_conflict_do_nothing(index_elements=["channel", "vendor_id"]).returning(messages)
    for name, insert in _INSERTS.items()
}


@dataclass(frozen=True, slots=True)
class Accepted:
    message: Message
    is_repeat: bool


async def do_accept(conn: AsyncConnection, inbound: Inbound) -> Accepted:
    """Store a message. Once the transaction is committed it will be answered, whatever dies.

    A repeat (same channel and vendor id) changes nothing; the first one comes back.
    """
    asked = {"of_channel": inbound.channel, "of_vendor_id": inbound.vendor_id}
    if known := (await conn.execute(_KNOWN, asked)).one_or_none():
        return Accepted(as_message(known), is_repeat=True)
    conversation_id = await identity.do_open(conn, inbound.channel, inbound.sender, inbound.member_id, inbound.proofs)
    # The conversation's row stays locked until the commit, so `seq` has no race.
    here = {"conversation": conversation_id, "last_channel": inbound.channel, "last_sender": inbound.sender}
    seq = (await conn.execute(_NEXT_SEQ, here)).scalar_one()
    values = {
        "id": new_id(),
        "conversation_id": conversation_id,
        "seq": seq,
        "direction": "in",
        "author": "customer",
        "channel": inbound.channel,
        "sender": inbound.sender,
        "vendor_id": inbound.vendor_id,
        "body": _body(inbound),
        "status": ACCEPTED,
        "created_at": inbound.received_at,
    }
    row = (await conn.execute(_STORE[conn.dialect.name], values)).one_or_none()
    if row:
        if inbound.allowance:
            await addressee.do_allow(conn, inbound.channel, inbound.sender, inbound.allowance, inbound.received_at)
            await outbox.do_send_held_back(conn, inbound.channel, inbound.sender)
        return Accepted(as_message(row), is_repeat=False)
    return Accepted(as_message((await conn.execute(_KNOWN, asked)).one()), is_repeat=True)  # it raced us here


async def next_waiting(conn: AsyncConnection, conversation_id: str) -> Row[Any] | None:
    """The oldest accepted message of a conversation that is not done: the whole row, and its `member_id`."""
    return (await conn.execute(_NEXT_WAITING, {"conversation": conversation_id})).one_or_none()


async def waiting_conversations(conn: AsyncConnection, limit: int = 500) -> list[str]:
    """Conversations with accepted messages and no live worker, e.g. after a crash."""
    free = or_(conversations.c.worker.is_(None), conversations.c.worker_until < datetime.now(UTC))
    query = (
        select(messages.c.conversation_id)
        .join(conversations, conversations.c.id == messages.c.conversation_id)
        .where(is_accepted, free)
        .distinct()
        .limit(limit)
    )
    return list((await conn.execute(query)).scalars())


async def do_finish(conn: AsyncConnection, message_id: str) -> bool:
    """Mark a message as done. False when it was done already."""
    return (await conn.execute(_FINISH, {"message": message_id})).rowcount == 1


async def do_count_attempt(conn: AsyncConnection, message_id: str) -> int:
    """Count one more failed try to answer; returns how many there were."""
    count = update(messages).where(messages.c.id == message_id).values(attempts=messages.c.attempts + 1)
    return int((await conn.execute(count.returning(messages.c.attempts))).scalar_one())


def _body(inbound: Inbound) -> dict[str, Any]:
    body: dict[str, Any] = {"text": inbound.text, "payload": inbound.payload, "metadata": dict(inbound.metadata)}
    if inbound.attachments:
        body["attachments"] = [asdict(attachment) for attachment in inbound.attachments]
    return body
