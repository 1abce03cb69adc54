"""Knowledge, tickets and the conversation's log in our own database, as the actions need them."""

import asyncio
from datetime import datetime

from actions.services import FaqHint, LeftTicket
from core.bus import Bus
from core.conversation import log
from core.errors import NotFound
from core.storage.database import Database
from handoff import tickets
from retrieval import knowledge
from retrieval.search import KnowledgeSearch
from retrieval.text import normalise

_SUBJECT_LENGTH = 30
RATED = "rating"


class StoredKnowledge:
    def __init__(self, database: Database, search: KnowledgeSearch) -> None:
        self._database = database
        self._search = search

    async def find(self, text: str) -> FaqHint:
        found = await asyncio.to_thread(self._search.find, normalise(text))
        return FaqHint(found.outcome, tuple((one.entry_id, one.question) for one in found.candidates))

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

    async def of_customer(self, conversation_id: str) -> tuple[LeftTicket, ...]:
        async with self._database.connect() as conn:
            found = await tickets.of_customer(conn, conversation_id)
        return tuple(LeftTicket(one.number, one.subject, one.status, one.created_at) for one in found)


class LoggedRatings:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def record(self, conversation_id: str, message_id: str, mark: int) -> None:
        async with self._database.begin() as conn:
            kept = await log.read(conn, conversation_id, types=[RATED])
            if all(event.data.get("key") != message_id for event in kept):
                await log.do_append(conn, conversation_id, RATED, {"mark": mark, "key": message_id})
