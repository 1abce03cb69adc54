"""Buttons for what an unclear utterance may have meant, from the intent model's own guesses."""

import json
from collections.abc import Mapping
from pathlib import Path

import yaml

from actions.turn import Turn

MOST = 3
LEAST_LIKELY = 0.1
KEPT_ENTITIES = ("order_number", "product", "reason", "address", "color", "size")
"""What was named stays named when the customer picks a guess."""
TITLES: Mapping[str, str] = yaml.safe_load(Path(__file__).with_name("wishes.yml").read_text(encoding="utf-8"))
PERSON = {"title": TITLES["human_agent"], "payload": "/human_agent"}


def guessed_wishes(turn: Turn, most: int = MOST) -> list[dict[str, str]]:
    """The likeliest first; empty when nothing is likely at all."""
    named = {name: turn.entities[name][0] for name in KEPT_ENTITIES if name in turn.entities}
    details = json.dumps(named, ensure_ascii=False, separators=(",", ":")) if named else ""
    likely = [name for name, confidence in turn.guesses if confidence >= LEAST_LIKELY and name in TITLES]
    return [{"title": TITLES[name], "payload": f"/{name}{details}"} for name in likely if name != "human_agent"][:most]
