"""Fits the intent model and everything about it that is a number: C, temperature, fallback threshold.

All of them are chosen on out-of-fold predictions of the training data; the report says how good those were.
Runs only in training (scikit-learn, SciPy).
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.sparse import csr_matrix
from sklearn.model_selection import StratifiedKFold

from bot.assistant.components import logistic
from bot.assistant.components.intent_model import Floats, IntentModel, ngrams, softmax, tfidf
from bot.assistant.components.logistic import Matrix

logger = logging.getLogger(__name__)

Labels = NDArray[np.int64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class TrainingSettings:
    """The search space (``config.yml``); what is found in it goes into the model."""

    longest_ngram: int
    strengths: tuple[float, ...]
    """Inverse regularisation C to try, ascending."""
    folds: int
    side_weight: float
    """What an example that only delimits counts, against 1 for an utterance of the intent."""
    wrong_answer_cost: float
    """What acting on a wrong guess costs, in right answers. It sets where the fallback threshold falls."""
    random_state: int


@dataclass(frozen=True)
class Features:
    """The unsupervised part: fitted on texts and vectors alone."""

    vocabulary: dict[str, int]
    longest: int
    idf: Floats
    mean: Floats
    scale: Floats

    @classmethod
    def fit(cls, grams: Sequence[Counter[str]], vectors: Floats, longest: int) -> Features:
        seen = Counter(gram for counts in grams for gram in counts)
        # A gram seen once tells nothing about another utterance.
        kept = sorted(gram for gram, count in seen.items() if count > 1)
        idf = np.log((1 + len(grams)) / (1 + np.array([seen[gram] for gram in kept]))) + 1
        deviation = vectors.std(axis=0)
        # Each block has about unit length, so neither drowns the other.
        scale = 1 / (np.maximum(deviation, deviation.mean() * 1e-3) * np.sqrt(vectors.shape[1]))
        return cls(
            vocabulary={gram: row for row, gram in enumerate(kept)},
            longest=longest,
            idf=idf.astype(np.float32),
            mean=vectors.mean(axis=0),
            scale=scale.astype(np.float32),
        )

    def matrix(self, grams: Sequence[Counter[str]], vectors: Floats) -> Matrix:
        """(n, dimension) dense, (n, vocabulary) sparse."""
        rows = [tfidf(counts, self.vocabulary, self.idf) for counts in grams]
        indptr = np.cumsum([0, *(len(columns) for columns, _ in rows)])
        indices = np.array([column for columns, _ in rows for column in columns], dtype=np.int32)
        values = np.array([value for _, items in rows for value in items])
        sparse = csr_matrix((values, indices, indptr), shape=(len(rows), len(self.vocabulary)))
        return Matrix(((vectors - self.mean) * self.scale).astype(np.float64), sparse)


@dataclass(frozen=True)
class Examples:
    """n utterances. ``side`` marks those that only delimit (questions of the knowledge base): they count little in the
    fit, and not at all where figures and thresholds are taken."""

    texts: Sequence[str]
    vectors: Floats
    """(n, dimension), each row of length 1."""
    intents: Sequence[str]
    side: Bools


def fit(examples: Examples, settings: TrainingSettings) -> tuple[IntentModel, dict[str, Any]]:
    """The model and its report. Raises ValueError when an intent has fewer examples than there are folds."""
    main = ~examples.side
    names = tuple(sorted(set(examples.intents)))
    counts = Counter(intent for intent, is_main in zip(examples.intents, main, strict=True) if is_main)
    if rare := [name for name in names if counts[name] < settings.folds]:
        raise ValueError(f"intents with fewer than {settings.folds} examples: {', '.join(rare)}")
    labels: Labels = np.array([names.index(intent) for intent in examples.intents])
    # Intents count alike, however many examples each has: how often one is asked is not known from the data.
    weights = np.array([1 / counts[intent] for intent in examples.intents]) * (main.sum() / len(names))
    weights[examples.side] *= settings.side_weight
    grams = [ngrams(text, settings.longest_ngram) for text in examples.texts]

    logits = _out_of_fold_logits(grams, examples.vectors, labels, weights, settings)
    logits = {strength: every[main] for strength, every in logits.items()}
    truth = labels[main]
    losses = {strength: _loss(every, truth, _temperature(every, truth)) for strength, every in logits.items()}
    strength = min(losses, key=losses.__getitem__)
    logger.info("Intent model: C %s of %s", strength, {c: round(loss, 4) for c, loss in losses.items()})
    temperature = _temperature(logits[strength], truth)
    probabilities = softmax(logits[strength] / temperature)
    confidence, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == truth
    threshold = choose_threshold(confidence, right, settings.wrong_answer_cost)

    features = Features.fit(grams, examples.vectors, settings.longest_ngram)
    matrix = features.matrix(grams, examples.vectors)
    fitted = logistic.fit(matrix, labels, weights, strength, logistic.zeros(matrix, len(names)))
    model = IntentModel(
        intents=names,
        vocabulary=features.vocabulary,
        longest=features.longest,
        idf=features.idf,
        mean=features.mean,
        scale=features.scale,
        weights=fitted.weights.astype(np.float32),
        bias=fitted.bias.astype(np.float32),
        temperature=temperature,
        threshold=threshold,
    )
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


def choose_threshold(confidence: Floats, right: Bools, wrong_answer_cost: float) -> float:
    """The confidence from which acting on the guess pays best: a right one counts 1, a wrong one minus its cost."""
    order = np.argsort(-confidence)
    gain = np.cumsum(np.where(right[order], 1.0, -wrong_answer_cost))
    best = int(gain.argmax())
    # Half way to the first guess that is turned down, not on the last that passes.
    after = confidence[order[best + 1]] if best + 1 < len(order) else 0.0
    return float((confidence[order[best]] + after) / 2)


def expected_calibration_error(confidence: Floats, right: Bools, bins: int = 10) -> float:
    """Mean gap between confidence and accuracy over bins of equal size (ECE, 0..1)."""
    order = np.argsort(confidence)
    gaps = [
        abs(float(confidence[part].mean()) - float(right[part].mean())) * len(part)
        for part in np.array_split(order, bins)
        if len(part)
    ]
    return sum(gaps) / len(confidence)


def _out_of_fold_logits(
    grams: Sequence[Counter[str]], vectors: Floats, labels: Labels, weights: Floats, settings: TrainingSettings
) -> dict[float, Floats]:
    """C -> (n, intents): each row predicted by a model that has not seen it."""
    classes = int(labels.max()) + 1
    logits: dict[float, Floats] = {strength: np.zeros((len(labels), classes)) for strength in settings.strengths}
    folds = StratifiedKFold(settings.folds, shuffle=True, random_state=settings.random_state)
    for fold, (inside, outside) in enumerate(folds.split(vectors, labels), start=1):
        logger.info("Intent model: fold %d of %d", fold, settings.folds)
        train, held_out = [grams[i] for i in inside], [grams[i] for i in outside]
        features = Features.fit(train, vectors[inside], settings.longest_ngram)
        x, x_out = features.matrix(train, vectors[inside]), features.matrix(held_out, vectors[outside])
        fitted = logistic.zeros(x, classes)
        # Ascending C: each fit begins where the last ended.
        for strength in settings.strengths:
            fitted = logistic.fit(x, labels[inside], weights[inside], strength, fitted)
            logits[strength][outside] = fitted.logits(x_out)
    return logits


def _temperature(logits: Floats, labels: Labels) -> float:
    found = minimize_scalar(lambda log_t: _loss(logits, labels, float(np.exp(log_t))), bounds=(-3, 3), method="bounded")
    return float(np.exp(found.x))


def _loss(logits: Floats, labels: Labels, temperature: float) -> float:
    """Mean negative log likelihood."""
    probabilities = softmax(logits / temperature)
    return float(-np.log(np.maximum(probabilities[np.arange(len(labels)), labels], 1e-12)).mean())
