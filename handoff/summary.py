"""What an agent must know before the first word, taken from transcript and log; every line points to its message.

Extractive and pure: nothing is written that was not said or looked up. The gateway logs one `turn` event a turn with
`understanding` (as Rasa gives it), `sentiment`, `faq`, `actions` and, if known, the names of the `responses` that were
said; a message without an event still counts by its words.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import groupby
from typing import Any

from core.conversation.log import Event
from core.conversation.message import Message
from handoff.labels import labels

QUOTE_LENGTH = 40
FACT_LENGTH = 160
MOST_LINES = 4
TURN = "turn"
ASKED_FOR_A_PERSON = "human_agent"
MISSED, REPHRASE = "action_fallback", "utter_rephrase"


@dataclass(frozen=True)
class Customer:
    """Who the customer is, as far as a verified link says. A guest has nothing but a channel."""

    name: str | None = None
    level: str | None = None
    vip: bool = False
    member_id: str | None = None

    def as_json(self) -> dict[str, Any]:
        return {"name": self.name or labels().nobody, "level": self.level, "vip": self.vip, "member_id": self.member_id}


@dataclass(frozen=True)
class Line:
    kind: str
    """who | want | fact | tried | mood | open"""
    label: str
    text: str
    message_id: str | None
    """The message to read for more; None only when nothing was said at all."""


@dataclass(frozen=True)
class Summary:
    lines: tuple[Line, ...]

    def as_json(self) -> dict[str, Any]:
        return {"lines": [asdict(line) for line in self.lines]}

    def of(self, kind: str) -> list[Line]:
        return [line for line in self.lines if line.kind == kind]

    def as_text(self) -> str:
        return "\n".join(f"{line.label}：{line.text}" for line in self.lines)


@dataclass(frozen=True)
class _Turn:
    """One thing the customer said, what was understood of it, and what came back."""

    said: Message
    data: Mapping[str, Any]
    replies: tuple[Message, ...] = field(default=())

    @property
    def words(self) -> str:
        """What was said, or the title of the button that was pressed."""
        return _cut(self.said.text or "", QUOTE_LENGTH)

    @property
    def understanding(self) -> Mapping[str, Any]:
        return self.data.get("understanding") or {}

    @property
    def intent(self) -> str | None:
        return (self.understanding.get("intent") or {}).get("name")

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


def summarise(messages: Sequence[Message], events: Iterable[Event], customer: Customer) -> Summary:
    """`messages` oldest first; `events` of the same conversation, of any type."""
    turns = list(_turns(messages, events))
    if not turns:
        return Summary((_line("who", _who(customer, None), None),))
    lines = [_line("who", _who(customer, turns[0].said.channel), turns[0].said.id)]
    lines += _wants(turns)
    lines += _facts(turns)
    lines += _tried(turns)
    lines += _mood(turns)
    lines += _open(turns)
    return Summary(tuple(lines))


def _turns(messages: Sequence[Message], events: Iterable[Event]) -> Iterator[_Turn]:
    understood = {event.message_id: event.data for event in events if event.type == TURN}
    replies: dict[str, list[Message]] = {}
    for message in messages:
        if message.reply_to and message.author == "bot":
            replies.setdefault(message.reply_to, []).append(message)
    for message in messages:
        if message.author == "customer":
            yield _Turn(message, understood.get(message.id, {}), tuple(replies.get(message.id, ())))


def _who(customer: Customer, channel: str | None) -> str:
    parts = [
        customer.name or labels().nobody,
        customer.level,
        labels().urgent_note if customer.vip else None,
        labels().channel(channel) if channel else None,
    ]
    return "，".join(part for part in parts if part)


def _wants(turns: Sequence[_Turn]) -> list[Line]:
    """The last few different wishes, each in the words it was last put in."""
    last = {turn.intent: turn for turn in turns if turn.intent in labels().wants}
    latest = sorted(last.values(), key=lambda turn: turn.said.seq)[-MOST_LINES:]
    return [_line("want", f"{labels().wants[turn.intent or '']}：“{turn.words}”", turn.said.id) for turn in latest]


def _facts(turns: Sequence[_Turn]) -> list[Line]:
    """What the shop's systems said, in the words the customer was given; of the same kind only the latest."""
    found = {turn.fact: turn for turn in turns if turn.fact}
    latest = sorted(found.values(), key=lambda turn: turn.said.seq)[-MOST_LINES:]
    lines = []
    for turn in latest:
        told = next(reply for reply in turn.replies if reply.text)
        lines.append(_line("fact", f"{turn.fact}：{_cut(told.text or '', FACT_LENGTH)}", told.id))
    return lines


def _tried(turns: Sequence[_Turn]) -> list[Line]:
    lines = []
    for turn in turns:
        if turn.answered_question:
            lines.append(_line("tried", f"用知识库答过“{turn.answered_question}”", turn.said.id))
        elif turn.setback:
            lines.append(_line("tried", f"{turn.setback}：“{turn.words}”", turn.said.id))
    for form, steps in groupby((turn for turn in turns if turn.form), key=lambda turn: turn.form):
        last = list(steps)[-1]
        if not last.fact:
            lines.append(_line("tried", f"引导办理{form}，没有办完", last.said.id))
    return lines[-MOST_LINES:]


def _mood(turns: Sequence[_Turn]) -> list[Line]:
    """The course of the degrees, pointing to the worst moment."""
    felt = [(turn, turn.data["sentiment"]) for turn in turns if turn.data.get("sentiment")]
    if not felt:
        return []
    course = [labels().degrees.get(degree, degree) for degree, _ in groupby(mood["degree"] for _, mood in felt)]
    worst, mood = min(felt, key=lambda pair: float(pair[1]["score"]))
    text = " → ".join(course)
    if mood["score"] < 0:
        text += f"，最低 {mood['score']:.2f}：“{worst.words}”"
    return [_line("mood", text, worst.said.id)]


def _open(turns: Sequence[_Turn]) -> list[Line]:
    """Wishes whose last mention was neither looked up nor answered, and the last words if nothing was made of them."""
    last = {turn.intent: turn for turn in turns if turn.intent in labels().wants and turn.intent != ASKED_FOR_A_PERSON}
    unsettled = [turn for turn in last.values() if not turn.settled]
    silent = [turn for turn in turns if turn.setback or not turn.data]
    if silent and silent[-1] not in unsettled and turns.index(silent[-1]) >= len(turns) - 2:
        unsettled.append(silent[-1])
    latest = sorted(unsettled, key=lambda turn: turn.said.seq)[-MOST_LINES:]
    return [_line("open", f"“{turn.words}”还没有答复", turn.said.id) for turn in latest if turn.words]


def _line(kind: str, text: str, message_id: str | None) -> Line:
    return Line(kind, labels().lines[kind], text, message_id)


def _cut(text: str, length: int) -> str:
    text = " ".join(text.split())
    return text if len(text) <= length else text[: length - 1] + "…"
