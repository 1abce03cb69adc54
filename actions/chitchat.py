"""Small talk: short, friendly, and back to what a shop can do."""

from collections.abc import Mapping
from pathlib import Path

import yaml

from actions.base import Answer, CustomerAction
from actions.turn import Turn

KINDS: Mapping[str, list[str]] = yaml.safe_load(Path(__file__).with_name("chitchat.yml").read_text(encoding="utf-8"))


class Chitchat(CustomerAction):
    action_name = "action_chitchat"

    async def respond(self, turn: Turn, answer: Answer) -> None:
        kind = next((kind for kind, words in KINDS.items() if any(word in turn.text for word in words)), "other")
        answer.say(f"utter_chitchat_{kind}")
