"""The intent model as it serves: a linear model over the utterance's vector and character n-grams, calibrated."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bot.assistant.components.linear_model import Floats, LinearModel, softmax
from bot.assistant.components.sounds import Sounds
from retrieval.text import normalise

NAME = "intent_model"
SETTINGS_FILE = "intent_settings.json"

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


def sparse_features(text: str, longest: int, sounds: Sounds) -> Counter[str]:
    """What is written and how it sounds."""
    return ngrams(text, longest) + sounds.ngrams(normalise(text))


@dataclass(frozen=True)
class IntentModel:
    """Predicts in well under a millisecond."""

    linear: LinearModel
    longest: int
    """Of the n-grams."""
    sounds: Sounds
    temperature: float
    """Divides the logits; fitted on out-of-fold predictions."""
    threshold: float
    """Below this probability the guess is not acted on; chosen on out-of-fold predictions."""

    @property
    def dimension(self) -> int:
        return self.linear.dimension

    def probabilities(self, text: str, vector: Floats) -> list[tuple[str, float]]:
        """All intents with their calibrated probabilities, the likeliest first. ``vector`` is (dimension,)."""
        probabilities = softmax(
            self.linear.logits(sparse_features(text, self.longest, self.sounds), vector) / self.temperature
        )
        order = np.argsort(-probabilities)
        return [(self.linear.labels[i], float(probabilities[i])) for i in order]

    def save(self, folder: Path) -> None:
        self.linear.save(folder, NAME)
        settings = {
            "longest": self.longest,
            "temperature": self.temperature,
            "threshold": self.threshold,
            "readings": self.sounds.readings,
        }
        (folder / SETTINGS_FILE).write_text(json.dumps(settings, ensure_ascii=False), encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> IntentModel:
        settings = json.loads((folder / SETTINGS_FILE).read_text(encoding="utf-8"))
        return cls(LinearModel.load(folder, NAME), sounds=Sounds(settings.pop("readings")), **settings)
