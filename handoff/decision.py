"""Standard library only; runs in Python 3.10 (inside Rasa) and newer.

Whether a person should take over, and why. ``decide`` is pure: the same signals and thresholds always give the same
decision, and a logged decision holds all that is needed to replay it (``Decision.replay``).

Every signal is compared with its own threshold; a signal that reaches it *fires*. Each piece of evidence says what the
decision would have been had that one signal been at rest, so "why" can be checked and not only claimed.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, Literal, get_args

Reason = Literal[
    "safety_or_legal",
    "explicit_wish",
    "business_rule",
    "stuck_form",
    "negative_sentiment",
    "low_confidence",
    "unhelpful_answer",
]
"""In order of precedence: of several reasons that fire, the first one is given."""

PRECEDENCE: tuple[Reason, ...] = get_args(Reason)
THRESHOLDS_FILE = Path(__file__).with_name("thresholds.json")


@dataclass(frozen=True)
class Signals:
    """What is known about the conversation at this turn. The defaults are the signals at rest.

    Streaks and failures count since the last hand-over ended, so that a closed case does not hand over again at once.
    """

    explicit_wish: float = 0.0
    """Probability (0..1) that the customer asks for a person."""
    low_confidence_streak: int = 0
    """Turns in a row that the bot did not understand."""
    sentiment: float = 0.0
    """Of this utterance, -1 (furious) .. 1 (delighted)."""
    sentiment_recent_mean: float = 0.0
    """See ``recent_mean``."""
    sentiment_fall: float = 0.0
    """See ``fall``."""
    risk_terms: tuple[str, ...] = ()
    """Safety and legal words found in the utterance."""
    form_failures: int = 0
    """Answers in a row that the open form could not use."""
    unhelpful_streak: int = 0
    """Answers in a row that the customer called of no help."""
    bulk_quantity: int = 0
    """Pieces asked for, when somebody wants to buy."""

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, float) and not math.isfinite(value):
                raise ValueError(f"signal {field.name} is {value}, expected a finite number")


@dataclass(frozen=True)
class Thresholds:
    """One threshold a signal, under the signal's name. They are data (``thresholds.json``), hence no defaults."""

    explicit_wish: float
    low_confidence_streak: int
    sentiment: float
    sentiment_recent_mean: float
    sentiment_fall: float
    risk_terms: int
    form_failures: int
    unhelpful_streak: int
    bulk_quantity: int
    sentiment_window: int
    """How many utterances the trajectory of the mood looks back; no signal is compared with it."""
    sentiment_memory: float
    """What a mood keeps of itself when the next utterance comes (0..1); no signal is compared with it."""

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Thresholds:
        """Raises ValueError naming the keys that are missing or unknown."""
        expected = {field.name for field in fields(cls)}
        if wrong := sorted(expected.symmetric_difference(data)):
            raise ValueError(f"thresholds: missing or unknown keys {', '.join(wrong)}")
        return cls(**data)

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class Evidence:
    signal: str
    value: float | tuple[str, ...]
    threshold: float
    fired: bool
    without: Reason | None
    """The reason that would have been given had this signal been at rest; None: no hand-over."""
    decisive: bool
    """The decision (hand over or not, and why) would have differed without this signal."""

    def as_json(self) -> dict[str, Any]:
        data = asdict(self)
        data["value"] = list(self.value) if isinstance(self.value, tuple) else self.value
        return data

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Evidence:
        value = data["value"]
        return cls(**{**data, "value": tuple(value) if isinstance(value, list) else value})


@dataclass(frozen=True)
class Decision:
    handoff: bool
    reason: Reason | None
    evidence: tuple[Evidence, ...]
    """One for every signal, in order of precedence, fired or not."""

    def as_json(self) -> dict[str, Any]:
        return {"handoff": self.handoff, "reason": self.reason, "evidence": [item.as_json() for item in self.evidence]}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Decision:
        evidence = tuple(Evidence.from_json(item) for item in data["evidence"])
        return cls(handoff=data["handoff"], reason=data["reason"], evidence=evidence)

    def signals(self) -> Signals:
        """The signals that this decision was made on."""
        return Signals(**{item.signal: item.value for item in self.evidence})  # type: ignore[arg-type]

    def replay(self) -> Decision:
        """Decide again from the logged signals and thresholds; equal to self unless the log or the rules changed."""
        return _decide(self.signals(), {item.signal: item.threshold for item in self.evidence})


