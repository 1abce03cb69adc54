"""Makes the linear model of ``linear_model``: its features from the examples, its weights by logistic regression.

Runs only in training (SciPy).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_matrix

from bot.assistant.components.linear_model import Floats, LinearModel, tfidf
from bot.assistant.components.logistic import Fit, Matrix


@dataclass(frozen=True)
class Features:
    """The unsupervised part: fitted on texts and vectors alone."""

    vocabulary: dict[str, int]
    idf: Floats
    mean: Floats
    scale: Floats

    @classmethod
    def fit(cls, grams: Sequence[Counter[str]], vectors: Floats) -> Features:
        seen = Counter(gram for counts in grams for gram in counts)
        # A gram seen once tells nothing about another utterance.
        kept = sorted(gram for gram, count in seen.items() if count > 1)
        idf = np.log((1 + len(grams)) / (1 + np.array([seen[gram] for gram in kept]))) + 1
        deviation = vectors.std(axis=0)
        # Each block has about unit length, so neither drowns the other.
        scale = 1 / (np.maximum(deviation, deviation.mean() * 1e-3) * np.sqrt(vectors.shape[1]))
        return cls(
            vocabulary={gram: row for row, gram in enumerate(kept)},
            idf=idf.astype(np.float32),
            mean=vectors.mean(axis=0),
            scale=scale.astype(np.float32),
        )

    def matrix(self, grams: Sequence[Counter[str]], vectors: Floats) -> Matrix:
        """(n, dimension) dense, (n, vocabulary) sparse."""
        rows = [tfidf(counts, self.vocabulary, self.idf) for counts in grams]
        indptr = np.cumsum([0, *(len(columns) for columns, _ in rows)])
        indices = np.array([column for columns, _ in rows for column in columns], dtype=np.int32)
        values = np.array([value for _, items in rows for value in items], dtype=np.float32)
        sparse = csr_matrix((values, indices, indptr), shape=(len(rows), len(self.vocabulary)))
        return Matrix(((vectors - self.mean) * self.scale).astype(np.float32), sparse)

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
