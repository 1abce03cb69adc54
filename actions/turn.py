"""What an action needs to know about the turn, read from Rasa's tracker once."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Self

from rasa_sdk import Tracker

from actions.references import Mention, read_mention
from actions.services import FaqHint


@dataclass(frozen=True)
class Turn:
    conversation_id: str
    message_id: str
    member_id: str | None
    """Verified by the app; never taken from what the customer wrote."""
    intent: str
    text: str
    """As typed; empty when a button was pressed."""
    guesses: tuple[tuple[str, float], ...] = ()
    """What it may have meant, and how likely, the likeliest first."""
    entities: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    slots: Mapping[str, Any] = field(default_factory=dict)
    faq: FaqHint = field(default_factory=FaqHint)
    active_form: str | None = None
    opened: str | None = None
    """The form that this utterance opened."""
    declined: frozenset[str] = frozenset()
    """The forms that did not take this utterance: it was a digression, or it opened another form."""
    spoken_in: str = ""
    """The message that the customer sent; with several wishes in it, each has a `message_id` of its own."""
    previous_message: str | None = None
    put_off: bool = False
    """It wishes for another form beside the open one."""
    waiting: tuple[str, ...] = ()
    """Intents for which an earlier wish of the same message has just asked which order is meant."""

    @classmethod
    def read(cls, tracker: Tracker) -> Self:
        message = tracker.latest_message
        metadata = message.get("metadata") or {}
        message_id = metadata.get("message_id") or message.get("message_id") or ""
        spoken_in = metadata.get("part_of") or message_id
        since, previous = _split_at_last_user(tracker.events, spoken_in)
        opened = next((e["name"] for e in since if e.get("event") == "active_loop" and e.get("name")), None)
        declined = frozenset(e["name"] for e in since if e.get("event") == "action_execution_rejected")
        text = message.get("text") or ""
        return cls(
            conversation_id=tracker.sender_id,
            message_id=message_id,
            member_id=metadata.get("member_id"),
            intent=(message.get("intent") or {}).get("name") or "",
            text="" if text.startswith("/") else text,
            guesses=tuple((guess["name"], guess["confidence"]) for guess in message.get("intent_ranking") or ()),
            entities=_by_name(message.get("entities") or ()),
            slots=tracker.slots,
            faq=_hint(metadata),
            active_form=tracker.active_loop_name,
            opened=opened,
            declined=declined,
            spoken_in=spoken_in,
            previous_message=previous,
            put_off=bool(metadata.get("put_off")),
            waiting=_waiting(tracker.events, spoken_in) if message_id != spoken_in else (),
        )

    def entity(self, name: str) -> str | None:
        values = self.entities.get(name)
        return values[0] if values else None

    @property
    def shown_orders(self) -> Sequence[Mapping[str, str]]:
        """The list shown last, for 第二个."""
        return self.slots.get("shown_orders") or ()

    @cached_property
    def mention(self) -> Mention:
        """How the utterance names an order."""
        return read_mention(self.text, self.entities, [order["title"] for order in self.shown_orders])

    @property
    def pending(self) -> Sequence[str]:
        """Intents that wait for an order to be named: the one that asked for it, then what came with it."""
        return (self.slots.get("pending_intent") or "").split()

    @property
    def next_forms(self) -> Sequence[Mapping[str, Any]]:
        """What was wished for beside the open form: {intent, text?, entities?}, and of the one that is opened now the
        message in which that one ended, as `due`."""
        return self.slots.get("next_forms") or ()

    def as_said(self, wish: Mapping[str, Any]) -> Self:
        """The turn as if it said what was wished for earlier."""
        entities = {name: tuple(values) for name, values in wish.get("entities", {}).items()}
        return replace(self, intent=wish["intent"], text=wish.get("text", ""), entities=entities)

    def as_wished(self, intent: str) -> Self:
        """When this is the yes to a form that was wished for earlier: the turn as if it said that wish."""
        if self.offer.get("intent") != intent or "text" not in self.offer or (self.text and self.intent != "affirm"):
            return self
        return self.as_said(self.offer)

    @property
    def asked_just_now(self) -> str | None:
        """What the message before asked of an order, as an intent; None when it asked something else."""
        asked: Mapping[str, Any] = self.slots.get("asked_about") or {}
        return asked.get("intent") if asked and asked.get("message_id") == self.previous_message else None

    @property
    def form_failures(self) -> int:
        return int(self.slots.get("form_failures") or 0)

    @property
    def offer(self) -> Mapping[str, Any]:
        """What the bot's answer just before this utterance offered; empty when the talk has moved on."""
        offer: Mapping[str, Any] = self.slots.get("offer") or {}
        return offer if offer and offer.get("message_id") == self.previous_message else {}


def _split_at_last_user(
    events: Sequence[Mapping[str, Any]], spoken_in: str
) -> tuple[list[Mapping[str, Any]], str | None]:
    """The events since the last utterance, and the message before the one it was spoken in."""
    newest_first: Iterator[Mapping[str, Any]] = reversed(events)
    since = []
    for event in newest_first:
        if event.get("event") == "user":
            break
        since.append(event)
    messages = (event.get("metadata") or {} for event in newest_first if event.get("event") == "user")
    spoken = (metadata.get("part_of") or metadata.get("message_id") for metadata in messages)
    return since, next((message for message in spoken if message != spoken_in), None)


def _waiting(events: Sequence[Mapping[str, Any]], spoken_in: str) -> tuple[str, ...]:
    for event in reversed(events):
        if event.get("event") == "slot" and event.get("name") == "pending_intent":
            return tuple((event.get("value") or "").split())
        if event.get("event") == "user" and (event.get("metadata") or {}).get("message_id") == spoken_in:
            break
    return ()


def _hint(metadata: Mapping[str, Any]) -> FaqHint:
    data = metadata.get("faq")
    if not data:  # for one of several wishes in a message no search has run: the one that ran was for all of it
        return FaqHint(searched="part_of" not in metadata)
    candidates = tuple((item["entry_id"], item["question"]) for item in data.get("candidates", ()))
    return FaqHint(outcome=data.get("outcome", "none"), candidates=candidates)


def _by_name(entities: Sequence[Mapping[str, Any]]) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for entity in entities:
        name, value = entity["entity"], str(entity["value"])
        if value not in found.get(name, ()):
            found[name] = (*found.get(name, ()), value)
    return found
