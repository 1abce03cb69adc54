"""The regression gate: is one version worse than another, on the same held-out data?

Both answer the same utterances, so what is compared is the difference of each pair, and its uncertainty is found by
bootstrap: the pairs are drawn again and again with replacement, and the share of the draws in which the candidate is
worse says how sure a regression is. A few answers that changed sides are noise and pass; what is surely worse is
refused and named. No statistics are needed for test stories: one that passed before must pass.
"""

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy.stats import bootstrap

from training.evaluation import Evaluation, Mood, Story, Utterance

Floats = NDArray[np.float64]
Item = TypeVar("Item")

SURE = 0.95
SURE_OF_ONE_INTENT = 0.99
"""Forty-seven intents are looked at: at 0.95, two would be called worse by chance alone."""
DRAWS = 4000
SEED = 0


@dataclass(frozen=True)
class Change:
    """One measure under both versions, on `pairs` pairs. `worse`: the bootstrap's probability of a regression."""

    measure: str
    before: float
    after: float
    pairs: int
    worse: float
    limit: float
    lost: tuple[str, ...] = ()
    """What was right before and is wrong now, some of it."""

    @property
    def regressed(self) -> bool:
        return self.worse >= self.limit

    def sentence(self) -> str:
        """`refund_progress 0.95 → 0.40 on 20 (sure by 1.000)`"""
        return f"{self.measure} {self.before:.3f} → {self.after:.3f} on {self.pairs} (sure by {self.worse:.3f})"


@dataclass(frozen=True)
class Verdict:
    changes: tuple[Change, ...]
    stories: tuple[str, ...]
    """Names of the test stories that passed before and fail now."""
    compared: int
    """Utterances that both were measured on."""

    @property
    def regressions(self) -> tuple[Change, ...]:
        return tuple(change for change in self.changes if change.regressed)

    @property
    def passed(self) -> bool:
        return not self.regressions and not self.stories

    def reasons(self) -> list[str]:
        """Why it is refused, one line each; empty when it is not."""
        return [change.sentence() for change in self.regressions] + [f"story fails: {name}" for name in self.stories]

    def as_json(self) -> dict[str, Any]:
        return {"passed": self.passed, "compared": self.compared, "reasons": self.reasons()}


def compare(before: Evaluation, after: Evaluation) -> Verdict:
    """`before` serves, `after` wants to. What only one of them was measured on does not count."""
    pairs = _paired(before.utterances, after.utterances, lambda one: (one.text, one.intent))
    moods = _paired(before.moods, after.moods, lambda one: (one.text, one.degree))
    changes = [*_of_utterances(pairs), *([_right("sentiment", moods)] if moods else [])]
    return Verdict(tuple(changes), tuple(_broken(before.stories, after.stories)), len(pairs))


def _of_utterances(pairs: Sequence[tuple[Utterance, Utterance]]) -> Iterator[Change]:
    if not pairs:
        return
    yield _right("intents", pairs)
    # Acting on a wrong guess is worse than asking again: what is done counts, too, and not only what is likeliest.
    yield _change("acting on it", [_worth(old) for old, _ in pairs], [_worth(new) for _, new in pairs])
    if any(old.marked for old, _ in pairs):
        yield _change("entities", [_spans_right(old) for old, _ in pairs], [_spans_right(new) for _, new in pairs])
    for intent in sorted({old.intent for old, _ in pairs}):
        yield _right(intent, [pair for pair in pairs if pair[0].intent == intent], SURE_OF_ONE_INTENT)


def _right(measure: str, pairs: Sequence[tuple[Utterance | Mood, Utterance | Mood]], limit: float = SURE) -> Change:
    """The share whose intent, or degree, is right."""
    lost = tuple(old.text for old, new in pairs if old.right and not new.right)
    before, after = [float(old.right) for old, _ in pairs], [float(new.right) for _, new in pairs]
    return _change(measure, before, after, limit, lost)


def _change(
    measure: str, before: Sequence[float], after: Sequence[float], limit: float = SURE, lost: tuple[str, ...] = ()
) -> Change:
    old, new = np.array(before), np.array(after)
    worse = _probability_of_less(new - old)
    return Change(measure, float(old.mean()), float(new.mean()), len(old), worse, limit, lost)


def _probability_of_less(differences: Floats) -> float:
    """How probably the mean of differences like these is below zero: its share of the bootstrap's draws."""
    if (differences == differences[0]).all():  # nothing varies: as good as known
        return float(differences[0] < 0)
    drawn = bootstrap(
        (differences,), np.mean, n_resamples=DRAWS, method="percentile", random_state=np.random.default_rng(SEED)
    )
    return float((drawn.bootstrap_distribution < 0).mean())


def _worth(one: Utterance) -> float:
    """1: acted on the right guess; 0: asked again; -1: acted on a wrong one. The fallback threshold weighs the same."""
    return 0.0 if not one.accepted else 1.0 if one.right else -1.0


def _spans_right(one: Utterance) -> float:
    """Intersection over union of marked and found spans; 1 where there is nothing and nothing is found."""
    marked, found = set(one.marked), set(one.found)
    return len(marked & found) / len(marked | found) if marked or found else 1.0


def _broken(before: Iterable[Story], after: Iterable[Story]) -> Iterator[str]:
    passed = {story.name for story in before if story.passed}
    yield from (story.name for story in after if story.name in passed and not story.passed)


def _paired(before: Iterable[Item], after: Iterable[Item], key: Callable[[Item], Hashable]) -> list[tuple[Item, Item]]:
    there = {key(one): one for one in before}
    return [(there[key(one)], one) for one in after if key(one) in there]
