"""Makes the linear model of ``linear_model``: its features from the examples, its weights by logistic regression.

Runs only in training (SciPy).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from bot.assistant.components.linear_model import Floats, LinearModel
from bot.assistant.components.logistic import Fit, Matrix


@dataclass(frozen=True)
class Counts:
    """Sparse features of n utterances, counted once for all fits on parts of them."""

    names: tuple[str, ...]
    weights: csr_matrix
    """(n, names): 1 + log of how often."""

    @classmethod
    def of(cls, counts: Sequence[Counter[str]]) -> Counts:
        names = tuple(sorted({name for one in counts for name in one}))
        column = {name: i for i, name in enumerate(names)}
        starts = np.cumsum([0, *map(len, counts)])
        columns = np.array([column[name] for one in counts for name in one], dtype=np.int32)
        times = np.array([count for one in counts for count in one.values()], dtype=np.float32)
        return cls(names, csr_matrix((1 + np.log(times), columns, starts), shape=(len(counts), len(names))))

    def __getitem__(self, rows: NDArray[np.integer[Any] | np.bool_]) -> Counts:
        return Counts(self.names, self.weights[rows])


@dataclass(frozen=True)
class Features:
    """The unsupervised part: fitted on texts and vectors alone."""

    vocabulary: dict[str, int]
    columns: NDArray[np.int64]
    """Of the vocabulary among the names that were counted."""
    idf: Floats
    mean: Floats
    scale: Floats

    @classmethod
    def fit(cls, counts: Counts, vectors: Floats) -> Features:
        seen = np.bincount(counts.weights.indices, minlength=len(counts.names))
        # A gram seen once tells nothing about another utterance.
        kept = np.flatnonzero(seen > 1)
        idf = np.log((1 + counts.weights.shape[0]) / (1 + seen[kept])) + 1
        deviation = vectors.std(axis=0)
        # Each block has about unit length, so neither drowns the other.
        scale = 1 / (np.maximum(deviation, deviation.mean() * 1e-3) * np.sqrt(vectors.shape[1]))
        return cls(
            vocabulary={counts.names[column]: row for row, column in enumerate(kept)},
            columns=kept,
            idf=idf.astype(np.float32),
            mean=vectors.mean(axis=0),
            scale=scale.astype(np.float32),
        )

    def matrix(self, counts: Counts, vectors: Floats) -> Matrix:
        """(n, dimension) dense, (n, vocabulary) sparse: as ``linear_model.tfidf`` has them one by one."""
        sparse = counts.weights[:, self.columns].multiply(self.idf).tocsr()
        lengths = np.sqrt(sparse.power(2).sum(axis=1).A1)
        sparse.data /= np.repeat(np.maximum(lengths, 1e-9), np.diff(sparse.indptr))
        return Matrix(((vectors - self.mean) * self.scale).astype(np.float32), sparse.astype(np.float32))

    def model(self, labels: Sequence[str], fitted: Fit) -> LinearModel:
        return LinearModel(
            labels=tuple(labels),
            vocabulary=self.vocabulary,
            idf=self.idf,
            mean=self.mean,
            scale=self.scale,
            weights=fitted.weights.astype(np.float32),
            bias=fitted.bias.astype(np.float32),
        )
