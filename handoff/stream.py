"""The desk, live: server-sent events for one agent's page, as long as it is open and signed in."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection
from sse_starlette import ServerSentEvent

from core.bus import Bus, Event
from core.conversation import transcript
from core.conversation.states import UNDELIVERED
from core.conversation.transcript import as_message
from core.storage.tables import agents, conversations, handoffs, messages
from handoff import record
from handoff.agents import Agent
from handoff.desk import Desk
from handoff.presence import BEAT_SECONDS
from handoff.privacy import masked
from handoff.schema import MessageView

DESK = "desk"


@dataclass(frozen=True)
class _Followed:
    """An open handoff as far as a page must be told of it."""

    conversation_id: str
    status: str
    taken_by: str | None
    last_seq: int
    undelivered: frozenset[str]
    """Ids of messages that did not reach the customer."""


class DeskStream:
    """Follows the queue and every conversation in it.

    An event of the bus only says «look again»: what is told comes from the database, so nothing is missed while the
    set of followed conversations changes.
    """

    def __init__(self, desk: Desk, bus: Bus) -> None:
        self._desk = desk
        self._database = desk.database
        self._bus = bus

    async def events(
        self, agent: Agent, still_signed_in: Callable[[], Awaitable[bool]]
    ) -> AsyncIterator[ServerSentEvent]:
        """`queue` {}, `message` {handoff_id, message}, `delivery` (the same, for a message that has now failed to reach
        the customer or is on its way again), `owner` {handoff_id, status, taken_by}; ends on signing out."""
        followed = await self._open_handoffs()
        while True:
            ids = _conversations(followed)
            async with self._bus.subscribe(DESK, *(f"conversation.{each}" for each in ids)) as stream:
                yield _sse("queue", {})
                upcoming = asyncio.ensure_future(_next(stream))
                try:
                    while True:
                        before, followed = followed, await self._open_handoffs()
                        for change in await self._changes(agent, before, followed):
                            yield change
                        if _conversations(followed) != ids:
                            break  # subscribe again, then look again: what comes in between is found by the look
                        done, _ = await asyncio.wait({upcoming}, timeout=BEAT_SECONDS)
                        if not await still_signed_in():
                            return
                        if done:
                            topic, _data = upcoming.result()
                            upcoming = asyncio.ensure_future(_next(stream))
                            if topic == DESK:
                                yield _sse("queue", {})
                finally:
                    upcoming.cancel()

    async def _open_handoffs(self) -> dict[str, _Followed]:
        query = (
            select(
                handoffs.c.id, handoffs.c.conversation_id, handoffs.c.status, agents.c.name, conversations.c.last_seq
            )
            .join(conversations, conversations.c.id == handoffs.c.conversation_id)
            .outerjoin(agents, agents.c.id == handoffs.c.agent_id)
            .where(handoffs.c.status.in_((record.WAITING, record.TAKEN)))
        )
        opened = select(handoffs.c.conversation_id).where(handoffs.c.status.in_((record.WAITING, record.TAKEN)))
        failed = select(messages.c.conversation_id, messages.c.id).where(
            messages.c.status == UNDELIVERED, messages.c.conversation_id.in_(opened)
        )
        async with self._database.connect() as conn:
            rows = (await conn.execute(query)).all()
            lost: defaultdict[str, set[str]] = defaultdict(set)
            for row in await conn.execute(failed):
                lost[row.conversation_id].add(row.id)
        return {row.id: _Followed(*row[1:], frozenset(lost[row.conversation_id])) for row in rows}

    async def _changes(
        self, agent: Agent, before: dict[str, _Followed], now: dict[str, _Followed]
    ) -> list[ServerSentEvent]:
        """What a page that knows `before` must be told."""
        changes = []
        async with self._database.connect() as conn:
            for handoff_id, old in before.items():
                new = now.get(handoff_id)
                said_until = new.last_seq if new else None
                if said_until is None or said_until > old.last_seq:
                    changes += await self._said(conn, agent, handoff_id, old, said_until)
                if new and new.undelivered != old.undelivered:
                    changes += await self._delivery(conn, agent, handoff_id, new.undelivered ^ old.undelivered)
                if new is None:
                    ended = await record.read(conn, handoff_id)
                    changes.append(_owner(handoff_id, ended.status, ended.agent_name))
                elif (new.status, new.taken_by) != (old.status, old.taken_by):
                    changes.append(_owner(handoff_id, new.status, new.taken_by))
        return changes

    async def _said(
        self, conn: AsyncConnection, agent: Agent, handoff_id: str, old: _Followed, until: int | None
    ) -> list[ServerSentEvent]:
        """The messages after those of `old`; what is said after `until` comes with the next look."""
        said = await transcript.read(conn, old.conversation_id, after=old.last_seq)
        views = [self._desk.message(message) for message in said if until is None or message.seq <= until]
        return _of_messages("message", agent, handoff_id, views)

    async def _delivery(
        self, conn: AsyncConnection, agent: Agent, handoff_id: str, message_ids: Iterable[str]
    ) -> list[ServerSentEvent]:
        rows = await conn.execute(select(messages).where(messages.c.id.in_(message_ids)).order_by(messages.c.seq))
        return _of_messages("delivery", agent, handoff_id, [self._desk.message(as_message(row)) for row in rows])


def _conversations(followed: dict[str, _Followed]) -> list[str]:
    return sorted({handoff.conversation_id for handoff in followed.values()})


async def _next(stream: AsyncIterator[Event]) -> Event:
    return await anext(stream)


def _of_messages(event: str, agent: Agent, handoff_id: str, views: Iterable[MessageView]) -> list[ServerSentEvent]:
    shown = views if agent.may_act else [masked(view) for view in views]
    return [_sse(event, {"handoff_id": handoff_id, "message": view.model_dump(mode="json")}) for view in shown]


def _owner(handoff_id: str, status: str, taken_by: str | None) -> ServerSentEvent:
    return _sse("owner", {"handoff_id": handoff_id, "status": status, "taken_by": taken_by})


def _sse(event: str, data: dict[str, Any]) -> ServerSentEvent:
    return ServerSentEvent(orjson.dumps(data).decode(), event=event)
