"""Cards of the queue: a handoff and the few things its conversation says at a glance."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from core.conversation.states import UNDELIVERED
from core.conversation.transcript import as_message
from core.storage.tables import conversations, messages
from handoff import record
from handoff.labels import labels
from handoff.record import Handoff
from handoff.schema import Card, CustomerView
from handoff.words import in_words


@dataclass(frozen=True)
class Talk:
    """The few things a card says of its conversation."""

    channel: str = ""
    last_text: str | None = None
    unread: int = 0
    undelivered: int = 0


def card(handoff: Handoff, talk: Talk) -> Card:
    waited_until = handoff.taken_at or handoff.closed_at or datetime.now(UTC)
    return Card(
        id=handoff.id,
        conversation_id=handoff.conversation_id,
        customer=CustomerView.model_validate(handoff.summary.get("customer") or _nobody()),
        channel=talk.channel,
        channel_label=labels().channel(talk.channel),
        reason=handoff.reason,
        reason_label=labels().reason(handoff.reason),
        priority=handoff.priority,
        created_at=handoff.created_at,
        waiting_seconds=max(0, int((waited_until - handoff.created_at).total_seconds())),
        taken_by=handoff.agent_name,
        taken_by_id=handoff.agent_id,
        status=handoff.status,
        resolution=handoff.resolution,
        note=handoff.note,
        closed_at=handoff.closed_at,
        last_text=talk.last_text,
        unread=talk.unread if handoff.status in (record.WAITING, record.TAKEN) else 0,
        undelivered=talk.undelivered,
    )


def _nobody() -> dict[str, Any]:
    return {"name": labels().nobody, "level": None, "vip": False}


async def talks(conn: AsyncConnection, handoffs: Sequence[Handoff]) -> defaultdict[str, Talk]:
    """By conversation: its channel, the customer's last words, and how much is unanswered and undelivered."""
    ids = {handoff.conversation_id for handoff in handoffs}
    if not ids:
        return defaultdict(Talk)
    mine = messages.c.conversation_id.in_(ids)
    spoke = (
        select(messages.c.conversation_id, func.max(messages.c.seq).label("seq"))
        .where(mine, messages.c.author == "agent")
        .group_by(messages.c.conversation_id)
        .subquery()
    )
    unread = (
        select(messages.c.conversation_id, func.count().label("unread"))
        .outerjoin(spoke, spoke.c.conversation_id == messages.c.conversation_id)
        .where(mine, messages.c.author == "customer", messages.c.seq > func.coalesce(spoke.c.seq, 0))
        .group_by(messages.c.conversation_id)
    )
    last = (
        select(messages.c.conversation_id, func.max(messages.c.seq).label("seq"))
        .where(mine, messages.c.author == "customer")
        .group_by(messages.c.conversation_id)
        .subquery()
    )
    words = select(messages).join(
        last, (last.c.conversation_id == messages.c.conversation_id) & (last.c.seq == messages.c.seq)
    )
    lost = (
        select(messages.c.conversation_id, func.count().label("undelivered"))
        .where(mine, messages.c.status == UNDELIVERED)
        .group_by(messages.c.conversation_id)
    )
    channels = select(conversations.c.id, conversations.c.channel).where(conversations.c.id.in_(ids))
    counts = {row.conversation_id: row.unread for row in await conn.execute(unread)}
    lacking = {row.conversation_id: row.undelivered for row in await conn.execute(lost)}
    said = {row.conversation_id: as_message(row) for row in await conn.execute(words)}
    found: defaultdict[str, Talk] = defaultdict(Talk)
    for row in await conn.execute(channels):
        newest = said.get(row.id)
        last_text = in_words(newest.text, newest.attachments) if newest else None
        found[row.id] = Talk(row.channel, last_text, counts.get(row.id, 0), lacking.get(row.id, 0))
    return found
