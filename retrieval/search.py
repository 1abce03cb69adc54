"""Knowledge search as the bot uses it: a question and its vector in, one of three outcomes out.

The database is the truth; what is searched is a snapshot of it, swapped whole while questions are being answered.
"""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import numpy as np
import structlog
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from core.bus import Bus
from core.errors import KefuError
from core.settings import HOME
from core.storage.database import Database
from retrieval import calibration, goods, knowledge, lexical, operating, ranking, samples, text
from retrieval import late as late_interaction
from retrieval.calibration import CHOICES, Outcome
from retrieval.catalogue import Indexed
from retrieval.encoder.protocol import Encoder
from retrieval.index import KnowledgeIndex
from retrieval.late import Late, Near, late_of, token_encoding
from retrieval.operating import Operation, Report, Stored
from retrieval.policy import POLICY, load_policy
from retrieval.ranking import rank
from retrieval.reading import Reading, read
from retrieval.upkeep import Current, Progress, Upkeep, log_progress
from retrieval.vectors import TokenCache, VectorCache

ASKED = HOME / "nlu_data" / "knowledge_calibration.jsonl"
_OPERATION = "operation.json"
# A lost event, and an entry that was edited where no bus reaches, is made good after so long.
_LOOK_AGAIN_SECONDS = 60.0
# An editor at work makes one change after the other; the operating point is fitted anew when it is quiet.
_QUIET_SECONDS = 3.0

logger = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Candidate:
    """An entry that may answer, and how probable that is."""

    entry_id: str
    question: str
    probability: float


@dataclass(frozen=True)
class SearchResult:
    """`answer`: the first candidate answers. `choices`: ask which of the candidates (1 to 3) was meant. `none`: nothing
    is good enough; the candidates are what came nearest."""

    outcome: Outcome
    candidates: tuple[Candidate, ...]


@dataclass(frozen=True)
class Snapshot:
    """What one search runs on: an index and an operating point, fitted to the index of the given fingerprint; and the
    tokens of the index, if it has any."""

    index: KnowledgeIndex
    operation: Operation
    fitted_to: str
    late: Late | None = None

    def search(self, asked: Reading, now: datetime) -> SearchResult:
        found = self.ranked(asked)
        outcome = self.operation.outcome(np.array([probability for _entry, probability in found]))
        # An expired entry keeps its place in the ranking: what stands behind it is no answer to this question.
        if outcome == "answer" and not found[0][0].holds_at(now):
            outcome = "none"
        least = self.operation.least_choice if outcome == "choices" else 0.0
        listed = [
            Candidate(entry.id, entry.question, p) for entry, p in found[:CHOICES] if p >= least and entry.holds_at(now)
        ]
        return SearchResult("none" if not listed else outcome, tuple(listed))

    def ranked(self, asked: Reading) -> list[tuple[Indexed, float]]:
        """The nearest entries with their probabilities, best first, whether valid now or not."""
        near = Near(asked.tokens, self.late) if self.late is not None and asked.tokens is not None else None
        ranking = rank(self.index, asked.text, asked.vectors, near=near)
        probabilities = self.operation.calibration.probabilities(ranking)
        order = np.argsort(-probabilities, kind="stable")
        return [(self.index.entry(int(ranking.entries[i])), float(probabilities[i])) for i in order]


