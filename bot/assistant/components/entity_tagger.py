"""Entities that no pattern catches. The model itself is in ``entity_model``; this is its place in the graph.

Rasa's own CRFEntityExtractor needs word boundaries, which Chinese has not, and trains anew at every start.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np
from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.nlu.extractors.extractor import EntityExtractorMixin
from rasa.shared.exceptions import InvalidConfigException
from rasa.shared.nlu.constants import ENTITIES, TEXT
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData

from bot.assistant.components.entity_model import EntityModel
from bot.assistant.components.knowledge_examples import is_knowledge
from bot.assistant.components.sentence_vector import vector_of


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.ENTITY_EXTRACTOR, is_trainable=True)
class EntityTagger(GraphComponent, EntityExtractorMixin):
    """Adds the entities named in its configuration to `entities`. SentenceVector comes before it."""

    def __init__(
        self, config: dict[str, Any], storage: ModelStorage, resource: Resource, model: EntityModel | None = None
    ) -> None:
        self._config = config
        self._storage = storage
        self._resource = resource
        self._model = model

    @staticmethod
    def get_default_config() -> dict[str, Any]:
        return {
            "entities": [],
            "c1": 0.05,
            "c2": 0.02,
            "max_iterations": 100,
            "strength": 30,
            "outlook_ridge": 1,
            "labels_in_tags": 15,
        }

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
            return cls(config, model_storage, resource, EntityModel.load(folder))

    def train(self, training_data: TrainingData) -> Resource:
        # Only training needs SciPy.
        from bot.assistant.components.entity_training import EntitySettings, fit

        wanted = set(self._config["entities"])
        if missing := wanted - training_data.entities:
            raise InvalidConfigException(f"EntityTagger: no training example marks {', '.join(sorted(missing))}.")
        # Nobody marks the entities in questions of the knowledge base: they would teach that there are none.
        messages = [message for message in training_data.nlu_examples if not is_knowledge(message)]
        vectors = [vector for message in messages if (vector := vector_of(message)) is not None]
        if len(vectors) < len(messages):
            raise InvalidConfigException("EntityTagger needs SentenceVector before it.")
        marked = [
            [entity for entity in message.get(ENTITIES) or [] if entity["entity"] in wanted] for message in messages
        ]
        settings = EntitySettings(**{name: self._config[name] for name in EntitySettings.__dataclass_fields__})
        texts = [message.get(TEXT) for message in messages]
        self._model = fit(texts, np.stack(vectors), marked, settings, looked_up(training_data, wanted))
        with self._storage.write_to(self._resource) as folder:
            self._model.save(folder)
        return self._resource

    def process(self, messages: list[Message]) -> list[Message]:
        for message in messages:
            vector = vector_of(message)  # a button's payload has none
            if self._model is not None and vector is not None:
                found = self.add_extractor_name(self._model.extract(message.get(TEXT), vector))
                message.set(ENTITIES, (message.get(ENTITIES) or []) + found, add_to_output=True)
        return messages


def looked_up(training_data: TrainingData, wanted: Collection[str]) -> list[tuple[str, str]]:
    """Values of the lookup tables that are lists, with the entity each is of."""
    return [
        (value, table["name"])
        for table in training_data.lookup_tables
        if table["name"] in wanted and isinstance(table["elements"], list)
        for value in table["elements"]
    ]
