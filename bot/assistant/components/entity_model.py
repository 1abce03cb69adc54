"""Entities that no pattern catches (an address, a reason, a product in the customer's words), in two steps.

A CRF over characters finds where an entity begins and ends, told by the utterance's vector what to expect in it
(``entity_outlook``); then a linear model with the same vector says what it is.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pycrfsuite

from bot.assistant.components.entity_features import (
    Lexicon,
    Span,
    runs,
    span_features,
    unit_features,
    units,
)
from bot.assistant.components.entity_outlook import Outlook
from bot.assistant.components.linear_model import Floats, LinearModel, softmax

TAGGER_FILE = "entity_spans.crfsuite"
LEXICON_FILE = "entity_lexicon.json"
NAME = "entity_labels"

Entity = Mapping[str, Any]
"""`entity`, `start`, `end`."""


@dataclass(frozen=True)
class EntityModel:
    """`tagger` stays open on `trained`: it reads from those bytes for as long as it lives, and does not keep them."""

    trained: bytes
    tagger: pycrfsuite.Tagger
    labeller: LinearModel
    lexicon: Lexicon
    outlook: Outlook

    def spans(self, text: str, vector: Floats) -> Iterator[tuple[Span, float]]:
        """Where entities stand, and how sure that is: as sure as of the least sure unit."""
        sequence = units(text)
        tagged = self.tagger.tag(unit_features(text, sequence, self.lexicon, self.outlook.expected(vector)))
        for first, last in runs(tagged):
            confidence = min(self.tagger.marginal(tagged[i], i) for i in range(first, last + 1))
            yield (sequence[first].start, sequence[last].end), confidence

    def extract(self, text: str, vector: Floats) -> list[dict[str, Any]]:
        """`entity, value, start, end, confidence_entity` of each; `vector` is the utterance's, (dimension,)."""
        found = []
        for (start, end), sure in self.spans(text, vector):
            probabilities = softmax(self.labeller.logits(span_features(text, (start, end), self.lexicon), vector))
            best = int(np.argmax(probabilities))
            found.append(
                {
                    "entity": self.labeller.labels[best],
                    "value": text[start:end],
                    "start": start,
                    "end": end,
                    "confidence_entity": sure * float(probabilities[best]),
                }
            )
        return found

    def save(self, folder: Path) -> None:
        (folder / TAGGER_FILE).write_bytes(self.trained)
        self.labeller.save(folder, NAME)
        self.outlook.save(folder)
        (folder / LEXICON_FILE).write_text(json.dumps(self.lexicon.values, ensure_ascii=False), encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> EntityModel:
        lexicon = Lexicon(json.loads((folder / LEXICON_FILE).read_text(encoding="utf-8")))
        labeller, outlook = LinearModel.load(folder, NAME), Outlook.load(folder)
        return cls.of((folder / TAGGER_FILE).read_bytes(), labeller, lexicon, outlook)

    @classmethod
    def of(cls, trained: bytes, labeller: LinearModel, lexicon: Lexicon, outlook: Outlook) -> EntityModel:
        tagger = pycrfsuite.Tagger()
        tagger.open_inmemory(trained)
        return cls(trained, tagger, labeller, lexicon, outlook)