class KnowledgeSearch:
    """Made by `open`. `read` encodes a question and `search` looks it up, both of them CPU work of some milliseconds
    that may be done in any thread."""

    def __init__(self, upkeep: Upkeep, encoder: Encoder, index_dir: Path, asked: Path) -> None:
        self._upkeep = upkeep
        self.encoder = encoder
        self._index_dir = index_dir
        self._asked = asked
        self._encode_tokens = token_encoding(encoder)
        self._indexing, self._fitting = asyncio.Lock(), asyncio.Lock()
        self._followers: list[asyncio.Task[None]] = []
        self._current: Current
        self._snapshot: Snapshot

    @classmethod
    async def open(
        cls,
        database: Database,
        encoder: Encoder,
        index_dir: Path,
        *,
        bus: Bus | None = None,
        asked: Path = ASKED,
        progress: Progress = log_progress,
    ) -> "KnowledgeSearch":
        """Ready to search. With a bus it follows changes until `close`. `asked`: the questions to calibrate on.
        `progress` is told how many entries of how many are encoded while a large index is built."""
        await _claim_phrasings(database)
        search = cls(Upkeep(database, encoder, index_dir, progress), encoder, index_dir, asked)
        search._current = await search._upkeep.first()
        index = search._current.index
        late = await asyncio.to_thread(search._late, index)
        operation = await asyncio.to_thread(search._operated, index, late)
        search._snapshot = Snapshot(index, operation, index.founded_on, late)
        if bus is not None:
            search._followers = [
                asyncio.create_task(search._follow(bus), name="knowledge: follow"),
                asyncio.create_task(search._look_again(), name="knowledge: look again"),
            ]
        return search

    async def close(self) -> None:
        for task in self._followers:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        self._followers = []

    @property
    def index(self) -> KnowledgeIndex:
        """What is being searched now."""
        return self._snapshot.index

    @property
    def report(self) -> Report:
        """How well the operating point holds, on questions held out from the fit."""
        return self._snapshot.operation.report

    def read(self, text: str) -> Reading:
        return read(text, self.index, self.encoder)

    def search(self, asked: Reading, now: datetime | None = None) -> SearchResult:
        """Of what `read` gave, of this or an earlier snapshot."""
        return self._snapshot.search(asked, now or datetime.now(UTC))

    def find(self, text: str) -> SearchResult:
        return self.search(self.read(text))

    async def rebuild(self) -> None:
        """Take in what changed, and fit the operating point to it. Nothing to do is done in no time."""
        await self._reindex()
        await self._refit()

    async def _reindex(self) -> None:
        """New texts are searchable as soon as they are encoded, at the operating point from before."""
        async with self._indexing:
            await self._take(await self._upkeep.renewed(self._current))

    async def _merge(self) -> None:
        """Build one whole segment, while changes go on beside the old one."""
        merged = await self._upkeep.first()
        async with self._indexing:
            await self._take(await self._upkeep.renewed(merged))

    async def _take(self, current: Current) -> None:
        before, self._current = self._snapshot.index, current
        late = self._snapshot.late
        if current.index is not before:
            late = await asyncio.to_thread(self._late, current.index)
        self._snapshot = replace(self._snapshot, index=current.index, late=late)
        if current.index.fingerprint != before.fingerprint:
            logger.info(
                "knowledge index swapped", entries=current.index.there[0], fingerprint=current.index.fingerprint
            )

    async def _refit(self) -> None:
        """What a large index was founded on decides: the few changes beside it move no threshold."""
        async with self._fitting:
            while (index := self._snapshot.index).founded_on != self._snapshot.fitted_to:
                operation = await asyncio.to_thread(self._operated, index, self._snapshot.late)
                self._snapshot = replace(self._snapshot, operation=operation, fitted_to=index.founded_on)

    def _late(self, index: KnowledgeIndex) -> Late | None:
        """Kept tokens are read, new ones made."""
        if (encode := self._encode_tokens) is None:
            return None
        found = late_of(index, TokenCache(self._index_dir, "tokens", self.encoder, encode).encode)
        return replace(found, encode=encode) if found else None

    def _operated(self, index: KnowledgeIndex, late: Late | None) -> Operation:
        """Read from the index folder if it was fitted to just this, else fitted and stored there."""
        path = self._index_dir / _OPERATION
        key = self._key(index)
        stored = Stored.read(path)
        if stored is not None and stored.key == key:
            return stored.operation
        asked = samples.read_asked(self._asked) if self._asked.is_file() else []
        vectors = VectorCache(self._index_dir, "asked", self.encoder)
        if late is not None:
            tokens = TokenCache(self._index_dir, "asked-tokens", self.encoder, late.encode)
            late = replace(late, encode=tokens.encode)
        made = samples.make(index, asked, vectors.encode, late)
        operation = operating.operate(made, load_policy(), operating.read_prior())
        Stored(key=key, operation=operation).write(path)
        logger.info("knowledge search calibrated", answer_at=round(operation.answer_at, 3), questions=len(made))
        return operation

    def _key(self, index: KnowledgeIndex) -> str:
        digest = sha256(index.founded_on.encode())
        modules = (calibration, goods, late_interaction, lexical, operating, ranking, samples, text)
        sources = [Path(str(module.__file__)) for module in modules]
        for path in (*sources, POLICY, operating.PRIOR, self._asked):
            digest.update(path.read_bytes() if path.is_file() else b"")
        return digest.hexdigest()[:16]

    async def _follow(self, bus: Bus) -> None:
        async with bus.subscribe(knowledge.TOPIC) as stream:
            await self._try(self._reindex)  # what changed since the first reading
            async for _topic, _data in stream:
                await self._try(self._reindex)

    async def _look_again(self) -> None:
        looked = time.monotonic()
        while True:
            seen = self._snapshot.index
            await asyncio.sleep(_QUIET_SECONDS)
            if time.monotonic() > looked + _LOOK_AGAIN_SECONDS:
                looked = time.monotonic()
                await self._try(self._reindex)
            elif self._current.outgrown:
                await self._try(self._merge)
            elif seen is self._snapshot.index:
                await self._try(self._refit)

    async def _try(self, work: Callable[[], Awaitable[None]]) -> None:
        try:
            await work()
        except (KefuError, SQLAlchemyError, OSError) as error:
            logger.error("knowledge index not renewed; the last one serves on", error=str(error))


async def _claim_phrasings(database: Database) -> None:
    """In a database from before phrasings were noted. Another process that starts just now may be the first."""
    with contextlib.suppress(IntegrityError):
        async with database.begin() as conn:
            await knowledge.claim_all(conn)
