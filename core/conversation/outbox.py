"""The outbox: what we promised to send, stored under the fencing token before anybody sends it."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime

from sqlalchemy import bindparam, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from core.conversation.message import Author, Message, Reply, new_id
from core.conversation.transcript import as_message
from core.errors import NotFound, StaleFence
from core.storage.tables import conversations, messages

QUEUED = "queued"
DELIVERED = "delivered"

_PLACE = (
    update(conversations)
    .where(conversations.c.id == bindparam("conversation"), conversations.c.fence == bindparam("shown_fence"))
    .values(last_seq=conversations.c.last_seq + bindparam("count"))
    .returning(conversations.c.last_seq, conversations.c.channel)
)
_STORE = insert(messages).returning(messages, sort_by_parameter_order=True)
_WAITING = (
    select(messages)
    .where(messages.c.conversation_id == bindparam("conversation"), messages.c.status == QUEUED)
    .order_by(messages.c.seq)
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


async def waiting(conn: AsyncConnection, conversation_id: str) -> list[Message]:
    """Queued messages of a conversation, in order."""
    return [as_message(row) for row in await conn.execute(_WAITING, {"conversation": conversation_id})]


async def do_mark_delivered(conn: AsyncConnection, message_ids: Iterable[str]) -> None:
    mine = messages.c.id.in_(list(message_ids)) & (messages.c.status == QUEUED)
    await conn.execute(update(messages).where(mine).values(status=DELIVERED))


async def _explain_refusal(conn: AsyncConnection, conversation_id: str, fence: int) -> None:
    found = select(conversations.c.owner, conversations.c.fence).where(conversations.c.id == conversation_id)
    row = (await conn.execute(found)).one_or_none()
    if row is None:
        raise NotFound(f"no conversation {conversation_id}")
    raise StaleFence(f"conversation {conversation_id} belongs to {row.owner} (fence {row.fence}, not {fence})")
