"""The outbox: what we promised to send, stored under the fencing token before anybody sends it.

A message out is `queued`, then `delivered`, or `undelivered` with a `failure` that says why. Those can be sent again.
"""

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime

from sqlalchemy import ColumnElement, bindparam, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from core.conversation import identity
from core.conversation.message import Author, Message, Reply, new_id
from core.conversation.states import DELIVERED, QUEUED, UNDELIVERED, is_queued, is_undelivered
from core.conversation.transcript import as_message
from core.errors import NotFound, StaleFence
from core.storage.tables import conversations, messages

QUOTA = "quota"
WINDOW_CLOSED = "window_closed"

_PLACE = (
    update(conversations)
    .where(conversations.c.id == bindparam("conversation"), conversations.c.fence == bindparam("shown_fence"))
    .values(last_seq=conversations.c.last_seq + bindparam("count"))
    .returning(conversations.c.last_seq, conversations.c.channel, conversations.c.sender)
)
_STORE = insert(messages).returning(messages, sort_by_parameter_order=True)
_WAITING = (
    select(messages)
    .where(
        messages.c.channel == bindparam("to_channel"),
        messages.c.sender == bindparam("to_sender"),
        is_queued,
    )
    .order_by(messages.c.created_at, messages.c.seq)
)


async def do_send(
    conn: AsyncConnection,
    conversation_id: str,
    replies: Sequence[Reply],
    *,
    fence: int,
    author: Author = "bot",
    author_name: str | None = None,
    reply_to: str | None = None,
    vendor_id: str | None = None,
) -> list[Message]:
    """Queue `replies` for the customer, in order.

    Raises StaleFence when the conversation has changed hands since `fence` was given out: nothing is stored then.
    `vendor_id` is a page's own id of one message, to be told from a repeat.
    """
    shown = {"conversation": conversation_id, "shown_fence": fence, "count": len(replies)}
    place = (await conn.execute(_PLACE, shown)).one_or_none()
    if place is None:
        await _explain_refusal(conn, conversation_id, fence)
    if not replies:
        return []
    assert place is not None
    first = place.last_seq - len(replies) + 1
    now = datetime.now(UTC)
    rows = [
        {
            "id": new_id(),
            "conversation_id": conversation_id,
            "seq": first + offset,
            "direction": "out",
            "author": author,
            "author_name": author_name,
            "channel": place.channel,
            "sender": place.sender,
            "vendor_id": vendor_id,
            "body": asdict(reply),
            "status": QUEUED,
            "reply_to": reply_to,
            "created_at": now,
        }
        for offset, reply in enumerate(replies)
    ]
    stored = await conn.execute(_STORE, rows)
    return [as_message(row) for row in stored]


async def waiting(conn: AsyncConnection, channel: str, sender: str) -> list[Message]:
    """Queued messages to a customer of a channel, in order."""
    return [as_message(row) for row in await conn.execute(_WAITING, {"to_channel": channel, "to_sender": sender})]


async def do_mark_delivered(conn: AsyncConnection, message_ids: Iterable[str]) -> None:
    mine = messages.c.id.in_(list(message_ids)) & (is_queued)
    await conn.execute(update(messages).where(mine).values(status=DELIVERED))


async def unseen(
    conn: AsyncConnection, channel: str, since: datetime, until: datetime, limit: int = 1000
) -> list[Message]:
    """Queued messages of a channel from a stretch of time: the newest `limit`, oldest first."""
    then = (messages.c.created_at >= since) & (messages.c.created_at < until)
    query = select(messages).where(is_queued, messages.c.channel == channel, then)
    newest = (await conn.execute(query.order_by(messages.c.created_at.desc()).limit(limit))).all()
    return [as_message(row) for row in reversed(newest)]


async def do_mark_seen(conn: AsyncConnection, channel: str, sender: str, conversation_id: str, seq: int) -> None:
    """The customer's app says it has everything up to `seq`."""
    theirs = (messages.c.channel == channel) & (messages.c.sender == sender)
    seen = theirs & (messages.c.conversation_id == conversation_id) & (messages.c.seq <= seq)
    await conn.execute(update(messages).where(seen, is_queued).values(status=DELIVERED))


async def do_mark_undelivered(conn: AsyncConnection, message_ids: Iterable[str], failure: str) -> list[Message]:
    """These did not reach the customer, though a vendor may have taken them; `failure` is a short code."""
    mine = messages.c.id.in_(list(message_ids)) & (messages.c.direction == "out")
    marked = update(messages).where(mine).values(status=UNDELIVERED, failure=failure).returning(messages)
    return [as_message(row) for row in await conn.execute(marked)]


async def do_record(
    conn: AsyncConnection,
    channel: str,
    sender: str,
    reply: Reply,
    *,
    author_name: str | None,
    vendor_id: str,
    created_at: datetime,
) -> Message | None:
    """Write down what somebody said to the customer with the vendor's own means; None for a repeat."""
    known = select(messages.c.id).where(messages.c.channel == channel, messages.c.vendor_id == vendor_id)
    if (await conn.execute(known)).one_or_none():
        return None
    conversation_id = await identity.do_open(conn, channel, sender)
    count = update(conversations).where(conversations.c.id == conversation_id)
    seq = await conn.execute(count.values(last_seq=conversations.c.last_seq + 1).returning(conversations.c.last_seq))
    row = {
        "id": new_id(),
        "conversation_id": conversation_id,
        "seq": seq.scalar_one(),
        "direction": "out",
        "author": "agent",
        "author_name": author_name,
        "channel": channel,
        "sender": sender,
        "vendor_id": vendor_id,
        "body": asdict(reply),
        "status": DELIVERED,
        "created_at": created_at,
    }
    return as_message((await conn.execute(insert(messages).values(row).returning(messages))).one())


async def do_send_again(conn: AsyncConnection, *which: ColumnElement[bool]) -> list[Message]:
    """Queue undelivered messages again: all, or those that meet the conditions on `messages`."""
    again = update(messages).where(is_undelivered, *which).values(status=QUEUED, failure=None)
    return [as_message(row) for row in await conn.execute(again.returning(messages))]


async def do_send_held_back(conn: AsyncConnection, channel: str, sender: str) -> None:
    """Queue again what the vendor did not let us send: the customer has written, so it lets us now."""
    to_them = (messages.c.channel == channel) & (messages.c.sender == sender)
    await do_send_again(conn, to_them, messages.c.failure.in_((QUOTA, WINDOW_CLOSED)))


async def undelivered(conn: AsyncConnection, channel: str | None = None, limit: int = 200) -> list[Message]:
    """What could not be sent, newest first."""
    query = select(messages).where(is_undelivered).order_by(messages.c.created_at.desc())
    if channel:
        query = query.where(messages.c.channel == channel)
    return [as_message(row) for row in await conn.execute(query.limit(limit))]


async def _explain_refusal(conn: AsyncConnection, conversation_id: str, fence: int) -> None:
    found = select(conversations.c.owner, conversations.c.fence).where(conversations.c.id == conversation_id)
    row = (await conn.execute(found)).one_or_none()
    if row is None:
        raise NotFound(f"no conversation {conversation_id}")
    raise StaleFence(f"conversation {conversation_id} belongs to {row.owner} (fence {row.fence}, not {fence})")
