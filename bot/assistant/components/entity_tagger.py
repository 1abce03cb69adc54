"""Entities that no pattern catches (an address, a reason, a product in the customer's words): a CRF over characters.

Rasa's own CRFEntityExtractor needs word boundaries, which Chinese has not, and trains anew at every start. This one
reads characters and stores the trained tagger. A run of Latin letters or of digits counts as one character.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pycrfsuite
from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.nlu.extractors.extractor import EntityExtractorMixin
from rasa.shared.constants import INTENT_MESSAGE_PREFIX
from rasa.shared.exceptions import InvalidConfigException
from rasa.shared.nlu.constants import ENTITIES, TEXT
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData

TAGGER_FILE = "entities.crfsuite"
OUTSIDE = "O"
_UNIT = re.compile(r"[A-Za-z]+|[0-9]+|\S")
_BORDER = ("", "border")


@dataclass(frozen=True)
class Unit:
    """What gets one tag: a character, or a run of letters or digits."""

    text: str
    start: int
    end: int

    @property
    def kind(self) -> str:
        if self.text.isdigit():
            return f"digits{min(len(self.text), 5)}"
        if self.text.isascii() and self.text.isalpha():
            return "letters"
        return "character" if self.text.isalnum() else "mark"


def units(text: str) -> list[Unit]:
    return [Unit(match[0].lower(), match.start(), match.end()) for match in _UNIT.finditer(text)]


def features(sequence: Sequence[Unit]) -> list[list[str]]:
    """For each unit: itself, two neighbours to each side, the pairs between them, and what kind each is."""
    padded = [_BORDER, _BORDER, *((unit.text, unit.kind) for unit in sequence), _BORDER, _BORDER]
    return [
        [
            "bias",
            *(f"{offset}={text}" for offset, (text, _) in zip("abcde", window, strict=True)),
            *(f"{offset}:{kind}" for offset, (_, kind) in zip("abcde", window, strict=True)),
            *(
                f"{offset}+{left[0]}{right[0]}"
                for offset, left, right in zip("abcd", window[:-1], window[1:], strict=True)
            ),
            f"abc={window[0][0]}{window[1][0]}{window[2][0]}",
            f"cde={window[2][0]}{window[3][0]}{window[4][0]}",
        ]
        for window in (padded[i : i + 5] for i in range(len(sequence)))
    ]


def tags(sequence: Sequence[Unit], entities: Sequence[dict[str, Any]]) -> list[str]:
    """Begin, inside, outside: "B-address", "I-address", "O"."""
    result = [OUTSIDE] * len(sequence)
    for entity in entities:
        covered = [i for i, unit in enumerate(sequence) if unit.start < entity["end"] and unit.end > entity["start"]]
        for position, i in enumerate(covered):
            result[i] = f"{'I' if position else 'B'}-{entity['entity']}"
    return result


def spans(sequence: Sequence[Unit], tagged: Sequence[str]) -> Iterator[tuple[str, int, int]]:
    """(entity, first unit, last unit) of each run of tags. An inside without its begin starts a run of its own."""
    start = 0
    for i, tag in enumerate(tagged):
        if tag == OUTSIDE:
            continue
        if tag.startswith("B-") or i == 0 or tagged[i - 1][2:] != tag[2:]:
            start = i
        if i + 1 == len(tagged) or tagged[i + 1] != f"I-{tag[2:]}":
            yield tag[2:], start, i


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.ENTITY_EXTRACTOR, is_trainable=True)
class EntityTagger(GraphComponent, EntityExtractorMixin):
    """Adds the entities named in its configuration to `entities`."""

    def __init__(
        self, config: dict[str, Any], storage: ModelStorage, resource: Resource, trained: bytes | None = None
    ) -> None:
        self._config = config
        self._storage = storage
        self._resource = resource
        # The tagger reads from these bytes for as long as it lives, and does not keep them itself.
        self._trained = trained
        self._tagger = pycrfsuite.Tagger()
        if trained is not None:
            self._tagger.open_inmemory(trained)

    @staticmethod
    def get_default_config() -> dict[str, Any]:
        return {"entities": [], "c1": 0.1, "c2": 0.1, "max_iterations": 100}

    @classmethod
    def create(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> EntityTagger:
        return cls(config, model_storage, resource)

    @classmethod
    def load(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
        **kwargs: Any,
    ) -> EntityTagger:
        with model_storage.read_from(resource) as folder:
            return cls(config, model_storage, resource, (folder / TAGGER_FILE).read_bytes())

    def train(self, training_data: TrainingData) -> Resource:
        wanted = set(self._config["entities"])
        if missing := wanted - training_data.entities:
            raise InvalidConfigException(f"EntityTagger: no training example marks {', '.join(sorted(missing))}.")
        trainer = pycrfsuite.Trainer(verbose=False)
        trainer.set_params({key: self._config[key] for key in ("c1", "c2", "max_iterations")})
        for message in training_data.nlu_examples:
            sequence = units(message.get(TEXT))
            marked = [entity for entity in message.get(ENTITIES) or [] if entity["entity"] in wanted]
            trainer.append(features(sequence), tags(sequence, marked))
        with self._storage.write_to(self._resource) as folder:
            trainer.train(str(Path(folder) / TAGGER_FILE))
        return self._resource

    def process(self, messages: list[Message]) -> list[Message]:
        for message in messages:
            text = message.get(TEXT)
            if text and self._trained is not None and not text.startswith(INTENT_MESSAGE_PREFIX):
                found = self.add_extractor_name(list(self._extract(text)))
                message.set(ENTITIES, (message.get(ENTITIES) or []) + found, add_to_output=True)
        return messages

    def _extract(self, text: str) -> Iterator[dict[str, Any]]:
        sequence = units(text)
        tagged = self._tagger.tag(features(sequence))
        for entity, first, last in spans(sequence, tagged):
            # As sure as of its least sure part.
            confidence = min(self._tagger.marginal(tagged[i], i) for i in range(first, last + 1))
            start, end = sequence[first].start, sequence[last].end
            yield {
                "entity": entity,
                "value": text[start:end],
                "start": start,
                "end": end,
                "confidence_entity": confidence,
            }
