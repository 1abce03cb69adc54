"""The transcript: rows of `messages` as `Message`s, and back."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, exists, select
from sqlalchemy.ext.asyncio import AsyncConnection

from core.conversation.message import Attachment, Button, Message
from core.storage.tables import identities, messages

LIMIT = 200
_LEADS_HERE = exists().where(
    identities.c.channel == messages.c.channel,
    identities.c.sender == messages.c.sender,
    identities.c.conversation_id == messages.c.conversation_id,
)


async def read(
    conn: AsyncConnection,
    conversation_id: str,
    *,
    after: int = 0,
    before: int | None = None,
    limit: int = LIMIT,
    for_customer: bool = False,
) -> list[Message]:
    """Messages with `after < seq < before`, oldest first; with `before` the newest `limit` of them.

    `for_customer`: without what was said by and to somebody who does not lead here any more. A link that was undone was
    wrong, so the two are strangers; agents still see what was said.
    """
    query = select(messages).where(messages.c.conversation_id == conversation_id, messages.c.seq > after)
    if for_customer:
        query = query.where(_LEADS_HERE)
    if before is None:
        rows: Sequence[Row[Any]] = (await conn.execute(query.order_by(messages.c.seq).limit(limit))).all()
    else:
        newest = query.where(messages.c.seq < before).order_by(messages.c.seq.desc()).limit(limit)
        rows = (await conn.execute(newest)).all()[::-1]
    return [as_message(row) for row in rows]


async def newest(conn: AsyncConnection, conversation_id: str, limit: int = LIMIT) -> list[Message]:
    """The last `limit` messages, oldest first."""
    return await read(conn, conversation_id, before=2**31 - 1, limit=limit)


def as_message(row: Row[Any]) -> Message:
    body = row.body
    return Message(
        id=row.id,
        conversation_id=row.conversation_id,
        seq=row.seq,
        direction=row.direction,
        author=row.author,
        author_name=row.author_name,
        text=body.get("text"),
        buttons=tuple(Button(**button) for button in body.get("buttons", ())),
        image=body.get("image"),
        custom=body.get("custom"),
        channel=row.channel,
        sender=row.sender,
        status=row.status,
        reply_to=row.reply_to,
        created_at=row.created_at,
        payload=body.get("payload"),
        client_id=row.vendor_id.rpartition(":")[2] if row.vendor_id else None,
        attachments=tuple(_attachment(value) for value in body.get("attachments", ())),
        failure=row.failure,
    )


def _attachment(value: dict[str, Any]) -> Attachment:
    position = value.get("position")
    return Attachment(**value | {"position": tuple(position) if position else None})
