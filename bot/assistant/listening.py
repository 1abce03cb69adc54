"""From a message to what is to be played of it: one utterance, or each of its wishes as one. All of them are parsed.

The title of a button that was just offered counts as the button, typed as well as pressed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rasa.core.channels.channel import UserMessage
from rasa.core.processor import MessageProcessor
from rasa.shared.constants import DEFAULT_NLU_FALLBACK_INTENT_NAME, INTENT_MESSAGE_PREFIX
from rasa.shared.core.events import BotUttered, UserUttered
from rasa.shared.core.trackers import DialogueStateTracker

from bot.assistant.components.handoff_policy import PART_OF
from bot.assistant.wishes import MOST_CLAUSES, Clause, Heard, Wishes, clauses
from retrieval.text import normalise

CHANNEL = "kefu"
_ORDER_NAMED_BY = frozenset({"order_number", "tracking_number", "product", "date", "amount", "color", "size"})
_KEPT_WHOLE = frozenset({"address", "reason"})
# Vector and knowledge hits are the whole message's. A part is encoded here, and searched for by the action that asks.
_OF_THE_WHOLE = frozenset({"vector", "faq"})

Parsed = dict[str, Any]


@dataclass(frozen=True)
class Message:
    sender: str
    message_id: str
    text: str
    metadata: dict[str, Any]


class Listener:
    def __init__(self, processor: MessageProcessor) -> None:
        self._processor = processor
        self.wishes = Wishes.load()

    async def utterances(self, message: Message, tracker: DialogueStateTracker) -> list[UserMessage]:
        """What is to be played, in order; with `parse_data`."""
        text = message.text if message.text.startswith(INTENT_MESSAGE_PREFIX) else normalise(message.text)
        pressed = _button_named(tracker, text)
        text = pressed or text
        is_payload = text.startswith(INTENT_MESSAGE_PREFIX)
        # The words of a button are the shop's: they tell nothing of the customer's mood.
        metadata = {name: value for name, value in message.metadata.items() if not (pressed and name == "sentiment")}
        whole = _said(message, text, metadata)
        whole.parse_data = await self._processor.parse_message(whole, tracker)
        if is_payload:
            return [whole]
        wishes = await self.wishes_in(text, whole.parse_data, message.metadata)
        heard = [_heard(parsed) for _, parsed in wishes]
        if (form := tracker.active_loop_name) and not self.wishes.may_interrupt(form, heard):
            return [whole]
        return [_wish(message, n, text, parsed) for n, (text, parsed) in enumerate(wishes)] or [whole]

    async def wishes_in(self, text: str, whole: Parsed, metadata: Mapping[str, Any]) -> list[tuple[str, Parsed]]:
        """Words and parse of each wish, in the order of serving; empty when the message is one wish."""
        kept = [(entity["start"], entity["end"]) for entity in whole["entities"] if entity["entity"] in _KEPT_WHOLE]
        found = clauses(text, kept)
        if not 1 < len(found) <= MOST_CLAUSES:
            return []
        shared = {name: value for name, value in metadata.items() if name not in _OF_THE_WHOLE}
        parses = {clause: await self._parse(text, clause, shared) for clause in found}
        parts = self.wishes.parts(found, [_heard(parses[clause]) for clause in found])
        if len(parts) < 2:
            return []
        for part in parts:
            if part not in parses:
                parses[part] = await self._parse(text, part, shared)
        intents = [_heard(parses[part]).intent for part in parts]
        if whole["intent"]["name"] in {*self.wishes.people} - {*intents}:  # said by all of it rather than by a part
            return []
        return [
            (text[parts[i].start : parts[i].end], _led_by(parses[parts[i]], intents[i]))
            for i in self.wishes.in_order(intents)
        ]

    async def _parse(self, text: str, clause: Clause, metadata: dict[str, Any]) -> Parsed:
        parsed: Parsed = await self._processor.parse_message(
            UserMessage(text[clause.start : clause.end], metadata=dict(metadata))
        )
        return parsed


def _button_named(tracker: DialogueStateTracker, text: str) -> str | None:
    """The payload of a button of the last answer whose title was typed; not every channel has buttons to press."""
    for event in reversed(tracker.events):
        if isinstance(event, UserUttered):
            break
        if isinstance(event, BotUttered):
            for button in event.data.get("buttons") or ():
                if normalise(button["title"]) == text:
                    payload: str = button["payload"]
                    return payload
    return None


def _wish(message: Message, position: int, text: str, parsed: Parsed) -> UserMessage:
    """The first keeps the message's id, by which a turn is found again; the others have ids of their own, so that
    effects have keys of their own."""
    message_id = f"{message.message_id}#{position + 1}" if position else message.message_id
    shared = {name: value for name, value in message.metadata.items() if name not in _OF_THE_WHOLE}
    wish = _said(message, text, {**shared, "message_id": message_id, PART_OF: message.message_id}, message_id)
    wish.parse_data = parsed
    return wish


def _said(message: Message, text: str, metadata: dict[str, Any], message_id: str | None = None) -> UserMessage:
    return UserMessage(
        text,
        sender_id=message.sender,
        input_channel=CHANNEL,
        message_id=message_id or message.message_id,
        metadata=metadata,
    )


def _heard(parsed: Mapping[str, Any]) -> Heard:
    """The likeliest intent, whether or not it was sure enough for a whole message."""
    best = _guesses(parsed)[0]
    return Heard(
        best["name"],
        best["confidence"],
        names_order=any(entity["entity"] in _ORDER_NAMED_BY for entity in parsed["entities"]),
    )


def _led_by(parsed: Parsed, intent: str) -> Parsed:
    """A wish is acted on by its own measure (wishes.yml), whatever the router made of it."""
    guesses = _guesses(parsed)
    leader = next(guess for guess in guesses if guess["name"] == intent)
    return {**parsed, "intent": leader, "intent_ranking": guesses}


def _guesses(parsed: Mapping[str, Any]) -> list[dict[str, Any]]:
    ranking = parsed.get("intent_ranking") or [parsed["intent"]]
    return [guess for guess in ranking if guess["name"] != DEFAULT_NLU_FALLBACK_INTENT_NAME]
