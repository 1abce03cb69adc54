"""Fits the intent model and everything about it that is a number: C, temperature, fallback threshold.

The first two are chosen on out-of-fold predictions of the training data; the report says how good those were. On
probabilities that are calibrated the threshold follows from what a wrong answer costs.
Runs only in training (scikit-learn, SciPy).
"""

from __future__ import annotations

import logging
import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from sklearn.model_selection import StratifiedKFold

from bot.assistant.components import logistic
from bot.assistant.components.intent_model import IntentModel, sparse_features
from bot.assistant.components.linear_model import Floats, softmax
from bot.assistant.components.linear_training import Counts, Features
from bot.assistant.components.sounds import Sounds

logger = logging.getLogger(__name__)

Labels = NDArray[np.int64]
Bools = NDArray[np.bool_]
Fold = tuple[Labels, Labels]
"""Row numbers inside and outside."""


@dataclass(frozen=True)
class TrainingSettings:
    """The search space (``config.yml``); what is found in it goes into the model."""

    longest_ngram: int
    strengths: tuple[float, ...]
    """Inverse regularisation C to try, ascending."""
    folds: int
    fewest: int
    """An intent with fewer examples is an error."""
    side_weight: float
    """What an example that only delimits counts, against 1 for an utterance of the intent."""
    wrong_answer_cost: float
    """What acting on a wrong guess costs, in right answers. It sets where the fallback threshold falls."""
    random_state: int


@dataclass(frozen=True)
class Examples:
    """n utterances. ``side`` marks those that only delimit (questions of the knowledge base): they count little in the
    fit, and not at all where figures and thresholds are taken."""

    texts: Sequence[str]
    vectors: Floats
    """(n, dimension), each row of length 1."""
    intents: Sequence[str]
    side: Bools


@dataclass(frozen=True)
class Part:
    """What the rows inside a fold train, and what it says of those outside."""

    features: Features
    fit: logistic.Fit
    outside: Floats
    """(rows outside, intents), logits."""


Tried = dict[float, Part]
"""By C."""


def fit(examples: Examples, settings: TrainingSettings, sounds: Sounds) -> tuple[IntentModel, dict[str, Any]]:
    """The model and its report. Raises ValueError when an intent has too few examples."""
    main = ~examples.side
    names = tuple(sorted(set(examples.intents)))
    counts = Counter(intent for intent, is_main in zip(examples.intents, main, strict=True) if is_main)
    if rare := [name for name in names if counts[name] < settings.fewest]:
        raise ValueError(f"intents with fewer than {settings.fewest} examples: {', '.join(rare)}")
    labels: Labels = np.array([names.index(intent) for intent in examples.intents])
    # Half way between examples that count alike and intents that do, however many examples each has: how often one is
    # asked is not known from the data, but what has many sides gets many examples.
    weights = np.array([1 / max(counts[intent], 1) ** 0.5 for intent in examples.intents])
    weights /= weights[main].mean()
    weights[examples.side] *= settings.side_weight
    grams = Counts.of([sparse_features(text, settings.longest_ngram, sounds) for text in examples.texts])

    tried, logits = _cross_validated(grams, examples, labels, weights, settings)
    logits = {strength: every[main] for strength, every in logits.items()}
    truth = labels[main]
    losses = {strength: _loss(every, truth, _temperature(every, truth)) for strength, every in logits.items()}
    strength = min(losses, key=losses.__getitem__)
    logger.info("Intent model: C %s of %s", strength, {c: round(loss, 4) for c, loss in losses.items()})
    temperature = _temperature(logits[strength], truth)
    probabilities = softmax(logits[strength] / temperature)
    confidence, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == truth
    threshold = break_even(settings.wrong_answer_cost)

    linear = tried[strength].features.model(names, tried[strength].fit)
    model = IntentModel(linear, settings.longest_ngram, sounds, temperature, threshold)
    accepted = confidence >= threshold
    report = {
        "examples": int(main.sum()),
        "side_examples": int(examples.side.sum()),
        "intents": len(names),
        "strength": strength,
        "temperature": temperature,
        "threshold": threshold,
        "out_of_fold": {
            "accuracy": float(right.mean()),
            "ece": expected_calibration_error(confidence, right),
            "log_loss": losses[strength],
            "accepted": float(accepted.mean()),
            "accepted_accuracy": float(right[accepted].mean()),
            "per_intent": {name: float(right[truth == index].mean()) for index, name in enumerate(names)},
        },
        # Each example as a model that has not seen it judges it: what `./kefu lint --deep` looks for mistakes in.
        "predictions": {
            "names": list(names),
            "texts": [text for text, is_main in zip(examples.texts, main, strict=True) if is_main],
            "intents": [names[label] for label in truth],
            "probabilities": np.round(probabilities, 4).tolist(),
        },
    }
    return model, report


