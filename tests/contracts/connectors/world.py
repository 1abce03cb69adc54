"""The world of a harness: real stores, intake, delivery and media, a bot that answers as told, a clock to move."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

import httpx
from limits.aio.storage import MemoryStorage
from sqlalchemy import select

from connectors.delivery import Delivery, Patience
from connectors.intake import Intake
from connectors.limits import Limits
from connectors.media import MediaStore
from connectors.protocol import Courier
from core.bus import Bus
from core.conversation import inbox, lease, outbox
from core.conversation.message import Message, Reply
from core.conversation.transcript import as_message
from core.storage.database import Database
from core.storage.tables import messages
from tests.contracts.connectors.harness import Harness, Shown

TIMEOUT = 20.0

Answers = Callable[[Message], Sequence[Reply]]


def echo(message: Message) -> Sequence[Reply]:
    return (Reply(text=f"re: {message.text}"),)


async def lines(harness: Harness, sender: str) -> list[str]:
    """What is shown, line by line: a channel that counts messages may put several into one."""
    return [line for shown in await harness.shown(sender) for line in shown.text.split("\n") if line]


def is_taken(harness: Harness, response: httpx.Response) -> bool:
    """A vendor wants to read 200 and nothing else; a customer's own end also takes 202."""
    return response.status_code == 200 or ("fetched" in harness.traits and response.status_code == 202)


@dataclass
class World:
    """`answers` says what the bot replies; while `resting` is set nobody takes turns, as if the assistant were down.

    `address`: what a channel makes of the vendor's id of a customer.
    """

    database: Database
    bus: Bus
    intake: Intake
    media: MediaStore
    limits: Limits
    answers: Answers = echo
    resting: bool = False
    ahead: float = 0.0
    address: Callable[[str], str] = str

    def monotonic(self) -> float:
        """Delivery's clock: `ahead` seconds before ours, so that an hour without the vendor need not be waited for."""
        return time.monotonic() + self.ahead

    def delivery(self, *couriers: Courier) -> Delivery:
        patience = Patience(first=0.05, longest=60.0, look_around=0.05)
        return Delivery(self.database, self.bus, couriers, MemoryStorage(), patience)

    @asynccontextmanager
    async def running(self, delivery: Delivery) -> AsyncIterator[None]:
        task = asyncio.create_task(delivery.run())
        yield
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    async def owner_of(self, conversation_id: str) -> str:
        async with self.database.connect() as conn:
            return (await lease.read(conn, conversation_id)).owner

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
            held = await lease.read(conn, conversation_id)
            answers = () if held.agent_id else self.answers(said)  # people speak for themselves
            sent = await outbox.do_send(conn, conversation_id, answers, fence=held.fence, reply_to=said.id)
        event = {"kind": "messages", "reply_to": said.id, "messages": [message.as_json() for message in sent]}
        await self.bus.publish(f"conversation.{conversation_id}", event)

    async def transcript(self, channel: str, sender: str) -> list[Message]:
        """Everything stored of this customer, in order."""
        theirs = (messages.c.channel == channel) & (messages.c.sender == self.address(sender))
        async with self.database.connect() as conn:
            return [
                as_message(row) for row in await conn.execute(select(messages).where(theirs).order_by(messages.c.seq))
            ]

    async def said(self, channel: str, sender: str) -> list[Message]:
        """What the customer said, as stored."""
        return [message for message in await self.transcript(channel, sender) if message.direction == "in"]

    async def everything(self, channel: str) -> list[Message]:
        async with self.database.connect() as conn:
            return [
                as_message(row) for row in await conn.execute(select(messages).where(messages.c.channel == channel))
            ]

    async def until_shown(self, harness: Harness, sender: str, count: int) -> list[Shown]:
        """What the customer's phone shows, once there is that much."""
        async with asyncio.timeout(TIMEOUT):
            while len(shown := await harness.shown(sender)) < count:
                await asyncio.sleep(0.02)
        return shown

    async def until_answered(self, channel: str, sender: str) -> None:
        """Until our answer waits to be sent."""
        async with asyncio.timeout(TIMEOUT):
            while all(message.direction == "in" for message in await self.transcript(channel, sender)):
                await asyncio.sleep(0.02)

    async def until_settled(self, channel: str, sender: str, count: int = 1) -> list[Message]:
        """Our messages to a customer, once there are that many and none is on its way any more."""
        async with asyncio.timeout(TIMEOUT):
            while True:
                sent = [m for m in await self.transcript(channel, sender) if m.direction == "out"]
                if len(sent) >= count and all(message.status != outbox.QUEUED for message in sent):
                    return sent
                await asyncio.sleep(0.02)

    async def until_delivered(self, channel: str, sender: str, count: int = 1) -> None:
        settled = await self.until_settled(channel, sender, count)
        assert [message.status for message in settled] == [outbox.DELIVERED] * len(settled)
