"""The intent model as plain arrays: what a prediction needs, and nothing else.

Linear over two blocks of features: the sentence vector (centred and scaled) and TF-IDF over character n-grams. Neither
scikit-learn nor a pickle is needed to serve it; ``intent_training`` makes it.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from retrieval.text import normalise

Floats = NDArray[np.floating[Any]]

ARRAYS_FILE = "intent_model.npz"
SETTINGS_FILE = "intent_model.json"


# Which number it is says nothing about the intent; that there is one does.
_NUMBER = re.compile(r"[a-z]{0,4}\d{6,}")


def ngrams(text: str, longest: int) -> Counter[str]:
    """Character n-grams of 1 to ``longest`` with the ends of the utterance marked: "^退货$"."""
    marked = f"^{_NUMBER.sub('№', normalise(text).lower())}$"
    return Counter(
        marked[start : start + size]
        for size in range(1, longest + 1)
        for start in range(len(marked) - size + 1)
        if marked[start : start + size] not in ("^", "$")
    )


@dataclass(frozen=True)
class IntentModel:
    """``weights`` has one row a feature (vector dimensions first, then n-grams) and one column an intent."""

    intents: tuple[str, ...]
    vocabulary: dict[str, int]
    """n-gram -> its row among the n-gram rows."""
    longest: int
    idf: Floats
    mean: Floats
    scale: Floats
    weights: Floats
    bias: Floats
    temperature: float
    """Divides the logits; fitted on out-of-fold predictions."""
    threshold: float
    """Below this probability the guess is not acted on; chosen on out-of-fold predictions."""

    def logits(self, text: str, vector: Floats) -> Floats:
        """One logit an intent, before temperature. ``vector`` is (dimension,), L2-normalised."""
        dimension = len(self.mean)
        out: Floats = ((vector - self.mean) * self.scale) @ self.weights[:dimension] + self.bias
        rows, values = tfidf(ngrams(text, self.longest), self.vocabulary, self.idf)
        if rows:
            out = out + np.asarray(values, dtype=np.float32) @ self.weights[dimension:][rows]
        return out

    def probabilities(self, text: str, vector: Floats) -> list[tuple[str, float]]:
        """All intents with their calibrated probabilities, the likeliest first."""
        probabilities = softmax(self.logits(text, vector) / self.temperature)
        order = np.argsort(-probabilities)
        return [(self.intents[i], float(probabilities[i])) for i in order]

    def save(self, folder: Path) -> None:
        np.savez(
            folder / ARRAYS_FILE, idf=self.idf, mean=self.mean, scale=self.scale, weights=self.weights, bias=self.bias
        )
        settings = {
            "intents": self.intents,
            "longest": self.longest,
            "temperature": self.temperature,
            "threshold": self.threshold,
            "vocabulary": sorted(self.vocabulary, key=self.vocabulary.__getitem__),
        }
        (folder / SETTINGS_FILE).write_text(json.dumps(settings, ensure_ascii=False), encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> IntentModel:
        settings = json.loads((folder / SETTINGS_FILE).read_text(encoding="utf-8"))
        with np.load(folder / ARRAYS_FILE, allow_pickle=False) as arrays:
            return cls(
                intents=tuple(settings["intents"]),
                vocabulary={gram: row for row, gram in enumerate(settings["vocabulary"])},
                longest=settings["longest"],
                temperature=settings["temperature"],
                threshold=settings["threshold"],
                **{name: arrays[name] for name in ("idf", "mean", "scale", "weights", "bias")},
            )


def tfidf(counts: Counter[str], vocabulary: dict[str, int], idf: Floats) -> tuple[list[int], list[float]]:
    """Rows and values of one utterance's n-gram block: sublinear term frequency times idf, of unit length."""
    rows = [vocabulary[gram] for gram in counts if gram in vocabulary]
    values = [
        (1.0 + math.log(count)) * float(idf[vocabulary[gram]]) for gram, count in counts.items() if gram in vocabulary
    ]
    length = math.sqrt(sum(value * value for value in values))
    return rows, [value / length for value in values] if length else values


def softmax(logits: Floats) -> Floats:
    """Along the last axis."""
    shifted = np.exp(logits - logits.max(axis=-1, keepdims=True))
    result: Floats = shifted / shifted.sum(axis=-1, keepdims=True)
    return result