def break_even(wrong_answer_cost: float) -> float:
    """The probability from which acting on a guess pays: a right one counts 1, a wrong one minus its cost.

    Probabilities are calibrated, so this holds as it is. Where the gains over our utterances sum up highest wanders by
    a tenth from training to training.
    """
    return wrong_answer_cost / (1 + wrong_answer_cost)


def expected_calibration_error(confidence: Floats, right: Bools, bins: int = 10) -> float:
    """Mean gap between confidence and accuracy over bins of equal size (ECE, 0..1)."""
    order = np.argsort(confidence)
    gaps = [
        abs(float(confidence[part].mean()) - float(right[part].mean())) * len(part)
        for part in np.array_split(order, bins)
        if len(part)
    ]
    return sum(gaps) / len(confidence)


def _cross_validated(
    grams: Counts,
    examples: Examples,
    labels: Labels,
    weights: logistic.Doubles,
    settings: TrainingSettings,
) -> tuple[Tried, dict[float, Floats]]:
    """By C: what all rows train, and (n, intents), each row predicted by a model that has not seen it."""
    folds = StratifiedKFold(settings.folds, shuffle=True, random_state=settings.random_state)
    everything = np.arange(len(labels))
    # Begun at once with the first fold: the fit of all rows takes longest.
    parts: list[Fold] = [(everything, everything[:0]), *folds.split(examples.vectors, labels)]
    work = partial(_fit_fold, grams, examples, labels, weights, settings.strengths)
    shape = (len(labels), int(labels.max()) + 1)
    logits: dict[float, Floats] = {strength: np.zeros(shape) for strength in settings.strengths}
    tried: list[Tried] = []
    for done, ((_, outside), found) in enumerate(zip(parts, _on_all_cores(work, parts), strict=True)):
        logger.info("Intent model: %d of %d folds", done, settings.folds)
        tried.append(found)
        for strength, one in found.items():
            logits[strength][outside] = one.outside
    return tried[0], logits


def _on_all_cores(work: Callable[[Fold], Tried], folds: Sequence[Fold]) -> Iterator[Tried]:
    """In the order of the folds. The processes are forked: they share the examples instead of copying them."""
    global _work
    cores = len(os.sched_getaffinity(0))
    if cores == 1:
        yield from map(work, folds)
        return
    _work = work
    with ProcessPoolExecutor(min(cores, len(folds)), get_context("fork")) as pool:
        yield from pool.map(_do_work, folds)


_work: Callable[[Fold], Tried] | None = None


def _do_work(fold: Fold) -> Tried:
    assert _work is not None
    return _work(fold)


def _fit_fold(
    grams: Counts,
    examples: Examples,
    labels: Labels,
    weights: logistic.Doubles,
    strengths: Sequence[float],
    fold: Fold,
) -> Tried:
    inside, outside = fold
    # What only delimits needs no words of its own.
    features = Features.fit(grams[inside[~examples.side[inside]]], examples.vectors[inside])
    x, x_out = (features.matrix(grams[rows], examples.vectors[rows]) for rows in (inside, outside))
    fitted = logistic.zeros(x, int(labels.max()) + 1)
    found: Tried = {}
    # Ascending C: each fit begins where the last ended.
    for strength in strengths:
        fitted = logistic.fit(x, labels[inside], weights[inside], strength, fitted)
        found[strength] = Part(features, fitted, fitted.logits(x_out))
    return found


def _temperature(logits: Floats, labels: Labels) -> float:
    found = minimize_scalar(lambda log_t: _loss(logits, labels, float(np.exp(log_t))), bounds=(-3, 3), method="bounded")
    return float(np.exp(found.x))


def _loss(logits: Floats, labels: Labels, temperature: float) -> float:
    """Mean negative log likelihood."""
    probabilities = softmax(logits / temperature)
    return float(-np.log(np.maximum(probabilities[np.arange(len(labels)), labels], 1e-12)).mean())
