"""`./kefu bench faq`: knowledge search on a set of questions, through the very code that serves.

The base is indexed and calibrated as a shop's own would be: on itself, on the questions that the repo brings and on the
prior, never on the questions asked here.
"""

import resource
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import orjson
from rich.console import Console
from rich.table import Table

from core.errors import InvalidInput
from core.settings import load_settings
from retrieval import samples
from retrieval.calibration import expected_calibration_error
from retrieval.encoder import load_encoder
from retrieval.encoder.protocol import Encoder
from retrieval.index import KnowledgeIndex
from retrieval.knowledge import ALWAYS, Entry
from retrieval.late import late_of, token_encoding
from retrieval.operating import operate, read_prior
from retrieval.policy import load_policy
from retrieval.reading import read
from retrieval.samples import Asked
from retrieval.search import ASKED, SearchResult, Snapshot

console = Console(stderr=True, highlight=False)


@dataclass(frozen=True)
class Figures:
    """Shares of the questions of their kind. `ece`: how far the first candidate's probability lies from how often it is
    right, over all questions that an entry of the whole base answers. Times in ms include encoding; memory in MB is
    the whole process."""

    entries: int
    build_seconds: float
    questions: int
    recall_at_1: float
    recall_at_5: float
    mrr_at_10: float
    answered_right: float
    answered_wrong: float
    offered_with_right: float
    offered_without: float
    none: float
    ece: float
    removed: int
    removed_answered: float | None
    removed_offered: float | None
    off_topic: int
    off_topic_answered: float | None
    off_topic_offered: float | None
    p50_ms: float
    p95_ms: float
    peak_memory_mb: float


def run(kb: Path, queries: Path, ood: Path | None = None, json: bool = False, half: bool = False) -> None:
    """Prints a table, or JSON. `half`: every other entry is taken out, and questions about those count as `removed`.
    Raises InvalidInput for a file of another form."""
    encoder = configured_encoder()
    entries = list(_entries(kb))
    kept = entries[::2] if half else entries
    started = time.perf_counter()
    console.print(f"{kb.name}: indexing and calibrating {len(kept)} entries …")
    index = KnowledgeIndex.build(kept, encoder.encode, encoder.name)
    calibrating = samples.read_asked(ASKED)
    late = late_of(index, token_encoding(encoder))
    made = samples.make(index, calibrating, encoder.encode, late)
    snapshot = Snapshot(index, operate(made, load_policy(), read_prior()), index.fingerprint, late)
    built = time.perf_counter() - started
    asked = samples.read_asked(queries)
    console.print(f"{queries.name}: asking {len(asked)} questions …")
    figures = _measure(snapshot, encoder, asked, samples.read_asked(ood) if ood else [], built)
    if json:
        sys.stdout.write(orjson.dumps(asdict(figures), option=orjson.OPT_INDENT_2).decode() + "\n")
    else:
        _show(figures)


def _measure(
    snapshot: Snapshot, encoder: Encoder, asked: Sequence[Asked], off_topic: Sequence[Asked], built: float
) -> Figures:
    there = {question.text for question in asked if snapshot.index.position(str(question.entry_id)) is not None}
    known = [question for question in asked if question.text in there]
    gone = [question for question in asked if question.text not in there]
    ranks, firsts, outcomes, times = [], [], Counter[str](), []
    for question in known:
        started = time.perf_counter()
        reading = read(question.text, snapshot.index, encoder)
        result = snapshot.search(reading, datetime.now(UTC))
        times.append((time.perf_counter() - started) * 1000)
        outcomes[_outcome(result, str(question.entry_id))] += 1
        found = snapshot.ranked(reading)
        order = [entry.id for entry, _probability in found]
        firsts.append(found[0][1] if found else 0.0)
        ranks.append(order.index(question.entry_id) + 1 if question.entry_id in order else np.inf)
    rank = np.array(ranks)
    firsts += [_first(snapshot, question.text, encoder) for question in gone]
    sure, right = np.array(firsts), np.concatenate([rank <= 1, np.zeros(len(gone), bool)])
    gone_as, off_topic_as = _outcomes(snapshot, encoder, gone), _outcomes(snapshot, encoder, off_topic)
    return Figures(
        entries=snapshot.index.size,
        build_seconds=round(built, 1),
        questions=len(known),
        recall_at_1=_share(rank <= 1),
        recall_at_5=_share(rank <= 5),
        mrr_at_10=round(float(np.where(rank <= 10, 1 / rank, 0.0).mean()), 4),
        **{name: round(outcomes[name] / max(len(known), 1), 4) for name in _OUTCOMES},
        ece=round(expected_calibration_error(sure, right, np.ones(len(sure))), 4),
        removed=len(gone),
        removed_answered=gone_as.get("answer"),
        removed_offered=gone_as.get("choices"),
        off_topic=len(off_topic),
        off_topic_answered=off_topic_as.get("answer"),
        off_topic_offered=off_topic_as.get("choices"),
        p50_ms=round(float(np.percentile(times, 50)), 2),
        p95_ms=round(float(np.percentile(times, 95)), 2),
        peak_memory_mb=round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
    )


_OUTCOMES = ("answered_right", "answered_wrong", "offered_with_right", "offered_without", "none")


def _outcome(result: SearchResult, right: str) -> str:
    candidates = [candidate.entry_id for candidate in result.candidates]
    if result.outcome == "answer":
        return "answered_right" if candidates[0] == right else "answered_wrong"
    if result.outcome == "choices":
        return "offered_with_right" if right in candidates else "offered_without"
    return "none"


def _outcomes(snapshot: Snapshot, encoder: Encoder, asked: Sequence[Asked]) -> dict[str, float]:
    """Shares by outcome; empty without questions."""
    if not asked:
        return {}
    now = datetime.now(UTC)
    readings = (read(question.text, snapshot.index, encoder) for question in asked)
    got = Counter(snapshot.search(reading, now).outcome for reading in readings)
    return {outcome: round(got[outcome] / len(asked), 4) for outcome in ("answer", "choices", "none")}


def _first(snapshot: Snapshot, text: str, encoder: Encoder) -> float:
    found = snapshot.ranked(read(text, snapshot.index, encoder))
    return found[0][1] if found else 0.0


def _share(hits: Iterable[Any]) -> float:
    return round(float(np.mean(list(hits))), 4)


def configured_encoder() -> Encoder:
    settings = load_settings()
    return load_encoder(settings.encoder, settings.var_dir / "models" / "encoder")


def _entries(kb: Path) -> Iterator[Entry]:
    """Lines of `{"id", "question", "similar", "answer"?}`. A phrasing that stands twice in an entry counts once."""
    for number, line in enumerate(kb.read_text(encoding="utf-8").splitlines(), start=1):
        try:
            fields = orjson.loads(line)
            phrasings = dict.fromkeys((fields["question"], *fields["similar"]))
            yield Entry.model_construct(
                id=fields["id"],
                question=fields["question"],
                similar=tuple(phrasings)[1:],
                answer=fields.get("answer", fields["question"]),
                category="bench",
                owner="bench",
                about=(),
                valid_from=ALWAYS,
                valid_until=None,
                status="active",
                updated_at=ALWAYS,
            )
        except (orjson.JSONDecodeError, KeyError, TypeError) as error:
            raise InvalidInput(f'{kb}:{number}: needs {{"id", "question", "similar"}}: {error!r}') from error


def _show(figures: Figures) -> None:
    table = Table(title="Knowledge search at its calibrated operating point", show_header=False)
    for name, value in asdict(figures).items():
        table.add_row(name.replace("_", " "), "–" if value is None else str(value))
    Console(highlight=False).print(table)
