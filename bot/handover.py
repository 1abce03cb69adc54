"""From the bot to people: how a turn hands a conversation over, and what happens while people hold it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import structlog
from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from actions.backends.members import Members
from core.conversation import lease, log, transcript
from core.conversation.transcript import as_message
from core.errors import NotFound, Unavailable
from core.storage.database import Database
from handoff import queue, record, waiting
from handoff.summary import TURN, Customer, summarise

TRANSCRIPT_READ = 100

logger = structlog.get_logger()


@dataclass(frozen=True)
class Request:
    """All that `do_request` writes, gathered before the transaction begins."""

    conversation_id: str
    message_id: str
    reason: str
    decision: dict[str, Any]
    summary: dict[str, Any]
    priority: int
    agents_available: int


class Handover:
    """`agents_available` counts the agents who are logged in and free to take a conversation."""

    def __init__(self, database: Database, members: Members, agents_available: Callable[[], Awaitable[int]]) -> None:
        self._database = database
        self._members = members
        self._agents_available = agents_available

    async def prepare(self, row: Row[Any], decision: dict[str, Any], reason: str, turn: dict[str, Any]) -> Request:
        """Summarise the conversation up to and with this turn, whose event `turn` is not in the log yet."""
        customer = await self._customer(row.member_id)
        async with self._database.connect() as conn:
            messages = await transcript.newest(conn, row.conversation_id, TRANSCRIPT_READ)
            events = await log.read(conn, row.conversation_id)
        events.append(log.Event(0, row.conversation_id, TURN, row.id, turn, datetime.now(UTC)))
        summary = summarise(messages, events, customer).as_json() | {"customer": customer.as_json()}
        return Request(
            conversation_id=row.conversation_id,
            message_id=row.id,
            reason=reason,
            decision=decision,
            summary=summary,
            priority=int(customer.vip),
            agents_available=await self._agents_available(),
        )

    async def do_request(self, conn: AsyncConnection, request: Request) -> queue.Change:
        """In the turn's own transaction: a promised handoff cannot get lost."""
        return await queue.do_request(
            conn,
            request.conversation_id,
            reason=request.reason,
            decision=request.decision,
            summary=request.summary,
            priority=request.priority,
            agents_available=request.agents_available,
            reply_to=request.message_id,
        )

    async def do_pass_on(self, conn: AsyncConnection, row: Row[Any], held: lease.Lease) -> queue.Change | None:
        """A message while people hold the conversation. An agent reads it at the desk; the queue may answer."""
        if held.owner != lease.QUEUE:
            return None
        return await waiting.do_answer(conn, as_message(row), await self._agents_available())

    async def owner_state(self, conversation_id: str) -> dict[str, Any]:
        """Who speaks with the customer, as the chat page shows it."""
        async with self._database.connect() as conn:
            held = await lease.read(conn, conversation_id)
            if held.owner == lease.BOT:
                return {"kind": "bot"}
            handoff = await record.open_handoff(conn, conversation_id)
            if held.owner == lease.QUEUE:
                return {"kind": "queue", "position": await record.position(conn, conversation_id)}
        return {"kind": "agent", "name": handoff.agent_name if handoff else None}

    async def _customer(self, member_id: str | None) -> Customer:
        if member_id is None:
            return Customer()
        try:
            member = await self._members.get(member_id)
        except (NotFound, Unavailable) as error:
            logger.warning("no member facts for the summary", error=error.message)
            return Customer(member_id=member_id)
        return Customer(name=member.name, level=member.level, vip=member.vip, member_id=member_id)
