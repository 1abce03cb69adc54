"""A handoff as it is stored, and the order of the queue: VIP first, then oldest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from core.errors import NotFound
from core.storage.tables import agents, handoffs

WAITING, TAKEN, CLOSED, CANCELLED = "waiting", "taken", "closed", "cancelled"


@dataclass(frozen=True)
class Handoff:
    id: str
    conversation_id: str
    status: str
    reason: str
    priority: int
    decision: Mapping[str, Any]
    summary: Mapping[str, Any]
    """`Summary.as_json()` and, under `customer`, `Customer.as_json()`."""
    agent_id: str | None
    agent_name: str | None
    resolution: str | None
    note: str | None
    created_at: datetime
    taken_at: datetime | None
    closed_at: datetime | None


async def read(conn: AsyncConnection, handoff_id: str) -> Handoff:
    rows = (await conn.execute(_query().where(handoffs.c.id == handoff_id))).all()
    if not rows:
        raise NotFound("没有这条会话")
    return _handoff(rows[0])


async def open_handoff(conn: AsyncConnection, conversation_id: str) -> Handoff | None:
    """The handoff of a conversation that waits or is taken; there is at most one."""
    mine = (handoffs.c.conversation_id == conversation_id) & handoffs.c.status.in_((WAITING, TAKEN))
    row = (await conn.execute(_query().where(mine))).one_or_none()
    return _handoff(row) if row else None


async def listed(conn: AsyncConnection, statuses: tuple[str, ...]) -> list[Handoff]:
    """Handoffs of these statuses in the order of the queue: VIP first, then oldest."""
    ordered = _query().where(handoffs.c.status.in_(statuses)).order_by(*_ORDER)
    return [_handoff(row) for row in await conn.execute(ordered)]


async def recently_closed(conn: AsyncConnection, limit: int) -> list[Handoff]:
    closed = _query().where(handoffs.c.status == CLOSED).order_by(handoffs.c.closed_at.desc()).limit(limit)
    return [_handoff(row) for row in await conn.execute(closed)]


async def position(conn: AsyncConnection, conversation_id: str) -> int | None:
    """1 for who is next; None when the conversation does not wait."""
    handoff = await open_handoff(conn, conversation_id)
    if handoff is None or handoff.status != WAITING:
        return None
    same = handoffs.c.priority == handoff.priority
    older = (handoffs.c.created_at < handoff.created_at) | (
        (handoffs.c.created_at == handoff.created_at) & (handoffs.c.id < handoff.id)
    )
    ahead = (handoffs.c.status == WAITING) & or_(handoffs.c.priority > handoff.priority, same & older)
    return int((await conn.execute(select(func.count()).where(ahead))).scalar_one()) + 1


_ORDER = (handoffs.c.priority.desc(), handoffs.c.created_at, handoffs.c.id)


def _query() -> Any:
    return select(handoffs, agents.c.name.label("agent_name")).outerjoin(agents, agents.c.id == handoffs.c.agent_id)


def _handoff(row: Row[Any]) -> Handoff:
    return Handoff(**row._mapping)
