"""Each stretch of the utterance is one entity, however many extractors found something in it."""

from __future__ import annotations

from typing import Any

from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.nlu.extractors.extractor import EntityExtractorMixin
from rasa.shared.nlu.constants import ENTITIES
from rasa.shared.nlu.training_data.message import Message

from bot.assistant.components.overlaps import merge


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.ENTITY_EXTRACTOR, is_trainable=False)
class EntityMerge(GraphComponent, EntityExtractorMixin):
    """Comes after all extractors."""

    def __init__(self, config: dict[str, Any]) -> None:
        self._config = config

    @staticmethod
    def get_default_config() -> dict[str, Any]:
        return {"learned_by": "EntityTagger", "upper_case": [], "in_context": []}

    @classmethod
    def create(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> EntityMerge:
        return cls(config)

    def process(self, messages: list[Message]) -> list[Message]:
        for message in messages:
            merged = merge(
                message.get(ENTITIES) or [],
                learned_by=self._config["learned_by"],
                upper_case=self._config["upper_case"],
                in_context=self._config["in_context"],
            )
            message.set(ENTITIES, merged, add_to_output=True)
        return messages
