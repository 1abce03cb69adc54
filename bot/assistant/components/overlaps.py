"""Of entities that overlap, one stays."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

Entity = dict[str, Any]


def merge(
    entities: Sequence[Entity], *, learned_by: str, upper_case: Collection[str], in_context: Collection[str] = ()
) -> list[Entity]:
    """Entities without overlaps, in the order of the text.

    Of two that overlap the longer one stays (an address holds a number, not the other way round); of two of one length
    the one that a pattern found (its extractor is not ``learned_by``). ``upper_case``: entities with upper-case values.
    ``in_context``: entities that depend on the rest of the utterance, so that a pattern's word alone does not count.
    """

    def rank(entity: Entity) -> tuple[int, bool, int]:
        return entity["start"] - entity["end"], entity.get("extractor") == learned_by, entity["start"]

    kept: list[Entity] = []
    counted = [item for item in entities if item["entity"] not in in_context or item.get("extractor") == learned_by]
    for entity in sorted(counted, key=rank):
        if all(entity["end"] <= other["start"] or entity["start"] >= other["end"] for other in kept):
            kept.append(entity)
    return [
        {**entity, "value": entity["value"].upper()} if entity["entity"] in upper_case else entity
        for entity in sorted(kept, key=lambda entity: entity["start"])
    ]
