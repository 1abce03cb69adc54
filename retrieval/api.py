"""The knowledge base over HTTP: `router(...)` for the app. Who may use it is decided by the dependency it is given."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

import anyio.to_thread
from fastapi import APIRouter, Body, Depends, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from core.bus import Bus
from core.storage.database import Database
from retrieval import knowledge
from retrieval.calibration import Outcome
from retrieval.knowledge import Draft, Entry, EntryId
from retrieval.search import KnowledgeSearch

Shown = Literal["active", "retired", "all"]
MOST_ENTRIES = 10_000_000


class NewEntry(Draft):
    """A new entry; without an id it gets one."""

    id: EntryId | None = None


class Change(Draft):
    """The whole entry as it shall be. `version`: the one that was edited; 409 when somebody was faster."""

    version: int | None = Field(None, ge=1, le=2**31 - 1)


class Entries(BaseModel):
    """One page, ordered by id. `total`: of all pages."""

    entries: list[Entry]
    total: int


class Question(BaseModel):
    model_config = ConfigDict(extra="forbid")

    text: str = Field(min_length=1, max_length=2000)


class Found(BaseModel):
    """`answer` is what the bot would say; null when the entry is not valid now."""

    entry_id: str
    question: str
    probability: float
    answer: str | None


class SearchAnswer(BaseModel):
    outcome: Outcome
    candidates: list[Found]


def router(
    search: KnowledgeSearch, database: Database, bus: Bus, require_editor: Callable[[Request], Awaitable[Any]]
) -> APIRouter:
    """`require_editor` raises Unauthorized or Forbidden; it stands before every route."""
    api = APIRouter(prefix="/api/knowledge", tags=["Knowledge"], dependencies=[Depends(require_editor)])
    _add_reading(api, search, database)
    _add_editing(api, database, bus)
    return api


def _add_reading(api: APIRouter, search: KnowledgeSearch, database: Database) -> None:
    @api.get("")
    async def list_entries(
        status: Shown = "active",
        category: str | None = None,
        containing: Annotated[str | None, Query(max_length=100)] = None,
        limit: Annotated[int, Query(ge=1, le=500)] = 100,
        offset: Annotated[int, Query(ge=0, le=MOST_ENTRIES)] = 0,
    ) -> Entries:
        """`containing` looks into question and answer."""
        wanted = None if status == "all" else status
        found = await knowledge.list_entries(database, status=wanted, category=category, containing=containing)
        return Entries(entries=found[offset : offset + limit], total=len(found))

    @api.post("/search")
    async def find(question: Annotated[Question, Body()]) -> SearchAnswer:
        """What the bot would do with this question."""
        result = await anyio.to_thread.run_sync(search.find, question.text)
        now, candidates = datetime.now(UTC), []
        for candidate in result.candidates:
            entry = await knowledge.read(database, candidate.entry_id)
            candidates.append(Found(**vars(candidate), answer=knowledge.answer_at(entry, now)))
        return SearchAnswer(outcome=result.outcome, candidates=candidates)

    @api.get("/{entry_id}")
    async def read_entry(entry_id: str) -> Entry:
        return await knowledge.read(database, entry_id)


def _add_editing(api: APIRouter, database: Database, bus: Bus) -> None:
    @api.post("", status_code=201)
    async def create_entry(new: NewEntry) -> Entry:
        """409 when the id, or one of the phrasings in another active entry, is taken. Searchable within two seconds."""
        return await knowledge.do_create(database, bus, new, new.id)

    @api.put("/{entry_id}")
    async def update_entry(entry_id: str, change: Change) -> Entry:
        """A retired entry comes back by this."""
        return await knowledge.do_update(database, bus, entry_id, change, version=change.version)

    @api.delete("/{entry_id}")
    async def retire_entry(entry_id: str) -> Entry:
        """Kept, but never found or answered again."""
        return await knowledge.do_retire(database, bus, entry_id)
