"""Ranking by meaning and characters together: the entries worth a closer look, with what speaks for each."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from retrieval.encoder.protocol import Vectors
from retrieval.goods import without
from retrieval.index import KnowledgeIndex, Positions, Segment, TextIndex
from retrieval.late import Near
from retrieval.lexical import Floats, Keys, keys_of

Features = NDArray[np.float64]

DEPTH = 10
FEATURES = ("best", "mean", "body", "coverage", "agrees", "late")
COSINES = 3  # so many of the features are cosines, the first as it is and the others as differences from it
LATE = 5
# The sum that only chooses the DEPTH entries that calibration then weighs: what the prior's weights come to.
_WEIGHTS = np.array([1.0, 0.25, 0.25, 0.015, 0.01])
_LATE_WEIGHT = 0.14
_LOOK_AT = 48
_LOOK_CLOSER_AT = 20
_LEAST_REST = 3  # grams: two characters and the pair they are


@dataclass(frozen=True)
class Ranking:
    """At most DEPTH entries, best first, as positions in the index. `features` (n, 6), a row an entry: the best cosine
    of its phrasings; how far their mean, and its body, lie from that; the share of the question that its texts cover,
    times the root of the question's length (half of a long question tells more than half of a short one); 1 when the
    question names goods that it is about; and how near the nearest phrasing is token by token, NaN where the base has
    no tokens. What an entry does not have is 0.
    `field`: cosine of the question and the middle of the base; share of its grams that the base has anywhere."""

    entries: Positions
    features: Features
    field: tuple[float, float]


@dataclass(frozen=True)
class Without:
    """What is treated as if it were not there: an entry, or one of its phrasings (0 is its question)."""

    entry: int
    phrasing: int | None = None


def said_in(index: KnowledgeIndex, question: str) -> tuple[str, ...]:
    """The question, and what it says besides the goods that entries are about: 空气炸锅三天了还不发货 asks for what the
    entry on late parcels answers, and agreement sees to the goods."""
    rest = without(question, index.goods.named(question) & index.goods.claimed)
    return (question, rest) if _LEAST_REST <= len(keys_of(rest)) < len(keys_of(question)) else (question,)


def rank(
    index: KnowledgeIndex, question: str, vectors: Vectors, leaving: Without | None = None, near: Near | None = None
) -> Ranking:
    """`vectors` (n, d): of what `said_in` gives; or (d,) of the question alone. `near`: what the tokens of the question
    are near to, if the base has them. Entries about other goods than the question names are left out."""
    vectors = np.atleast_2d(vectors)
    named = index.goods.named(question)
    keys = keys_of(question)
    # Goods an entry can be about count as agreement, and no more: sharing their name is no sign of a shared question.
    beside = keys_of(without(question, named & index.goods.claimed))
    count = np.isin(keys, beside) if len(beside) else np.ones(len(keys), bool)
    asked = _Asked(vectors, keys, *index.telling(keys), count, named)
    found, first = [], 0
    for segment in index.segments:
        skipped = Without(leaving.entry - first, leaving.phrasing) if leaving else None
        entries, features = _looked_at(segment, asked, skipped)
        found.append((entries + first, features))
        first += len(segment.catalogue)
    entries = np.concatenate([positions for positions, _features in found])
    features = np.concatenate([rows for _positions, rows in found])
    sums = features @ _WEIGHTS
    late = np.full(len(entries), np.nan)
    if near is not None and len(entries):
        closer = np.argsort(-sums, kind="stable")[:_LOOK_CLOSER_AT]
        entries, features, sums = entries[closer], features[closer], sums[closer]
        late = _late(entries, near, leaving)
        sums += _LATE_WEIGHT * late
    order = np.argsort(-sums, kind="stable")[:DEPTH]
    features = np.column_stack([features, late])[order]
    return Ranking(entries[order], features, (float(index.centre @ vectors[0]), _known(asked)))


@dataclass(frozen=True)
class _Asked:
    """A question: its vectors, its grams with their IDF and whether any text has them, which `count` beside the goods'
    names, and the goods."""

    vectors: Vectors
    keys: Keys
    telling: Floats
    there: NDArray[np.bool_]
    count: NDArray[np.bool_]
    named: frozenset[str]


def _looked_at(segment: Segment, asked: _Asked, leaving: Without | None) -> tuple[Positions, Features]:
    """A segment's candidates (n,) with their features but the late one."""
    catalogue, said, written = segment.catalogue, segment.phrasings, segment.bodies
    owners = catalogue.owners[said.candidates(asked.vectors, asked.keys, asked.telling, _LOOK_AT)]
    with_body = written.candidates(asked.vectors[:1], asked.keys, asked.telling, _LOOK_AT // 2)
    entries = np.union1d(owners, catalogue.having_body[with_body]).astype(np.int64)
    entries = entries[~segment.gone[entries]]
    if asked.named:
        entries = entries[catalogue.about.agree(entries, asked.named) | ~catalogue.about.has(entries)]
    if leaving is not None and leaving.phrasing is None:
        entries = entries[entries != leaving.entry]
    if not len(entries):
        return entries, np.empty((0, LATE))

    counts = catalogue.starts[entries + 1] - catalogue.starts[entries]
    firsts = np.concatenate([[0], np.cumsum(counts)[:-1]])
    phrasings = np.repeat(catalogue.starts[entries] - firsts, counts) + np.arange(counts.sum())
    there = np.ones(len(phrasings), bool)
    if leaving is not None and leaving.phrasing is not None and 0 <= leaving.entry < len(catalogue):
        there = phrasings != catalogue.starts[leaving.entry] + leaving.phrasing
    cosines = np.where(there, _cosines(said, phrasings, asked), 0.0)
    times = said.postings.counts(asked.keys, phrasings) * there
    best = np.maximum.reduceat(cosines, firsts)
    means = np.add.reduceat(cosines, firsts) / np.maximum(np.add.reduceat(there, firsts, dtype=np.int64), 1)

    has_body = catalogue.bodies[entries] >= 0
    bodies = catalogue.bodies[entries][has_body].astype(np.int64)
    body, in_body = np.zeros(len(entries)), np.zeros((len(asked.keys), len(entries)))
    body[has_body] = _cosines(written, bodies, asked) - best[has_body]
    in_body[:, has_body] = written.postings.counts(asked.keys, bodies)

    matters = np.where(asked.count, asked.telling, 0.0)
    has = np.maximum.reduceat(times, firsts, axis=1) + in_body > 0
    coverage = matters @ has / max(float(matters.sum()), 1e-9) * np.sqrt(asked.count.sum())
    agrees = catalogue.about.has(entries) & bool(asked.named)
    rows = [best, means - best, body, coverage, agrees]
    return entries, np.stack(rows, axis=1, dtype=np.float64)


def _late(entries: Positions, near: Near, leaving: Without | None) -> Floats:
    """(n,): the best of each entry's phrasings."""
    nearness, firsts = near.to(entries)
    if leaving is not None and leaving.phrasing is not None:
        nearness[firsts[entries == leaving.entry] + leaving.phrasing] = 0.0
    best: Floats = np.maximum.reduceat(nearness, firsts)
    return best


def _cosines(texts: TextIndex, positions: Positions, asked: _Asked) -> NDArray[np.float32]:
    cosines: NDArray[np.float32] = (texts.dense.vectors(positions) @ asked.vectors.T).max(axis=1)
    return cosines


def _known(asked: _Asked) -> float:
    return float(asked.telling[asked.there].sum() / max(float(asked.telling.sum()), 1e-9))