@dataclass(frozen=True)
class _Rule:
    signal: str
    reason: Reason
    fires_when: Literal["at_least", "at_most"] = "at_least"

    def fired(self, signals: Signals, limits: Mapping[str, float]) -> bool:
        value, limit = getattr(signals, self.signal), limits[self.signal]
        amount = len(value) if isinstance(value, tuple) else value
        return bool(amount <= limit if self.fires_when == "at_most" else amount >= limit)


_RULES = (
    _Rule("risk_terms", "safety_or_legal"),
    _Rule("explicit_wish", "explicit_wish"),
    _Rule("bulk_quantity", "business_rule"),
    _Rule("form_failures", "stuck_form"),
    _Rule("sentiment", "negative_sentiment", "at_most"),
    _Rule("sentiment_recent_mean", "negative_sentiment", "at_most"),
    _Rule("sentiment_fall", "negative_sentiment"),
    _Rule("low_confidence_streak", "low_confidence"),
    _Rule("unhelpful_streak", "unhelpful_answer"),
)
_AT_REST = Signals()


def decide(signals: Signals, thresholds: Thresholds) -> Decision:
    """Hand over when any signal reaches its threshold; the reason follows PRECEDENCE."""
    return _decide(signals, thresholds.as_json())


def moods(scores: Sequence[float], memory: float) -> list[float]:
    """The mood after each utterance (oldest first): a mean in which every step back weighs ``memory`` times as much.

    It starts from neutral, which keeps one cross word at the start of a conversation from being taken for a mood.
    """
    course, mood = [], 0.0
    for score in scores:
        mood = memory * mood + (1 - memory) * score
        course.append(mood)
    return course


def recent_mean(scores: Sequence[float], memory: float) -> float:
    """The mood now; 0 before the first utterance."""
    return moods(scores, memory)[-1] if scores else 0.0


def fall(scores: Sequence[float], memory: float) -> float:
    """How far the mood lies below what was left of the best that it was, at least neutral; 0 unless the last utterance
    is negative.

    A customer who came in good spirits hides a bad turn from the mean. One who calms down does not fall, and neither
    does one whose joy fades by itself.
    """
    if not scores or scores[-1] >= 0:
        return 0.0
    course = moods(scores, memory)
    best = 0.0
    for mood in course:
        best = max(mood, best * memory)
    return max(0.0, best - course[-1])


def load_thresholds(path: Path = THRESHOLDS_FILE) -> Thresholds:
    return Thresholds.from_json(json.loads(path.read_text(encoding="utf-8")))


def _decide(signals: Signals, limits: Mapping[str, float]) -> Decision:
    reason = _reason(signals, limits)
    evidence = []
    for rule in _rules(limits):
        without = _reason(replace(signals, **{rule.signal: getattr(_AT_REST, rule.signal)}), limits)
        evidence.append(
            Evidence(
                signal=rule.signal,
                value=getattr(signals, rule.signal),
                threshold=limits[rule.signal],
                fired=rule.fired(signals, limits),
                without=without,
                decisive=without != reason,
            )
        )
    return Decision(handoff=reason is not None, reason=reason, evidence=tuple(evidence))


def _reason(signals: Signals, limits: Mapping[str, float]) -> Reason | None:
    return next((rule.reason for rule in _rules(limits) if rule.fired(signals, limits)), None)


def _rules(limits: Mapping[str, float]) -> list[_Rule]:
    """Those with a threshold: a decision that was logged before a signal was known is replayed without it."""
    return [rule for rule in _RULES if rule.signal in limits]
