"""Multinomial logistic regression over a sentence vector and character n-grams, with a calibrating temperature.

Scoring needs numpy only; fitting (scikit-learn) is in `handoff.sentiment.training`. Both go through the same features.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from retrieval.text import normalise

Floats = NDArray[np.float32]

DEGREES = ("very_negative", "negative", "neutral", "positive", "very_positive")
NGRAM_SIZES = (1, 2, 3)


def ngrams(text: str) -> Counter[str]:
    """Character n-grams of the normalised, lower-cased text; a mark at either end shows which stand first and last."""
    marked = f"^{normalise(text).lower()}$"
    return Counter(marked[i : i + size] for size in NGRAM_SIZES for i in range(len(marked) - size + 1))


@dataclass(frozen=True)
class NgramVocabulary:
    """Sublinear tf-idf over the n-grams seen in at least `min_texts` texts; every row has length 1 (or 0)."""

    index: dict[str, int]
    idf: Floats

    @classmethod
    def fit(cls, texts: Sequence[str], min_texts: int) -> NgramVocabulary:
        seen = Counter(gram for text in texts for gram in ngrams(text))
        kept = sorted(gram for gram, count in seen.items() if count >= min_texts)
        idf = [np.log((1 + len(texts)) / (1 + seen[gram])) + 1 for gram in kept]
        return cls({gram: column for column, gram in enumerate(kept)}, np.asarray(idf, dtype=np.float32))

    def transform(self, text: str) -> tuple[NDArray[np.intp], Floats]:
        """Columns and their values."""
        known = [(self.index[gram], count) for gram, count in ngrams(text).items() if gram in self.index]
        columns = np.array([column for column, _ in known], dtype=np.intp)
        values = (1 + np.log(np.array([count for _, count in known], dtype=np.float32))) * self.idf[columns]
        return columns, values / max(float(np.linalg.norm(values)), 1e-9)


@dataclass(frozen=True)
class VectorScaling:
    """Centres sentence vectors and scales them to length 1 or so: raw e5 vectors are drowned out by the n-grams."""

    mean: Floats
    scale: Floats

    @classmethod
    def fit(cls, vectors: Floats) -> VectorScaling:
        spread = vectors.std(axis=0) * np.sqrt(vectors.shape[1])
        return cls(vectors.mean(axis=0), np.asarray(1 / np.maximum(spread, 1e-6), dtype=np.float32))

    def transform(self, vectors: Floats) -> Floats:
        return (vectors - self.mean) * self.scale


@dataclass(frozen=True)
class Classifier:
    """Weights: vector_weights (d, 5), ngram_weights (vocabulary, 5), bias (5). Columns follow DEGREES."""

    vocabulary: NgramVocabulary
    scaling: VectorScaling
    vector_weights: Floats
    ngram_weights: Floats
    bias: Floats
    temperature: float

    def probabilities(self, text: str, vector: Floats) -> Floats:
        """(5,) calibrated probabilities in the order of DEGREES. `vector`: (d,) of the encoder it was trained with."""
        columns, values = self.vocabulary.transform(text)
        logits = self.scaling.transform(vector) @ self.vector_weights + values @ self.ngram_weights[columns] + self.bias
        return softmax(logits / self.temperature)

    def save(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        np.savez(
            folder / "weights.npz",
            idf=self.vocabulary.idf,
            mean=self.scaling.mean,
            scale=self.scaling.scale,
            vector_weights=self.vector_weights,
            ngram_weights=self.ngram_weights,
            bias=self.bias,
        )
        data = {"degrees": DEGREES, "temperature": self.temperature, "ngrams": list(self.vocabulary.index)}
        (folder / "classifier.json").write_text(json.dumps(data, ensure_ascii=False), encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> Classifier:
        data = json.loads((folder / "classifier.json").read_text(encoding="utf-8"))
        weights = np.load(folder / "weights.npz", allow_pickle=False)
        return cls(
            NgramVocabulary({gram: column for column, gram in enumerate(data["ngrams"])}, weights["idf"]),
            VectorScaling(weights["mean"], weights["scale"]),
            weights["vector_weights"],
            weights["ngram_weights"],
            weights["bias"],
            data["temperature"],
        )


def softmax(logits: NDArray[np.floating]) -> Floats:
    """Over the last axis."""
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True), dtype=np.float32)
