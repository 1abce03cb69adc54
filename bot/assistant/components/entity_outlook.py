"""What kinds of entity an utterance makes one expect, judged by its vector: a reason in a return, hardly in a question.

A CRF sees a few characters around each; this tells it what the whole is about.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bot.assistant.components.linear_model import Floats

FILE = "entity_outlook.npz"
_STEPS = 5


@dataclass(frozen=True)
class Outlook:
    """A linear model: `weights` (dimension, labels), `bias` (labels,), about the vectors' `mean`."""

    labels: tuple[str, ...]
    mean: Floats
    weights: Floats
    bias: Floats

    def expected(self, vector: Floats) -> list[str]:
        """`vector`: (dimension,)."""
        return self.features((vector - self.mean) @ self.weights + self.bias)

    def features(self, scores: Floats) -> list[str]:
        """Names for the CRF: the label and how likely, in steps; what is unlikely has none. `scores`: (labels,)."""
        steps = np.clip(np.rint(scores * _STEPS), 0, _STEPS).astype(int)
        return [f"expected{step}={label}" for label, step in zip(self.labels, steps, strict=True) if step]

    def save(self, folder: Path) -> None:
        np.savez(folder / FILE, labels=np.array(self.labels), mean=self.mean, weights=self.weights, bias=self.bias)

    @classmethod
    def load(cls, folder: Path) -> Outlook:
        with np.load(folder / FILE, allow_pickle=False) as arrays:
            labels = tuple(str(label) for label in arrays["labels"])
            return cls(labels, **{key: arrays[key] for key in ("mean", "weights", "bias")})
