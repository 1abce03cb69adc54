"""The questions an index is calibrated on: asked ones with their known answer, and the base's own phrasings. Each is
also asked as if the entry that answers it (or, for a phrasing, that phrasing) were not there."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from core.errors import InvalidInput
from retrieval.calibration import Kind, Sample
from retrieval.encoder.protocol import Vectors
from retrieval.index import KnowledgeIndex, Positions
from retrieval.ranking import Ranking, Without, rank

# More than this many of a kind make the fit slower, not better.
_MOST = 500
# Beside questions somebody really asked, held-back phrasings count little: an editor writes phrasings of one entry to
# be unlike each other and like the shop's other questions, so each is harder than what a customer asks.
_HELD_BACK_BESIDE_ASKED = 0.25


@dataclass(frozen=True)
class Asked:
    """A question and the id of the entry that answers it, None when none does."""

    text: str
    entry_id: str | None


def read_asked(path: Path) -> list[Asked]:
    """Lines of `{"text", "id"}`. Raises InvalidInput naming file and line."""
    asked = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if line.strip():
            try:
                fields = json.loads(line)
                asked.append(Asked(fields["text"], fields["id"]))
            except (json.JSONDecodeError, KeyError, TypeError) as error:
                raise InvalidInput(f'{path}:{number}: needs {{"text": …, "id": … or null}}: {error!r}') from error
    return asked


def make(index: KnowledgeIndex, asked: Sequence[Asked], asked_vectors: Vectors) -> list[Sample]:
    """Asked questions about entries that the index does not have count as unanswerable."""
    samples = []
    for question, vector in zip(asked, asked_vectors, strict=True):
        answer = None if question.entry_id is None else index.position(question.entry_id)
        ranking = rank(index, question.text, vector)
        if answer is None:
            samples.append(Sample("unanswerable", ranking, None, asked=True))
        else:
            missing = rank(index, question.text, vector, Without(answer))
            samples += [Sample("answerable", ranking, answer, asked=True), Sample("missing", missing, None, asked=True)]
    return samples + _held_back(index, Counter(sample.kind for sample in samples))


def _held_back(index: KnowledgeIndex, asked: Mapping[Kind, int]) -> list[Sample]:
    """From the large segment: what stands beside it is little."""
    segment = index.segments[0]
    starts, owners = segment.catalogue.starts, segment.catalogue.owners
    everything = np.flatnonzero(~segment.gone[owners])
    missing, similar = _some(everything), _some(np.setdiff1d(everything, starts[:-1]))
    samples = []
    for phrasing in missing:
        ranking = _ranked(index, phrasing, Without(int(owners[phrasing])))
        samples.append(Sample("missing", ranking, None, _weight(asked["missing"], len(missing))))
    for phrasing in similar:
        owner = int(owners[phrasing])
        ranking = _ranked(index, phrasing, Without(owner, phrasing - int(starts[owner])))
        samples.append(Sample("answerable", ranking, owner, _weight(asked["answerable"], len(similar))))
    return samples


def _ranked(index: KnowledgeIndex, phrasing: int, leaving: Without) -> Ranking:
    segment = index.segments[0]
    vector = segment.phrasings.dense.vectors(np.array([phrasing]))[0]
    return rank(index, segment.catalogue.phrasing(phrasing), vector, leaving)


def _weight(asked: int, held_back: int) -> float:
    return asked / held_back * _HELD_BACK_BESIDE_ASKED / (1 - _HELD_BACK_BESIDE_ASKED) if asked else 1.0


def _some(positions: Positions) -> list[int]:
    """Spread evenly over the base, the same every time."""
    if len(positions) <= _MOST:
        return [int(p) for p in positions]
    return [int(p) for p in positions[np.linspace(0, len(positions) - 1, _MOST).astype(int)]]
