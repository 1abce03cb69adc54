"""Ranking by meaning and characters together: the entries worth a closer look, with what speaks for each."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from retrieval.encoder.protocol import Vectors
from retrieval.index import KnowledgeIndex, Positions
from retrieval.lexical import grams

Features = NDArray[np.float64]

DEPTH = 10
FEATURES = ("best", "mean", "body", "lexical", "body_lexical", "coverage")
COSINES = 3  # so many of the features are cosines
# The first sum, which only chooses the DEPTH entries that calibration then weighs. For an entry of one phrasing and
# no other words in its answer it is cosine + .05 BM25, which lifts recall@1 on every public set (see README).
_WEIGHTS = np.array([0.25, 0.25, 0.5, 0.02, 0.03, 0.0])
_LOOK_AT = 48


@dataclass(frozen=True)
class Ranking:
    """At most DEPTH entries, best first, as positions in the index. `features` (n, 6), a row an entry:
    the best and the mean cosine of its phrasings, the cosine of its body, BM25 of the best phrasing and of the body
    (scaled to this question's best), and the share of the question that its texts cover, times the root of the
    question's length: half of a long question tells more than half of a short one."""

    entries: Positions
    features: Features


def rank(
    index: KnowledgeIndex,
    question: str,
    vector: Vectors,
    *,
    without_phrasing: int | None = None,
    without_entry: int | None = None,
) -> Ranking:
    """`vector` is the question's unit vector (d,). What is left out is treated as if it were not there."""
    said, written = index.phrasings.match(question), index.bodies.match(question)
    by_phrasing = index.owners[index.phrasings.candidates(vector, said, _LOOK_AT)]
    entries = np.union1d(by_phrasing, index.bodies.candidates(vector, written, _LOOK_AT // 2))
    if without_entry is not None:
        entries = entries[entries != without_entry]
    if not len(entries):
        return Ranking(entries, np.empty((0, len(FEATURES))))

    counts = index.starts[entries + 1] - index.starts[entries]
    firsts = np.concatenate([[0], np.cumsum(counts)[:-1]])
    phrasings = np.repeat(index.starts[entries] - firsts, counts) + np.arange(counts.sum())
    there = phrasings != (-1 if without_phrasing is None else without_phrasing)
    cosines = np.where(there, index.phrasings.vectors[phrasings] @ vector, 0.0)
    bm25 = np.maximum.reduceat(np.where(there, said.bm25[phrasings], 0.0), firsts)
    covered = index.wholes.match(question).coverage[entries]
    if without_phrasing is not None:
        owner = int(index.owners[without_phrasing])
        covered[entries == owner] = index.wholes.coverage_by(question, index.text_without(without_phrasing))
    features = np.stack(
        [
            np.maximum.reduceat(cosines, firsts),
            np.add.reduceat(cosines, firsts) / np.maximum(np.add.reduceat(there, firsts, dtype=np.int64), 1),
            index.bodies.vectors[entries] @ vector,
            bm25 / max(float(bm25.max()), 1e-9),
            written.bm25[entries] / max(float(written.bm25[entries].max()), 1e-9),
            covered * np.sqrt(len(set(grams(question)))),
        ],
        axis=1,
        dtype=np.float64,
    )
    order = np.argsort(-(features @ _WEIGHTS), kind="stable")[:DEPTH]
    return Ranking(entries[order], features[order])
