"""The questions an index is calibrated on: asked ones with their known answer, and the base's own phrasings. Each is
also asked as if the entry that answers it (or, for a phrasing, that phrasing) were not there."""

import json
from collections import Counter
from collections.abc import Sequence, Set
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np

from core.errors import InvalidInput
from retrieval.calibration import Kind, Sample
from retrieval.index import Encode, KnowledgeIndex, Positions
from retrieval.late import Late, Near
from retrieval.ranking import Ranking, Without, rank, said_in

# More than this many of a kind make the fit slower, not better.
_MOST = 500
# Beside questions somebody really asked, held-back phrasings count little: an editor writes phrasings of one entry to
# be unlike each other and like the shop's other questions, so each is harder than what a customer asks.
_HELD_BACK_BESIDE_ASKED = 0.25


@dataclass(frozen=True)
class Asked:
    """A question and the id of the entry that answers it, None when none does. `off_topic`: no base of any shop, bank
    or school would; without it such a question is like the shop's, and somebody may write its entry one day."""

    text: str
    entry_id: str | None
    off_topic: bool = False


def read_asked(path: Path) -> list[Asked]:
    """Lines of `{"text", "id", "off_topic"?}`. Raises InvalidInput naming file and line."""
    asked = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if line.strip():
            try:
                fields = json.loads(line)
                asked.append(Asked(fields["text"], fields["id"], fields.get("off_topic", False)))
            except (json.JSONDecodeError, KeyError, TypeError) as error:
                raise InvalidInput(f'{path}:{number}: needs {{"text": …, "id": … or null}}: {error!r}') from error
    return asked


def make(index: KnowledgeIndex, asked: Sequence[Asked], encode: Encode, late: Late | None = None) -> list[Sample]:
    """`late`: of the index, where it has one. What an entry answers that the index does not have, another one here may
    answer as well: neither right nor wrong. Of questions about another base, of which the index has no entry at all,
    only those off topic are used."""
    answers = [None if question.entry_id is None else index.position(question.entry_id) for question in asked]
    same_base = any(answer is not None for answer in answers)
    missing, similar = _held_back(index)
    ranked = _Ranked(index, [question.text for question in asked], {*missing, *similar}, encode, late)
    samples = []
    for question, answer in zip(asked, answers, strict=True):
        if answer is not None:
            samples.append(Sample("answerable", ranked(question.text), answer, asked=True))
            samples.append(Sample("missing", ranked(question.text, Without(answer)), None, asked=True))
        elif question.entry_id is None and (same_base or question.off_topic):
            kind: Kind = "unanswerable" if question.off_topic else "missing"
            samples.append(Sample(kind, ranked(question.text), None, asked=True))
    kinds = Counter(sample.kind for sample in samples)
    catalogue = index.segments[0].catalogue
    for phrasing in missing:
        leaving = Without(int(catalogue.owners[phrasing]))
        weight = _weight(kinds["missing"], len(missing))
        samples.append(Sample("missing", ranked(catalogue.phrasing(phrasing), leaving), None, weight))
    for phrasing in similar:
        owner = int(catalogue.owners[phrasing])
        leaving = Without(owner, phrasing - int(catalogue.starts[owner]))
        weight = _weight(kinds["answerable"], len(similar))
        samples.append(Sample("answerable", ranked(catalogue.phrasing(phrasing), leaving), owner, weight))
    return samples


class _Ranked:
    """Ranks asked questions and phrasings of the large segment, whose vectors are there."""

    def __init__(
        self,
        index: KnowledgeIndex,
        asked: Sequence[str],
        phrasings: Set[int],
        encode: Encode,
        late: Late | None,
    ) -> None:
        self._index, self._late = index, late
        segment, own = index.segments[0], np.array(sorted(phrasings), np.int64)
        texts = [segment.catalogue.phrasing(int(phrasing)) for phrasing in own]
        rests = chain(*(said_in(index, text)[1:] for text in texts))
        more = list(dict.fromkeys(chain(*(said_in(index, text) for text in asked), rests)))
        self._vectors = dict(zip(texts, segment.phrasings.dense.vectors(own), strict=True))
        self._vectors |= zip(more, encode(more), strict=True)
        self._tokens = dict(zip(texts, map(late.phrasings.padded, own.tolist()), strict=True)) if late else {}
        self._tokens |= zip(more, late.encode(more), strict=True) if late else ()

    def __call__(self, text: str, leaving: Without | None = None) -> Ranking:
        said = said_in(self._index, text)
        vectors = np.stack([self._vectors[one] for one in said])
        near = Near(np.stack([self._tokens[one] for one in said]), self._late) if self._late else None
        return rank(self._index, text, vectors, leaving, near)


def _held_back(index: KnowledgeIndex) -> tuple[list[int], list[int]]:
    """Phrasings asked without their entry, and without themselves. Of the large segment: what stands beside it is
    little."""
    segment = index.segments[0]
    there = np.flatnonzero(~segment.gone[segment.catalogue.owners])
    return _some(there), _some(np.setdiff1d(there, segment.catalogue.starts[:-1]))


def _weight(asked: int, held_back: int) -> float:
    return asked / held_back * _HELD_BACK_BESIDE_ASKED / (1 - _HELD_BACK_BESIDE_ASKED) if asked else 1.0


def _some(positions: Positions) -> list[int]:
    """Spread evenly over the base, the same every time."""
    if len(positions) <= _MOST:
        return [int(p) for p in positions]
    return [int(p) for p in positions[np.linspace(0, len(positions) - 1, _MOST).astype(int)]]
