"""How good a sentiment model is: accuracy, and whether its probabilities can be believed (ECE)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import f1_score

from handoff.sentiment.features import Floats
from handoff.sentiment.model import degree_scores

BINS = 10

Labels = NDArray[np.intp]


@dataclass(frozen=True)
class Quality:
    utterances: int
    accuracy: float
    macro_f1: float
    three_class_accuracy: float
    """Of negative, neutral, positive alone."""
    within_one: float
    """Share whose degree is right or next to right."""
    ece: float
    """Expected calibration error of the most probable degree, 10 bins of equal width."""
    mean_absolute_error: float
    """Of the score (-1..1)."""


def quality(probabilities: Floats, labels: Labels) -> Quality:
    guesses = probabilities.argmax(axis=1)
    worth = degree_scores(probabilities.shape[1])
    sides = np.sign(worth)
    return Quality(
        utterances=len(labels),
        accuracy=_rounded((guesses == labels).mean()),
        macro_f1=_rounded(f1_score(labels, guesses, average="macro")),
        three_class_accuracy=_rounded((sides[guesses] == sides[labels]).mean()),
        within_one=_rounded((abs(guesses - labels) <= 1).mean()),
        ece=_rounded(expected_calibration_error(probabilities, labels)),
        mean_absolute_error=_rounded(abs(probabilities @ worth - worth[labels]).mean()),
    )


@dataclass(frozen=True)
class AngerGate:
    """The sentiment score at which an utterance alone hands over, and what that threshold is worth."""

    threshold: float
    precision: float
    """Of the utterances at or below the threshold, the share that is very negative."""
    recall: float
    """Of the very negative utterances, the share at or below the threshold."""


def anger_gate(probabilities: Floats, labels: Labels, precision: float) -> AngerGate:
    """The mildest threshold, in steps of 0.01, that has at least this precision; -1 when there is none."""
    for threshold in np.round(np.arange(0, -1, -0.01), 2):
        gate = at_threshold(probabilities, labels, float(threshold))
        if gate.precision >= precision:
            return gate
    return at_threshold(probabilities, labels, -1.0)


def at_threshold(probabilities: Floats, labels: Labels, threshold: float) -> AngerGate:
    fires, angry = probabilities @ degree_scores(probabilities.shape[1]) <= threshold, labels == 0
    hits = float((fires & angry).sum())
    return AngerGate(threshold, _rounded(hits / max(fires.sum(), 1)), _rounded(hits / max(angry.sum(), 1)))


def expected_calibration_error(probabilities: Floats, labels: Labels) -> float:
    """Mean over bins of |accuracy - confidence|, weighted by the bins' sizes."""
    confidence = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == labels
    bins = np.minimum((confidence * BINS).astype(int), BINS - 1)
    gaps = [abs(right[bins == b].mean() - confidence[bins == b].mean()) * (bins == b).mean() for b in set(bins)]
    return float(sum(gaps))


def _rounded(value: float) -> float:
    return round(float(value), 4)
