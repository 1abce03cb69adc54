"""The gateway takes turns: it gives what customers said to the bot or to the agent, in order, one at a time.

A turn is *prepared* without holding anything (understanding, the assistant's answer), then *committed* in one
transaction: replies under the fencing token, the handoff if there is one, the event, the message marked as done. Killed
at any point, the next gateway takes the same turn again: the assistant and the actions answer a repeated message id as
they did the first time, so the customer sees one answer.
"""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import structlog
from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.handover import Handover, Request
from bot.rasa_client import Assistant, AssistantFailed, Turn
from bot.understanding import Understanding, Understood
from connectors import metrics
from core.bus import Bus
from core.conversation import inbox, lease, log, outbox
from core.conversation.message import Message, Reply, new_id
from core.errors import StaleFence, Unavailable
from core.storage.database import Database
from handoff import queue

CLAIM_SECONDS = 6.0
RENEW_SECONDS = 2.0
LOOK_AROUND_SECONDS = 1.0
RETRY_SECONDS = (0.25, 0.5, 1.0, 2.0, 4.0)
MAX_FAILURES = 3
TURNS_AT_ONCE = 32  # more would only fight for the same cores, and keep new messages from being acknowledged

Next = tuple[lease.Lease, Row[Any]] | None
"""Who holds the conversation now, and its next waiting message, if there is one."""

logger = structlog.get_logger()


@dataclass(frozen=True)
class Prepared:
    """A bot turn that is ready to be committed."""

    turn: Turn
    event: dict[str, Any]
    request: Request | None


