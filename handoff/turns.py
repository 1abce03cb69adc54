"""A conversation as turns: what the customer said, what was understood of it, and what came back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from core.conversation.log import Event
from core.conversation.message import Message
from handoff.labels import labels
from handoff.words import in_words

TURN = "turn"
MISSED, REPHRASE = "action_fallback", "utter_rephrase"
QUOTE_LENGTH = 40


@dataclass(frozen=True)
class Turn:
    """One thing the customer said, what was understood of it, and what came back."""

    said: Message
    data: Mapping[str, Any]
    replies: tuple[Message, ...] = ()

    @property
    def words(self) -> str:
        """What was said, or the title of the button that was pressed."""
        return cut(in_words(self.said.text, self.said.attachments), QUOTE_LENGTH)

    @property
    def understanding(self) -> Mapping[str, Any]:
        return self.data.get("understanding") or {}

    @property
    def wants(self) -> list[str]:
        """What was wanted, by intent; several where one message held several wishes."""
        heard = self.understanding.get("wishes") or [self.understanding]
        intents = [(wish.get("intent") or {}).get("name") for wish in heard]
        return [intent for intent in dict.fromkeys(intents) if intent in labels().wants]

    @property
    def actions(self) -> list[str]:
        return list(self.data.get("actions") or ())

    @property
    def responses(self) -> list[str]:
        """Names of the responses that were said."""
        return list(self.data.get("responses") or ())

    @property
    def setback(self) -> str | None:
        """Why there is no answer, when the bot said so."""
        if "responses" not in self.data and MISSED in self.actions and not self._found:
            return labels().setbacks[REPHRASE]
        return next((labels().setbacks[name] for name in self.responses if name in labels().setbacks), None)

    @property
    def asked_back(self) -> bool:
        return any(reply.buttons for reply in self.replies) or bool(set(self.responses) & set(labels().questions))

    @property
    def answered_question(self) -> str | None:
        """The knowledge entry that was given as the answer; the title of the button that asked for it."""
        if self.setback or self.asked_back or not set(self.actions) & set(labels().knowledge):
            return None
        if any(entity.get("entity") == "entry_id" for entity in self.understanding.get("entities") or ()):
            return self.words
        return self._found

    @property
    def _found(self) -> str | None:
        """The knowledge entry that the search was sure of."""
        faq = self.data.get("faq") or {}
        return faq["candidates"][0]["question"] if faq.get("outcome") == "answer" and faq.get("candidates") else None

    @property
    def fact(self) -> str | None:
        """The label of what was looked up or done."""
        if self.setback or self.asked_back or not any(reply.text for reply in self.replies):
            return None
        return next((labels().facts[action] for action in self.actions if action in labels().facts), None)

    @property
    def form(self) -> str | None:
        return next((labels().forms[action] for action in self.actions if action in labels().forms), None)

    @property
    def settled(self) -> bool:
        return bool(self.fact or self.answered_question)


def turns_of(messages: Sequence[Message], events: Iterable[Event]) -> Iterator[Turn]:
    understood = {event.message_id: event.data for event in events if event.type == TURN}
    replies: dict[str, list[Message]] = {}
    for message in messages:
        if message.reply_to and message.author == "bot":
            replies.setdefault(message.reply_to, []).append(message)
    for message in messages:
        if message.author == "customer":
            yield Turn(message, understood.get(message.id, {}), tuple(replies.get(message.id, ())))


def cut(text: str, length: int) -> str:
    text = " ".join(text.split())
    return text if len(text) <= length else text[: length - 1] + "…"
