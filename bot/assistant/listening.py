"""From a message to what is to be played of it: one utterance, or each of its wishes as one. All of them are parsed.

A button that was just offered may be pressed or named: its title, or its place in the list (`handoff/choices.py`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise, takewhile
from typing import Any

from rasa.core.channels.channel import UserMessage
from rasa.core.processor import MessageProcessor
from rasa.shared.constants import DEFAULT_NLU_FALLBACK_INTENT_NAME, INTENT_MESSAGE_PREFIX
from rasa.shared.core.events import BotUttered, UserUttered
from rasa.shared.core.trackers import DialogueStateTracker

from bot.assistant.components.handoff_policy import PART_OF
from bot.assistant.wishes import COMPLAIN, MOST_CLAUSES, Clause, Heard, Wishes, clauses, sounds_beside
from handoff.choices import meant
from retrieval.text import normalise

CHANNEL = "kefu"
SHOWN_ORDERS_SLOT = "shown_orders"
_ORDER_NAMED_BY = frozenset({"order_number", "tracking_number", "product", "date", "amount", "color", "size"})
_KEPT_WHOLE = frozenset({"address", "reason"})
# Vector and knowledge hits are the whole message's. A part is encoded here, and searched for by the action that asks.
_OF_THE_WHOLE = frozenset({"vector", "faq"})

_WANTED = ("intent", "intent_ranking")
PUT_OFF = "put_off"
"""In the metadata of a wish that waits until the open form has ended."""

Parsed = dict[str, Any]
Apart = dict[Clause, Parsed]
"""The clauses of a message, in order."""


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
        pressed = _button_meant(tracker, text)
        text = pressed or text
        is_payload = text.startswith(INTENT_MESSAGE_PREFIX)
        # The words of a button are the shop's: they tell nothing of the customer's mood.
        metadata = {name: value for name, value in message.metadata.items() if not (pressed and name == "sentiment")}
        whole = _said(message, text, metadata)
        whole.parse_data = await self._processor.parse_message(whole, tracker)
        if is_payload:
            return [whole]
        form = tracker.active_loop_name
        apart = await self._taken_apart(text, whole.parse_data, message.metadata, in_form=form is not None)
        if form and (put_off := await self._beside(form, message, text, apart)):
            return put_off
        wishes = await self._wishes(text, whole.parse_data, apart, in_form=form is not None)
        if len(wishes) == 1:  # the rest are asides
            whole.parse_data = {**whole.parse_data, **{name: wishes[0][1][name] for name in _WANTED}}
            return [whole]
        if form and not self.wishes.may_interrupt(form, [_heard(parsed) for _, parsed in wishes]):
            return [whole]
        return [_wish(message, n, text, parsed) for n, (text, parsed) in enumerate(wishes)] or [whole]

    async def wishes_in(self, text: str, whole: Parsed, metadata: Mapping[str, Any]) -> list[tuple[str, Parsed]]:
        """Words and parse of each wish, in the order of serving; only one where the rest are asides: these tell how the
        customer feels, not what is wanted. Empty when the message is one wish through and through."""
        return await self._wishes(text, whole, await self._taken_apart(text, whole, metadata))

    async def _taken_apart(
        self, text: str, whole: Parsed, metadata: Mapping[str, Any], *, in_form: bool = False
    ) -> Apart:
        """Nothing, where there is nothing to take apart."""
        kept = [(entity["start"], entity["end"]) for entity in whole["entities"] if entity["entity"] in _KEPT_WHOLE]
        found = clauses(text, kept)
        worth = len(found) > 1 or (in_form and any(sounds_beside(text, clause) for clause in found))
        if not worth or len(found) > MOST_CLAUSES:
            return {}
        return {clause: await self._parse(text, clause, metadata) for clause in found}

    async def _wishes(
        self, text: str, whole: Parsed, apart: Apart, *, in_form: bool = False
    ) -> list[tuple[str, Parsed]]:
        told = self._without_asides(text, apart, in_form=in_form)
        parts = self.wishes.parts(list(told), [_heard(parsed) for parsed in told.values()])
        if not parts or (len(parts) == 1 and len(told) == len(apart)):
            return []
        parses = [told.get(part) or await self._parse(text, part, {}) for part in parts]
        intents = [_heard(parsed).intent for parsed in parses]
        decisive = {*self.wishes.people} - {*intents} - ({COMPLAIN} if len(told) < len(apart) else set())
        if whole["intent"]["name"] in decisive:  # said by all of it rather than by a part
            return []
        if len(parts) == 1:  # as sure as a whole message has to be
            return (
                [(text[parts[0].start : parts[0].end], parses[0])] if parses[0]["intent"]["name"] == intents[0] else []
            )
        order = self.wishes.in_order(intents)
        return [(text[parts[i].start : parts[i].end], _led_by(parses[i], intents[i])) for i in order]

    async def _beside(self, form: str, message: Message, text: str, apart: Apart) -> list[UserMessage]:
        """An answer to the form, if there is one, and what is wished for beside the form; empty without such a wish."""
        found = list(apart)
        starts = self.wishes.beside(text, form, found, [_heard(parsed) for parsed in apart.values()])
        if not starts:
            return []
        bounds = [*([0] if starts[0] else []), *starts, len(found)]
        parts = [Clause(found[i].start, found[j - 1].end) for i, j in pairwise(bounds)]
        said = [
            _wish(message, n, text[part.start : part.end], await self._parse(text, part, message.metadata))
            for n, part in enumerate(parts)
        ]
        for start, wish in zip(starts, said[-len(starts) :], strict=True):
            wish.parse_data = _led_by(wish.parse_data or {}, _heard(apart[found[start]]).intent)
            wish.metadata = {**(wish.metadata or {}), PUT_OFF: True}
        return said

    def _without_asides(self, text: str, apart: Apart, *, in_form: bool) -> Apart:
        return {
            clause: parsed
            for clause, parsed in apart.items()
            if not self.wishes.is_aside(text, clause, _heard(parsed), in_form=in_form)
        }

    async def _parse(self, text: str, clause: Clause, metadata: Mapping[str, Any]) -> Parsed:
        shared = {name: value for name, value in metadata.items() if name not in _OF_THE_WHOLE}
        parsed: Parsed = await self._processor.parse_message(
            UserMessage(text[clause.start : clause.end], metadata=shared)
        )
        return parsed


def _button_meant(tracker: DialogueStateTracker, text: str) -> str | None:
    """The payload of the button of the last answer that was named; not every channel has buttons to press."""
    answer = takewhile(lambda event: not isinstance(event, UserUttered), reversed(tracker.events))
    offered = [event.data["buttons"] for event in answer if isinstance(event, BotUttered) and event.data.get("buttons")]
    button = meant(text, offered, orders_shown=len(tracker.get_slot(SHOWN_ORDERS_SLOT) or ()))
    return button["payload"] if button else None


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
