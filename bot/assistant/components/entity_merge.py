"""Each stretch of the utterance is one entity, however many extractors found something in it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.nlu.extractors.extractor import EntityExtractorMixin
from rasa.shared.nlu.constants import ENTITIES
from rasa.shared.nlu.training_data.message import Message

Entity = dict[str, Any]


def merge(entities: Sequence[Entity], *, learned_by: str, upper_case: Collection[str]) -> list[Entity]:
    """Entities without overlaps, in the order of the text.

    Of two that overlap the longer one stays (an address holds a number, not the other way round); of two of one length
    the one that a pattern found (its extractor is not ``learned_by``). ``upper_case``: entities with upper-case values.
    """

    def rank(entity: Entity) -> tuple[int, bool, int]:
        return entity["start"] - entity["end"], entity.get("extractor") == learned_by, entity["start"]

    kept: list[Entity] = []
    for entity in sorted(entities, key=rank):
        if all(entity["end"] <= other["start"] or entity["start"] >= other["end"] for other in kept):
            kept.append(entity)
    return [
        {**entity, "value": entity["value"].upper()} if entity["entity"] in upper_case else entity
        for entity in sorted(kept, key=lambda entity: entity["start"])
    ]


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.ENTITY_EXTRACTOR, is_trainable=False)
class EntityMerge(GraphComponent, EntityExtractorMixin):
    """Comes after all extractors."""

    def __init__(self, config: dict[str, Any]) -> None:
        self._config = config

    @staticmethod
    def get_default_config() -> dict[str, Any]:
        return {"learned_by": "EntityTagger", "upper_case": []}

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
            )
            message.set(ENTITIES, merged, add_to_output=True)
        return messages
