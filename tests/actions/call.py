"""Calling an action as Rasa does, and checking every answer: its shape against Rasa's own schema, what it says against
the domain."""

import importlib.util
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import yaml
from rasa_sdk.executor import ActionExecutor

from tests.conftest import missing

HOME = Path(__file__).resolve().parents[2]
DOMAIN = HOME / "bot" / "assistant" / "domain"
RASA_SCHEMA = "lib/python3.10/site-packages/rasa/shared/utils/schemas/events.py"
_PLACEHOLDER = re.compile(r"(?<!\{)\{([^\n{}]+)\}(?!\})")


@dataclass(frozen=True)
class Answered:
    said: tuple[Mapping[str, Any], ...]
    slots: Mapping[str, Any]
    events: tuple[Mapping[str, Any], ...] = field(repr=False)

    @property
    def responses(self) -> list[str]:
        return [message["response"] for message in self.said if "response" in message]

    @property
    def follows(self) -> str | None:
        """What comes right after, in the same turn."""
        return next((event["name"] for event in self.events if event["event"] == "followup"), None)

    @property
    def payloads(self) -> list[str]:
        return [button["payload"] for message in self.said for button in message.get("buttons", ())]


class Caller:
    """One customer's conversation as the action server sees it: slots stay from call to call."""

    def __init__(self, executor: ActionExecutor, member_id: str | None = "M1") -> None:
        self.executor = executor
        self.member_id = member_id
        self.slots: dict[str, Any] = {}
        self.events: list[dict[str, Any]] = []
        self.products: tuple[str, ...] = ()
        """Goods named in what is heard next, when there are several."""
        self.part_of: str | None = None
        """The message that what is heard next is one of several wishes of."""
        self._number = 0

    @property
    def message_id(self) -> str:
        return f"m{self._number}"

    async def hear(
        self,
        action: str,
        text: str = "",
        intent: str = "inform",
        *,
        form: str | None = None,
        opening: bool = False,
        faq: Mapping[str, Any] | None = None,
        guesses: Sequence[tuple[str, float]] = (),
        beside: bool = False,
        **entities: str,
    ) -> Answered:
        """The action's answer to a new message; `beside`: which wishes for a form beside the open one."""
        self._number += 1
        metadata = {"message_id": self.message_id, "member_id": self.member_id, "faq": faq}
        if beside:
            metadata["put_off"] = True
        if self.part_of:
            metadata["part_of"] = self.part_of
        self._message = {
            "text": text,
            "intent": {"name": intent, "confidence": 1.0},
            "intent_ranking": [{"name": name, "confidence": confidence} for name, confidence in guesses],
            "entities": [
                {"entity": name, "value": value}
                for name, value in [*entities.items(), *(("product", product) for product in self.products)]
            ],
            "metadata": metadata,
        }
        self.products = ()
        self.events.append({"event": "user", "metadata": metadata})
        if opening:
            self.events.append({"event": "active_loop", "name": form})
        return await self.run(action, form=form)

    async def run(self, action: str, *, form: str | None = None) -> Answered:
        """Another action of the same turn."""
        call = {
            "next_action": action,
            "sender_id": "c1",
            "tracker": {
                "sender_id": "c1",
                "slots": dict(self.slots),
                "latest_message": self._message,
                "events": list(self.events),
                "active_loop": {"name": form} if form else {},
            },
        }
        result = await self.executor.run(json.loads(json.dumps(call)))
        events, said = result.events, result.responses
        jsonschema.validate({"events": events, "responses": said}, _rasa_schema())
        for message in said:
            _check_response(message, self.slots | _slots(events))
        changed = _slots(events)
        self.slots |= changed
        self.events += events
        return Answered(tuple(said), changed, tuple(events))


def _slots(events: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {event["name"]: event["value"] for event in events if event["event"] == "slot"}


def _check_response(message: Mapping[str, Any], slots: Mapping[str, Any]) -> None:
    if "response" not in message:
        assert message.get("text") or message.get("custom"), f"an empty message: {message}"
        return
    variations = responses().get(message["response"])
    assert variations, f"the domain has no response {message['response']}"
    for variation in variations:
        wanted = set(_PLACEHOLDER.findall(variation["text"]))
        given = {name for name in wanted if {**slots, **message}.get(name) not in (None, "", "—")}
        assert wanted == given, f"{message['response']} lacks {wanted - given}"


@cache
def responses() -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for path in sorted((DOMAIN / "responses").glob("*.yml")):
        part = yaml.safe_load(path.read_text(encoding="utf-8"))["responses"]
        assert not found.keys() & part.keys(), f"{path.name} repeats {sorted(found.keys() & part.keys())}"
        found |= part
    return found


@cache
def _rasa_schema() -> dict[str, Any]:
    """What Rasa 3.6 checks an action's answer against; the file imports nothing."""
    path = HOME / ".venv-assistant" / RASA_SCHEMA
    spec = importlib.util.spec_from_file_location("rasa_event_schema", path)
    if spec is None or spec.loader is None or not path.exists():
        missing("Rasa is not installed in .venv-assistant")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    events: dict[str, Any] = module.EVENTS_SCHEMA
    return {
        "type": "object",
        "properties": {"events": events, "responses": {"type": "array", "items": {"type": "object"}}},
    }
