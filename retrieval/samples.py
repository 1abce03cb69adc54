"""The questions an index is calibrated on: asked ones with their known answer, and the base's own phrasings, each
asked as if it, or its whole entry, were not there."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from core.errors import InvalidInput
from retrieval.calibration import Sample
from retrieval.encoder.protocol import Vectors
from retrieval.index import KnowledgeIndex
from retrieval.ranking import rank

# More than this many of a kind make the fit slower, not better.
_MOST = 500
# Beside questions somebody really asked, held-back phrasings count little: an editor writes phrasings of one entry to
# be unlike each other, so each is harder to find without itself than a customer's question is.
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
    """Asked questions about entries the index does not have are `missing` ones."""
    position = {entry.id: i for i, entry in enumerate(index.entries)}
    samples = []
    for question, vector in zip(asked, asked_vectors, strict=True):
        ranking = rank(index, question.text, vector)
        if question.entry_id is None:
            samples.append(Sample(kind="unanswerable", ranking=ranking, answer=None))
        elif (answer := position.get(question.entry_id)) is None:
            samples.append(Sample(kind="missing", ranking=ranking, answer=None))
        else:
            samples.append(Sample(kind="answerable", ranking=ranking, answer=answer))
    return samples + _held_back(index, sum(sample.kind == "answerable" for sample in samples))


def _held_back(index: KnowledgeIndex, asked: int) -> list[Sample]:
    samples = []
    for phrasing in _some(np.arange(len(index.texts))):
        text, vector, owner = index.texts[phrasing], index.phrasings.vectors[phrasing], int(index.owners[phrasing])
        ranking = rank(index, text, vector, without_entry=owner)
        samples.append(Sample(kind="missing", ranking=ranking, answer=None))
    similar = _some(np.setdiff1d(np.arange(len(index.texts)), index.starts[:-1]))
    weight = asked / max(len(similar), 1) * _HELD_BACK_BESIDE_ASKED / (1 - _HELD_BACK_BESIDE_ASKED) if asked else 1.0
    for phrasing in similar:
        text, vector, owner = index.texts[phrasing], index.phrasings.vectors[phrasing], int(index.owners[phrasing])
        ranking = rank(index, text, vector, without_phrasing=int(phrasing))
        samples.append(Sample(kind="answerable", ranking=ranking, answer=owner, weight=weight))
    return samples


def _some(positions: np.ndarray[tuple[int], np.dtype[np.int64]]) -> list[int]:
    """Spread evenly over the base, the same every time."""
    if len(positions) <= _MOST:
        return [int(p) for p in positions]
    return [int(p) for p in positions[np.linspace(0, len(positions) - 1, _MOST).astype(int)]]
