"""Logistic regression, one degree against the others, over a sentence vector and tokens, calibrated by a temperature.

Scoring needs numpy only; fitting (scikit-learn) is in `handoff.sentiment.training`. Both go through the same features.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from handoff.sentiment.features import Floats, TokenFeatures, VectorScaling, Vocabulary, bags
from handoff.sentiment.lexicon import Lexicon

DEGREES = ("very_negative", "negative", "neutral", "positive", "very_positive")


@dataclass(frozen=True)
class Classifier:
    """Weights for k degrees: vector_weights (d, k), token_weights (vocabulary, k), bias (k)."""

    degrees: tuple[str, ...]
    """The worst first."""
    tokens: TokenFeatures
    scaling: VectorScaling
    vector_weights: Floats
    token_weights: Floats
    bias: Floats
    temperature: float

    def probabilities(self, text: str, vector: Floats) -> Floats:
        """(k,) calibrated, in the order of `degrees`. `vector`: (d,) of the encoder it was trained with."""
        columns, values = self.tokens.transform(bags(text, self.tokens.lexicon))
        logits = self.scaling.transform(vector) @ self.vector_weights + values @ self.token_weights[columns] + self.bias
        return softmax(logits / self.temperature)

    def save(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        np.savez(
            folder / "weights.npz",
            mean=self.scaling.mean,
            scale=self.scaling.scale,
            vector_weights=self.vector_weights,
            token_weights=self.token_weights,
            bias=self.bias,
            **{f"idf_{kind}": vocabulary.idf for kind, vocabulary in self.tokens.vocabularies.items()},  # type: ignore[arg-type]
        )
        data = {
            "degrees": self.degrees,
            "temperature": self.temperature,
            "lexicon": dict(self.tokens.lexicon.kinds),
            "tokens": {kind: list(vocabulary.index) for kind, vocabulary in self.tokens.vocabularies.items()},
        }
        (folder / "classifier.json").write_text(json.dumps(data, ensure_ascii=False), encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> Classifier:
        data = json.loads((folder / "classifier.json").read_text(encoding="utf-8"))
        weights = np.load(folder / "weights.npz", allow_pickle=False)
        vocabularies = {
            kind: Vocabulary({token: column for column, token in enumerate(tokens)}, weights[f"idf_{kind}"])
            for kind, tokens in data["tokens"].items()
        }
        return cls(
            tuple(data["degrees"]),
            TokenFeatures(Lexicon(data["lexicon"]), vocabularies),
            VectorScaling(weights["mean"], weights["scale"]),
            weights["vector_weights"],
            weights["token_weights"],
            weights["bias"],
            data["temperature"],
        )


def softmax(logits: NDArray[np.floating]) -> Floats:
    """Over the last axis."""
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True), dtype=np.float32)
