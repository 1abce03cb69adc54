"""What reached the customer is marked so, many messages in one transaction."""

import asyncio
from collections.abc import Iterable, Sequence

from connectors import metrics
from core.conversation import outbox
from core.conversation.message import Message
from core.storage.database import Database

FLUSH_SECONDS = 0.2
REMEMBERED = 20_000


class Delivered:
    """Collects ids and writes them a few times a second, after the messages have gone out.

    A mark that a crash loses only leaves a message queued: it goes out again, and clients drop a repeated message id.
    The other way round it could get lost.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._unwritten: set[str] = set()
        self._gone_out: dict[str, None] = {}  # the latest ones, oldest first

    def mark(self, channel: str, message_ids: Iterable[str]) -> None:
        fresh = [message_id for message_id in message_ids if message_id not in self._gone_out]
        if not fresh:
            return
        self._unwritten.update(fresh)
        self._gone_out.update(dict.fromkeys(fresh))
        metrics.delivered(channel, len(fresh))
        while len(self._gone_out) > REMEMBERED:
            del self._gone_out[next(iter(self._gone_out))]

    def outstanding(self, queued: Sequence[Message]) -> list[Message]:
        """Those of the queued messages that have not gone out from this process just now."""
        return [message for message in queued if message.id not in self._gone_out]

    async def run(self) -> None:
        try:
            while True:
                await asyncio.sleep(FLUSH_SECONDS)
                await self.flush()
        finally:
            await self.flush()

    async def flush(self) -> None:
        if not self._unwritten:
            return
        ids, self._unwritten = self._unwritten, set()
        async with self._database.begin(durable=False) as conn:
            await outbox.do_mark_delivered(conn, ids)
