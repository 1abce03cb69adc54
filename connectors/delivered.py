"""What reached the customer is marked so, many messages in one transaction."""

import asyncio
from collections.abc import Iterable

from core.conversation import outbox
from core.storage.database import Database

FLUSH_SECONDS = 0.2


class Delivered:
    """Collects ids and writes them a few times a second.

    A mark that a crash loses only leaves a message queued: the customer's client gets it again and drops it by its id.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._ids: set[str] = set()

    def mark(self, message_ids: Iterable[str]) -> None:
        self._ids.update(message_ids)

    async def run(self) -> None:
        try:
            while True:
                await asyncio.sleep(FLUSH_SECONDS)
                await self.flush()
        finally:
            await self.flush()

    async def flush(self) -> None:
        if not self._ids:
            return
        ids, self._ids = self._ids, set()
        async with self._database.begin() as conn:
            await outbox.do_mark_delivered(conn, ids)
