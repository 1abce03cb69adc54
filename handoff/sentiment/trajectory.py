"""`python -m handoff.sentiment.trajectory MODEL`: the thresholds of the mood's course, from conversations of our own.

The thresholds that hand over best (F1; of equals the strictest mean) are chosen on one set of conversations, with the
model that is served and the thresholds of single utterances as they are; those that serve are measured on another set,
which nothing was chosen on, with the utterance at which they fire.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from core.settings import HOME
from handoff.decision import Signals, Thresholds, decide, fall, load_thresholds, recent_mean
from handoff.sentiment.model import SentimentModel
from retrieval.encoder.embedded import EmbeddedEncoder
from retrieval.text import normalise

NEVER = 2.0
"""No mood falls further."""
CONVERSATIONS = HOME / "nlu_data" / "sentiment" / "conversations.jsonl"
HELD_OUT = HOME / "nlu_data" / "sentiment" / "conversations_heldout.jsonl"


@dataclass(frozen=True)
class Course:
    """The scores of a customer's utterances, and whether their mood called for a person."""

    hand_over: bool
    scores: tuple[float, ...]
    due: int | None = None
    """The utterance, from 1, at which it began to; None: it never did, or nobody said when."""

    def handed_over(self, thresholds: Thresholds) -> int | None:
        """The utterance, from 1, after which the bot hands over."""
        counts = range(1, len(self.scores) + 1)
        return next((n for n in counts if decide(signals_at(self.scores[:n], thresholds), thresholds).handoff), None)


def signals_at(scores: Sequence[float], thresholds: Thresholds) -> Signals:
    recent, memory = scores[-thresholds.sentiment_window :], thresholds.sentiment_memory
    return Signals(
        sentiment=recent[-1], sentiment_recent_mean=recent_mean(recent, memory), sentiment_fall=fall(recent, memory)
    )


@dataclass(frozen=True)
class HandOvers:
    """Of conversations handed over by mood."""

    conversations: int
    precision: float
    recall: float
    f1: float
    early: int = 0
    """Handed over rightly, but before it was due; known only where the conversations say when."""
    on_time: int = 0
    late: int = 0


def measure(courses: Sequence[Course], thresholds: Thresholds) -> HandOvers:
    fired = [course.handed_over(thresholds) for course in courses]
    handed, wanted = np.array([at is not None for at in fired]), np.array([course.hand_over for course in courses])
    hits = int((handed & wanted).sum())
    precision, recall = hits / max(int(handed.sum()), 1), hits / max(int(wanted.sum()), 1)
    f1 = 2 * hits / max(int(handed.sum() + wanted.sum()), 1)
    delays = [at - course.due for at, course in zip(fired, courses, strict=True) if at and course.due]
    early, late = sum(delay < 0 for delay in delays), sum(delay > 0 for delay in delays)
    return HandOvers(
        len(courses), round(precision, 4), round(recall, 4), round(f1, 4), early, len(delays) - early - late, late
    )


def choose(courses: Sequence[Course], thresholds: Thresholds) -> Thresholds:
    """The mean first, alone, then the mildest fall that costs nothing: it is for customers who began in good spirits,
    of whom there are few here, and from neutral the two are the same."""
    never = replace(thresholds, sentiment_fall=NEVER)
    means = [replace(never, sentiment_recent_mean=round(float(mean), 2)) for mean in np.arange(-0.6, -0.14, 0.05)]
    best = max(means, key=lambda candidate: measure(courses, candidate).f1)
    falls = [
        replace(best, sentiment_fall=round(float(drop), 2)) for drop in np.arange(-best.sentiment_recent_mean, 1, 0.05)
    ]
    wanted = measure(courses, best).f1
    return next((candidate for candidate in falls if measure(courses, candidate).f1 >= wanted), best)


def read(model: SentimentModel, encoder: EmbeddedEncoder, path: Path) -> list[Course]:
    """Lines of `{"hand_over", "utterances"}`, or with `due` (an utterance from 1, or null) in place of `hand_over`."""
    courses = []
    for line in path.read_text(encoding="utf-8").splitlines():
        data = json.loads(line)
        texts = [normalise(text) for text in data["utterances"]]
        scores = [model.score(text, encoder.encode_deep([text])[0]).score for text in texts]
        due = data.get("due")
        courses.append(Course(data.get("hand_over", due is not None), tuple(scores), due))
    return courses


def main(folder: Path) -> None:
    """`folder`: of a trained model, such as `sentiment` of a version."""
    model, encoder = SentimentModel.load(folder), EmbeddedEncoder(HOME / "var" / "models" / "encoder")
    served = load_thresholds()
    courses, new = read(model, encoder, CONVERSATIONS), read(model, encoder, HELD_OUT)
    chosen = choose(courses, served)
    report = {
        "chosen": {key: getattr(chosen, key) for key in ("sentiment_recent_mean", "sentiment_fall")},
        "conversations": {
            name: asdict(measure(courses, one)) for name, one in (("served", served), ("chosen", chosen))
        },
        "held_out": asdict(measure(new, served)),
    }
    json.dump(report, sys.stdout, indent=2)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
