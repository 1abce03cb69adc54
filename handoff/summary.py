"""What an agent must know before the first word, taken from transcript and log; every line points to its message.

Extractive and pure: nothing is written that was not said or looked up. The gateway logs one `turn` event a turn with
`understanding` (as Rasa gives it), `sentiment`, `faq`, `actions` and, if known, the names of the `responses` that were
said; a message without an event still counts by its words.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from itertools import groupby
from typing import Any

from core.conversation.log import Event
from core.conversation.message import Message
from handoff.labels import labels
from handoff.turns import TURN, Turn, cut, turns_of

FACT_LENGTH = 160
MOST_LINES = 4
ASKED_FOR_A_PERSON = "human_agent"


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


def summarise(messages: Sequence[Message], events: Iterable[Event], customer: Customer) -> Summary:
    """`messages` oldest first; `events` of the same conversation, of any type."""
    turns = list(turns_of(messages, events))
    if not turns:
        return Summary((_line("who", _who(customer, None), None),))
    lines = [_line("who", _who(customer, turns[0].said.channel), turns[0].said.id)]
    lines += _wants(turns)
    lines += _facts(turns)
    lines += _tried(turns)
    lines += _mood(turns)
    lines += _open(turns)
    return Summary(tuple(lines))


def _who(customer: Customer, channel: str | None) -> str:
    parts = [
        customer.name or labels().nobody,
        customer.level,
        labels().urgent_note if customer.vip else None,
        labels().channel(channel) if channel else None,
    ]
    return "，".join(part for part in parts if part)


def _wants(turns: Sequence[Turn]) -> list[Line]:
    """The last few different wishes, each in the words it was last put in."""
    last = {intent: turn for turn in turns for intent in turn.wants}
    latest = sorted(last.items(), key=lambda wish: wish[1].said.seq)[-MOST_LINES:]
    return [_line("want", f"{labels().wants[intent]}：“{turn.words}”", turn.said.id) for intent, turn in latest]


def _facts(turns: Sequence[Turn]) -> list[Line]:
    """What the shop's systems said, in the words the customer was given; of the same kind only the latest."""
    found = {turn.fact: turn for turn in turns if turn.fact}
    latest = sorted(found.values(), key=lambda turn: turn.said.seq)[-MOST_LINES:]
    lines = []
    for turn in latest:
        told = next(reply for reply in turn.replies if reply.text)
        lines.append(_line("fact", f"{turn.fact}：{cut(told.text or '', FACT_LENGTH)}", told.id))
    return lines


def _tried(turns: Sequence[Turn]) -> list[Line]:
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


def _mood(turns: Sequence[Turn]) -> list[Line]:
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


def _open(turns: Sequence[Turn]) -> list[Line]:
    """Wishes whose last mention was neither looked up nor answered, and the last words if nothing was made of them."""
    last = {intent: turn for turn in turns for intent in turn.wants if intent != ASKED_FOR_A_PERSON}
    unsettled = [turn for turn in turns if not turn.settled and any(turn is one for one in last.values())]
    silent = [turn for turn in turns if turn.setback or not turn.data]
    if silent and silent[-1] not in unsettled and turns.index(silent[-1]) >= len(turns) - 2:
        unsettled.append(silent[-1])
    latest = sorted(unsettled, key=lambda turn: turn.said.seq)[-MOST_LINES:]
    return [_line("open", f"“{turn.words}”还没有答复", turn.said.id) for turn in latest if turn.words]


def _line(kind: str, text: str, message_id: str | None) -> Line:
    return Line(kind, labels().lines[kind], text, message_id)


__all__ = ["TURN", "Customer", "Line", "Summary", "summarise"]