class Gateway:
    def __init__(
        self,
        database: Database,
        bus: Bus,
        understanding: Understanding,
        assistant: Assistant,
        handover: Handover,
        apology: Reply,
    ) -> None:
        self._database = database
        self._bus = bus
        self._understanding = understanding
        self._assistant = assistant
        self._handover = handover
        self._apology = apology
        self._worker = new_id()
        self._places = asyncio.Semaphore(TURNS_AT_ONCE)
        self._turns: dict[str, asyncio.Task[None]] = {}
        self._again: set[str] = set()

    async def run(self) -> None:
        """Take turns until cancelled; a turn that is under way is then taken again by the next gateway."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._listen())
                group.create_task(self._look_around())
                group.create_task(self._renew())
        finally:
            for task in self._turns.values():
                task.cancel()
            await asyncio.gather(*self._turns.values(), return_exceptions=True)

    async def _listen(self) -> None:
        async with self._bus.subscribe("inbox") as stream:
            async for _topic, data in stream:
                self._wake(data["conversation_id"])

    async def _look_around(self) -> None:
        """Find what a crash or a lost wake-up left behind."""
        while True:
            async with self._database.connect() as conn:
                left = await inbox.waiting_conversations(conn)
            for conversation_id in left:
                self._wake(conversation_id)
            await asyncio.sleep(LOOK_AROUND_SECONDS)

    async def _renew(self) -> None:
        """Keep the claims of turns that take long."""
        while True:
            await asyncio.sleep(RENEW_SECONDS)
            if self._turns:
                async with self._database.begin(durable=False) as conn:
                    await lease.do_renew(conn, self._worker, CLAIM_SECONDS)

    def _wake(self, conversation_id: str) -> None:
        if conversation_id in self._turns:
            self._again.add(conversation_id)
            return
        task = asyncio.create_task(self._take_turns(conversation_id), name=f"turns of {conversation_id}")
        self._turns[conversation_id] = task
        task.add_done_callback(lambda done: self._rest(conversation_id, done))

    def _rest(self, conversation_id: str, done: asyncio.Task[None]) -> None:
        del self._turns[conversation_id]
        if not done.cancelled() and (error := done.exception()):
            # The message is still in the inbox and its claim runs out, so it is taken again.
            logger.error("turn broke", conversation_id=conversation_id, exc_info=error)
        if conversation_id in self._again:
            self._again.discard(conversation_id)
            self._wake(conversation_id)

    async def _take_turns(self, conversation_id: str) -> None:
        async with self._database.begin(durable=False) as conn:
            held = await lease.do_claim(conn, conversation_id, self._worker, CLAIM_SECONDS)
            row = await inbox.next_waiting(conn, conversation_id) if held else None
        following = (held, row) if held and row else None
        while following:
            held, row = following
            if held.owner == lease.BOT:
                async with self._places:
                    prepared = await self._prepare(row)
                following = await self._commit(row, held, prepared)
            else:
                following = await self._pass_on(row, held)

    async def _prepare(self, row: Row[Any]) -> Prepared:
        """Everything of a bot turn that needs no transaction. Waits for an assistant that is down."""
        typing = {"kind": "typing", "author": "bot", "channel": row.channel, "sender": row.sender}
        await self._bus.publish(f"conversation.{row.conversation_id}", typing)
        payload = row.body.get("payload")
        metadata: dict[str, Any] = {"channel": row.channel, "member_id": row.member_id}
        understood = None
        if not payload:
            understood = await asyncio.to_thread(self._understanding.understand, row.body["text"])
            metadata |= understood.as_metadata()
        turn = await self._answer(row, payload or (understood.text if understood else ""), metadata)
        event = _event(turn, understood)
        request = None
        if turn.handoff:
            request = await self._handover.prepare(row, turn.handoff["decision"], turn.handoff["reason"], event)
        return Prepared(turn, event, request)

    async def _answer(self, row: Row[Any], text: str, metadata: dict[str, Any]) -> Turn:
        failures = row.attempts
        for pause in _pauses():
            try:
                return await self._assistant.take_turn(row.conversation_id, row.id, text, metadata)
            except Unavailable as error:
                logger.warning("assistant unavailable", conversation_id=row.conversation_id, error=error.message)
            except AssistantFailed as error:
                logger.error("assistant failed", conversation_id=row.conversation_id, error=error.message)
                async with self._database.begin() as conn:
                    failures = await inbox.do_count_attempt(conn, row.id)
                if failures >= MAX_FAILURES:
                    break
            await asyncio.sleep(pause)
        return Turn((self._apology,), {"failed": failures}, ())

    async def _commit(self, row: Row[Any], held: lease.Lease, prepared: Prepared) -> Next:
        """Store the outcome of a bot turn, and look for the next message."""
        sent: list[Message] = []
        change = None
        async with self._database.begin() as conn:
            if await inbox.do_finish(conn, row.id):
                try:
                    sent = await outbox.do_send(
                        conn, row.conversation_id, prepared.turn.replies, fence=held.fence, reply_to=row.id
                    )
                    if prepared.request:
                        change = await self._handover.do_request(conn, prepared.request)
                except StaleFence as error:
                    logger.info("late reply refused", conversation_id=row.conversation_id, reason=error.message)
                    await log.do_append(conn, row.conversation_id, "reply_refused", {"fence": held.fence}, row.id)
                await log.do_append(conn, row.conversation_id, "turn", prepared.event, row.id)
            following = await self._following(conn, row.conversation_id)
        metrics.answered(row.channel)
        await self._tell(row, sent, change)
        return following

    async def _pass_on(self, row: Row[Any], held: lease.Lease) -> Next:
        """People hold the conversation: the bot is silent, the message is theirs."""
        change = None
        async with self._database.begin() as conn:
            if await inbox.do_finish(conn, row.id):
                change = await self._handover.do_pass_on(conn, row, held)
            following = await self._following(conn, row.conversation_id)
        await self._tell(row, [], change)
        await self._bus.publish("desk", {"conversation_id": row.conversation_id})
        return following

    async def _following(self, conn: AsyncConnection, conversation_id: str) -> Next:
        row = await inbox.next_waiting(conn, conversation_id)
        if row:
            return await lease.read(conn, conversation_id), row
        await lease.do_release(conn, conversation_id, self._worker)
        return None

    async def _tell(self, row: Row[Any], sent: list[Message], change: queue.Change | None) -> None:
        if change:
            await queue.announce(self._bus, change)
        said = {"kind": "messages", "reply_to": row.id, "messages": [message.as_json() for message in sent]}
        await self._bus.publish(f"conversation.{row.conversation_id}", said)


def _pauses() -> Iterator[float]:
    yield from RETRY_SECONDS
    while True:
        yield RETRY_SECONDS[-1]


def _event(turn: Turn, understood: Understood | None) -> dict[str, Any]:
    data: dict[str, Any] = {
        "understanding": turn.understanding,
        "actions": list(turn.actions),
        "responses": list(turn.responses),
        "decision": turn.decision,
    }
    return data | understood.as_json() if understood else data
