"""The world of a harness: real stores, intake and media, and a bot that answers as it is told."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from sqlalchemy import select

from connectors.intake import Intake
from core.bus import Bus
from core.conversation import inbox, outbox
from core.conversation.message import Message, Reply
from core.conversation.transcript import as_message
from core.storage.database import Database
from core.storage.tables import messages

TIMEOUT = 20.0

Answers = Callable[[Message], Sequence[Reply]]


def echo(message: Message) -> Sequence[Reply]:
    return (Reply(text=f"re: {message.text}"),)


@dataclass
class World:
    """`answers` says what the bot replies; while `resting` is set nobody takes turns, as if the assistant were down."""

    database: Database
    bus: Bus
    intake: Intake
    answers: Answers = echo
    resting: bool = False

    async def run(self) -> None:
        """Take turns until cancelled."""
        async with self.bus.subscribe("inbox") as stream:
            while True:
                await self._take_turns()
                with suppress(TimeoutError):
                    async with asyncio.timeout(0.05):
                        await anext(stream)

    async def _take_turns(self) -> None:
        while not self.resting:
            async with self.database.connect() as conn:
                waiting = await inbox.waiting_conversations(conn)
            if not waiting:
                return
            for conversation_id in waiting:
                await self._take_turn(conversation_id)

    async def _take_turn(self, conversation_id: str) -> None:
        async with self.database.begin() as conn:
            row = await inbox.next_waiting(conn, conversation_id)
            if row is None:
                return
            said = as_message(row)
            await inbox.do_finish(conn, said.id)
            sent = await outbox.do_send(conn, conversation_id, self.answers(said), fence=1, reply_to=said.id)
        event = {"kind": "messages", "reply_to": said.id, "messages": [message.as_json() for message in sent]}
        await self.bus.publish(f"conversation.{conversation_id}", event)

    async def transcript(self, channel: str, sender: str) -> list[Message]:
        """Everything stored of this customer, in order."""
        theirs = (messages.c.channel == channel) & (messages.c.sender == sender)
        async with self.database.connect() as conn:
            return [
                as_message(row) for row in await conn.execute(select(messages).where(theirs).order_by(messages.c.seq))
            ]

    async def said(self, channel: str, sender: str) -> list[Message]:
        """What the customer said, as stored."""
        return [message for message in await self.transcript(channel, sender) if message.direction == "in"]
