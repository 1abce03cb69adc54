"""Knowledge and tickets of our own database, as the actions need them."""

from datetime import datetime

from core.bus import Bus
from core.errors import NotFound
from core.storage.database import Database
from handoff import tickets
from retrieval import knowledge

_SUBJECT_LENGTH = 30


class StoredKnowledge:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def answer(self, entry_id: str, at: datetime) -> str | None:
        try:
            entry = await knowledge.read(self._database, entry_id)
        except NotFound:
            return None
        return knowledge.answer_at(entry, at)


class StoredTickets:
    def __init__(self, database: Database, bus: Bus) -> None:
        self._database = database
        self._bus = bus

    async def create(self, conversation_id: str, body: str, idempotency_key: str) -> str:
        async with self._database.begin() as conn:
            ticket = await tickets.do_create(
                conn, conversation_id, subject=body[:_SUBJECT_LENGTH], body=body, key=idempotency_key
            )
        await tickets.announce(self._bus, ticket)
        return ticket.number
