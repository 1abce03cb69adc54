"""The event log: every step of a conversation. Desk, boards, reviews, export and erasure read it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from core.storage.tables import events

_APPEND = insert(events).inline()


@dataclass(frozen=True, slots=True)
class Event:
    """`type` is one of: turn, reply_refused, turn_failed, handoff.*, ticket.*, …; `data` is JSON."""

    id: int
    conversation_id: str
    type: str
    message_id: str | None
    data: dict[str, Any]
    created_at: datetime


async def do_append(
    conn: AsyncConnection, conversation_id: str, type: str, data: dict[str, Any], message_id: str | None = None
) -> None:
    row = {"conversation_id": conversation_id, "type": type, "message_id": message_id, "data": data}
    await conn.execute(_APPEND, {**row, "created_at": datetime.now(UTC)})


async def read(
    conn: AsyncConnection, conversation_id: str, *, types: Sequence[str] = (), limit: int = 200
) -> list[Event]:
    """The newest `limit` events of a conversation (of these types), oldest first."""
    query = select(events).where(events.c.conversation_id == conversation_id)
    if types:
        query = query.where(events.c.type.in_(types))
    rows = (await conn.execute(query.order_by(events.c.id.desc()).limit(limit))).all()
    return [Event(**row._mapping) for row in reversed(rows)]
