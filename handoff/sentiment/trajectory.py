"""`python -m handoff.sentiment.trajectory`: the thresholds of the mood's course, from conversations of our own.

The thresholds that hand over best (F1; of equals the strictest mean) are chosen on the conversations of the part
`choose`, with the model that is served and the thresholds of single utterances as they are, and measured on `held_out`.
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


@dataclass(frozen=True)
class Course:
    """The scores of a customer's utterances, and whether their mood called for a person."""

    part: str
    hand_over: bool
    scores: tuple[float, ...]

    def handed_over(self, thresholds: Thresholds) -> bool:
        return any(
            decide(signals_at(self.scores[: n + 1], thresholds), thresholds).handoff for n in range(len(self.scores))
        )


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


def measure(courses: Sequence[Course], thresholds: Thresholds) -> HandOvers:
    handed, wanted = np.array([(one.handed_over(thresholds), one.hand_over) for one in courses]).T
    hits = int((handed & wanted).sum())
    precision, recall = hits / max(int(handed.sum()), 1), hits / max(int(wanted.sum()), 1)
    f1 = 2 * hits / max(int(handed.sum() + wanted.sum()), 1)
    return HandOvers(len(courses), round(precision, 4), round(recall, 4), round(f1, 4))


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


def read(model: SentimentModel, encoder: EmbeddedEncoder, path: Path = CONVERSATIONS) -> list[Course]:
    """Lines of `{"part", "hand_over", "utterances"}`."""
    courses = []
    for line in path.read_text(encoding="utf-8").splitlines():
        data = json.loads(line)
        texts = [normalise(text) for text in data["utterances"]]
        scores = [model.score(text, encoder.encode_deep([text])[0]).score for text in texts]
        courses.append(Course(data["part"], data["hand_over"], tuple(scores)))
    return courses


if __name__ == "__main__":
    models = HOME / "var" / "models"
    courses = read(SentimentModel.load(models / "sentiment"), EmbeddedEncoder(models / "encoder"))
    served = load_thresholds()
    chosen = choose([course for course in courses if course.part == "choose"], served)
    parts = {
        name: {
            part: asdict(measure([course for course in courses if course.part == part], thresholds))
            for part in ("choose", "held_out")
        }
        for name, thresholds in {"served": served, "chosen": chosen}.items()
    }
    picked = {key: getattr(chosen, key) for key in ("sentiment_recent_mean", "sentiment_fall")}
    json.dump({**parts, "thresholds": picked}, sys.stdout, indent=2)
