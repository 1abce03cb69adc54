"""`./kefu bench search`: how the knowledge search holds at any number of entries, through the very code that serves.

The entries are made up: short questions of a thousand subjects, with vectors in clusters as real questions have them.
"""

import ctypes
import gc
import resource
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

import numpy as np
import orjson
import psutil
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track
from rich.table import Table

from retrieval.encoder.protocol import Encoder, Vectors
from retrieval.index import KnowledgeIndex, Segment
from retrieval.knowledge import ALWAYS, Entry
from retrieval.operating import read_prior
from retrieval.search import Snapshot
from training.bench.faq import configured_encoder

console = Console(stderr=True, highlight=False)

_SUBJECTS, _ASKED, _WARM_UP, _NEAREST = 1000, 300, 20, 10
_SPREAD = 0.35  # length of what parts a question from the middle of its cluster
_WHOLE = "退货换货运费发票积分券尺码颜色保修快递地址订单会员生日活动预售赠品包装质量清洗安装配件电池充电过敏成分"
_ASKS = ("怎么{}", "{}要多久", "{}可以吗", "{}在哪里看", "为什么{}", "{}收费吗", "{}坏了怎么办", "请问{}支持吗")


@dataclass(frozen=True)
class Figures:
    """Times in ms, with encoding: by the clock, and of this thread's work alone, which other programs on the machine
    do not lengthen; the same without encoding. Memory in MB is the whole process while it serves.
    `recall`: of the 10 nearest of all entries, found among the 10 nearest that the index gives."""

    entries: int
    build_seconds: float
    p50_ms: float
    p95_ms: float
    cpu_p50_ms: float
    cpu_p95_ms: float
    search_cpu_p50_ms: float
    search_cpu_p95_ms: float
    recall_at_10: float
    update_seconds: float
    memory_mb: float
    peak_memory_mb: float


def run(entries: int, as_json: bool = False) -> None:
    """Prints a table, or JSON."""
    encoder = configured_encoder()
    rng = np.random.default_rng(1)
    made = list(_made(entries, rng))
    vectors = _vectors(entries, encoder.dimension, rng)
    questions = [made[int(i)].question for i in rng.integers(entries, size=_ASKED)]
    near = rng.integers(entries, size=_ASKED)
    noisy = _unit(vectors[near] + _noise(_ASKED, encoder.dimension, rng))
    exact = [np.argpartition(-(vectors @ vector), _NEAREST)[:_NEAREST] for vector in noisy]

    console.print(f"building an index of {entries} entries …")
    started = time.perf_counter()
    segment = Segment.of(made, vectors, np.empty((0, encoder.dimension), np.float32))
    index = KnowledgeIndex.around(segment, encoder.name)
    built = time.perf_counter() - started
    del made, vectors, segment

    snapshot = Snapshot(index, read_prior(), index.fingerprint)
    found = [index.segments[0].phrasings.dense.nearest(vector, _NEAREST) for vector in noisy]
    recall = np.mean([len(set(a) & set(b)) / _NEAREST for a, b in zip(exact, found, strict=True)])
    times = _times(snapshot, encoder, questions, noisy)
    figures = Figures(
        entries=entries,
        build_seconds=round(built, 1),
        p50_ms=_percentile(times[0], 50),
        p95_ms=_percentile(times[0], 95),
        cpu_p50_ms=_percentile(times[1], 50),
        cpu_p95_ms=_percentile(times[1], 95),
        search_cpu_p50_ms=_percentile(times[2], 50),
        search_cpu_p95_ms=_percentile(times[2], 95),
        recall_at_10=round(float(recall), 4),
        update_seconds=round(_update(index, encoder), 3),
        memory_mb=_memory(),
        peak_memory_mb=round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
    )
    _show(figures, as_json)


def _made(count: int, rng: np.random.Generator) -> Iterator[Entry]:
    letters = np.array(list(_WHOLE))
    subjects = ["".join(letters[rng.integers(len(letters), size=4)]) for _ in range(_SUBJECTS)]
    details = letters[rng.integers(len(letters), size=(count, 4))]
    for number in track(range(count), "entries", console=console):
        ask = _ASKS[number % len(_ASKS)]
        question = ask.format(subjects[number % _SUBJECTS] + "".join(details[number]))
        yield Entry.model_construct(
            id=f"kb-{number:08d}",
            question=question,
            similar=(),
            answer=question,
            category="bench",
            owner="bench",
            about=(),
            valid_from=ALWAYS,
            valid_until=None,
            status="active",
            updated_at=ALWAYS,
        )


def _vectors(count: int, dimension: int, rng: np.random.Generator) -> Vectors:
    """In as many clusters as there are subjects, filled in place."""
    centres = _unit(rng.standard_normal((_SUBJECTS, dimension), np.float32))
    vectors = np.empty((count, dimension), np.float32)
    for start in range(0, count, 50_000):
        numbers = np.arange(start, min(start + 50_000, count))
        vectors[numbers] = _unit(centres[numbers % _SUBJECTS] + _noise(len(numbers), dimension, rng))
    return vectors


def _noise(count: int, dimension: int, rng: np.random.Generator) -> Vectors:
    return _unit(rng.standard_normal((count, dimension), np.float32)) * np.float32(_SPREAD)


def _unit(vectors: Vectors) -> Vectors:
    unit: Vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return unit


def _times(snapshot: Snapshot, encoder: Encoder, questions: list[str], near: Vectors) -> NDArray[np.float64]:
    """(3, n): by the clock, of this thread, and of that without encoding. What is searched with are vectors that lie in
    the clusters, as a customer's question would."""
    times = []
    now = datetime.now(UTC)
    for question, vector in zip(questions, near, strict=True):
        started, worked = time.perf_counter(), time.thread_time()
        encoder.encode([question])
        encoded = time.thread_time()
        snapshot.search(question, vector, now)
        ended = time.thread_time()
        times.append((time.perf_counter() - started, ended - worked, ended - encoded))
    return np.array(times[_WARM_UP:]).T * 1000


def _update(index: KnowledgeIndex, encoder: Encoder) -> float:
    """Seconds from an entry being read to an index that finds it."""
    [entry] = _made(1, np.random.default_rng(2))
    started = time.perf_counter()
    renewed = index.changed([entry.model_copy(update={"id": "kb-new"})], encoder.encode)
    if renewed is None:
        renewed = KnowledgeIndex.around(Segment.build([entry], encoder.encode), encoder.name)
    return time.perf_counter() - started


def _memory() -> float:
    """Resident now, in MB, without what was freed since the building."""
    gc.collect()
    getattr(ctypes.CDLL(None), "malloc_trim", int)(0)  # where the C library knows it
    return round(psutil.Process().memory_info().rss / 2**20, 1)


def _percentile(times: NDArray[np.float64], percent: int) -> float:
    return round(float(np.percentile(times, percent)), 2)


def _show(figures: Figures, as_json: bool) -> None:
    if as_json:
        sys.stdout.write(orjson.dumps(asdict(figures), option=orjson.OPT_INDENT_2).decode() + "\n")
        return
    table = Table(title="Knowledge search on made-up entries", show_header=False)
    for name, value in asdict(figures).items():
        table.add_row(name.replace("_", " "), str(value))
    Console(highlight=False).print(table)
