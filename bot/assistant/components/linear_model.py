"""A linear model over two blocks of features, as plain arrays: what a prediction needs, and nothing else.

The utterance's vector (centred and scaled) beside TF-IDF over names of sparse features. Neither scikit-learn nor a
pickle is needed to serve it; ``linear_training`` makes it.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class LinearModel:
    """``weights`` has one row a feature (vector dimensions first, then the vocabulary) and one column a label."""

    labels: tuple[str, ...]
    vocabulary: dict[str, int]
    """Name of a sparse feature -> its row among the sparse ones."""
    idf: Floats
    mean: Floats
    scale: Floats
    weights: Floats
    bias: Floats

    @property
    def dimension(self) -> int:
        """Length of the vectors it was trained with."""
        return len(self.mean)

    def logits(self, counts: Counter[str], vector: Floats) -> Floats:
        """One logit a label. ``vector`` is (dimension,)."""
        out: Floats = ((vector - self.mean) * self.scale) @ self.weights[: self.dimension] + self.bias
        rows, values = tfidf(counts, self.vocabulary, self.idf)
        if rows:
            out = out + np.asarray(values, dtype=np.float32) @ self.weights[self.dimension :][rows]
        return out

    def save(self, folder: Path, name: str) -> None:
        np.savez(
            folder / f"{name}.npz",
            idf=self.idf,
            mean=self.mean,
            scale=self.scale,
            weights=self.weights,
            bias=self.bias,
        )
        names = {"labels": self.labels, "vocabulary": sorted(self.vocabulary, key=self.vocabulary.__getitem__)}
        (folder / f"{name}.json").write_text(json.dumps(names, ensure_ascii=False), encoding="utf-8")

    @classmethod
    def load(cls, folder: Path, name: str) -> LinearModel:
        names = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
        with np.load(folder / f"{name}.npz", allow_pickle=False) as arrays:
            return cls(
                labels=tuple(names["labels"]),
                vocabulary={feature: row for row, feature in enumerate(names["vocabulary"])},
                **{key: arrays[key] for key in ("idf", "mean", "scale", "weights", "bias")},
            )


def tfidf(counts: Counter[str], vocabulary: dict[str, int], idf: Floats) -> tuple[list[int], list[float]]:
    """Rows and values of one sparse block: sublinear term frequency times idf, of unit length."""
    rows = [vocabulary[feature] for feature in counts if feature in vocabulary]
    values = [
        (1.0 + math.log(count)) * float(idf[vocabulary[feature]])
        for feature, count in counts.items()
        if feature in vocabulary
    ]
    length = math.sqrt(sum(value * value for value in values))
    return rows, [value / length for value in values] if length else values


def softmax(logits: Floats) -> Floats:
    """Along the last axis."""
    shifted = np.exp(logits - logits.max(axis=-1, keepdims=True))
    result: Floats = shifted / shifted.sum(axis=-1, keepdims=True)
    return result
