"""The index kept in step with the database: a small one is built anew when something changes, a large one is opened
from the shelf and takes what changed since into a segment beside."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import structlog

from core.storage.database import Database
from retrieval import goods, knowledge
from retrieval.encoder.protocol import Encoder
from retrieval.index import LARGE, KnowledgeIndex
from retrieval.knowledge import Entry
from retrieval.shelf import Kept, Shelf
from retrieval.vectors import VectorCache

# Clocks of several app processes may differ by this much, and a commit take as long: changes are read again from so
# long before the last look.
_CLOCKS_DIFFER = timedelta(seconds=30)
_BATCH = 500
_TELL_AGAIN_SECONDS = 5.0
# An entry may change between counting and reading: looked at once more before all is built anew.
_LOOKS = 3

logger = structlog.get_logger(__name__)

Progress = Callable[[int, int], None]


def log_progress(done: int, total: int) -> None:
    logger.info("building the knowledge index", entries=done, of=total)


@dataclass(frozen=True)
class Current:
    """An index that has all changes from before `until`. `changes`: the entries that stand beside a large segment, or
    are gone from it."""

    index: KnowledgeIndex
    until: datetime
    changes: Mapping[str, Entry]

    @property
    def outgrown(self) -> bool:
        """Whether it is time to build one whole segment; with so many changes beside, one more takes a second."""
        return len(self.changes) > LARGE

    def knows(self, entry_id: str, version: int) -> bool:
        changed = self.changes.get(entry_id)
        return version == (changed.version if changed else self.index.segments[0].catalogue.version(entry_id))


class Upkeep:
    """Reads the database and the index folder; keeps nothing in mind itself."""

    def __init__(self, database: Database, encoder: Encoder, folder: Path, progress: Progress = log_progress) -> None:
        self._database, self._encoder, self._progress = database, encoder, progress
        self._vectors = VectorCache(folder, "knowledge", encoder)
        self._new_vectors = VectorCache(folder, "knowledge-changes", encoder)
        self._shelf = Shelf(folder, encoder)
        self._goods = goods.read_lookup(goods.GOODS) if goods.GOODS.is_file() else []

    async def first(self) -> Current:
        """An index of what the database has. A large one is only built if none is on the shelf."""
        count, _versions = await knowledge.counted(self._database)
        return await (self._large() if count >= LARGE else self._small(None))

    async def renewed(self, current: Current) -> Current:
        """With what changed; when nothing did, with the same index."""
        if current.index.takes_changes:
            return await self._with(current, *await self._news(current))
        count, _versions = await knowledge.counted(self._database)
        return await (self._large() if count >= LARGE else self._small(current.index))

    async def _small(self, index: KnowledgeIndex | None) -> Current:
        until = datetime.now(UTC)
        entries = await knowledge.list_entries(self._database)
        return Current(await asyncio.to_thread(self._indexed, entries, index), until, {})

    def _indexed(self, entries: Sequence[Entry], index: KnowledgeIndex | None) -> KnowledgeIndex:
        if index is not None and index.describes(entries, self._encoder.name):
            return index.with_validity_of(entries)
        return KnowledgeIndex.build(entries, self._vectors.encode, self._encoder.name, self._goods)

    async def _large(self) -> Current:
        async with self._shelf.locked():
            kept = await asyncio.to_thread(self._shelf.newest)
            if kept is not None and (current := await self._opened(kept)) is not None:
                return current
            current = self._around(await self._built())
            return await self._with(current, *await self._news(current))

    async def _opened(self, kept: Kept) -> Current | None:
        """None when too much has changed since it was built, or the database is another one."""
        current = self._around(kept)
        for _look in range(_LOOKS):
            looked, news = await self._news(current)
            if len(news) + len(current.changes) > LARGE:
                return None
            current = await self._with(current, looked, news)
            if current.index.there == await knowledge.counted(self._database):
                return current
        return None

    def _around(self, kept: Kept) -> Current:
        return Current(KnowledgeIndex.around(kept.segment, self._encoder.name, self._goods), kept.until, {})

    async def _news(self, current: Current) -> tuple[datetime, list[str]]:
        """Ids of entries changed since, and the moment of looking."""
        looked = datetime.now(UTC)
        listed = await knowledge.changed_since(self._database, current.until - _CLOCKS_DIFFER)
        return looked, [entry_id for entry_id, version in listed if not current.knows(entry_id, version)]

    async def _with(self, current: Current, looked: datetime, news: Sequence[str]) -> Current:
        if not news:
            return replace(current, until=looked)
        entries = await knowledge.read_some(self._database, news)
        changes = {**current.changes, **{entry.id: entry for entry in entries}}
        index = await asyncio.to_thread(current.index.changed, tuple(changes.values()), self._new_vectors.encode)
        return Current(index, looked, changes)

    async def _built(self) -> Kept:
        until = datetime.now(UTC)
        total, _versions = await knowledge.counted(self._database)
        builder = await asyncio.to_thread(self._shelf.builder)
        done, told = 0, time.monotonic()
        async for batch in knowledge.read_in_batches(self._database, _BATCH):
            await asyncio.to_thread(builder.add, batch)
            done += len(batch)
            if time.monotonic() > told + _TELL_AGAIN_SECONDS:
                told = time.monotonic()
                self._progress(done, total)
        return await asyncio.to_thread(builder.finish, until)
