"""Fits the intent model and everything about it that is a number: C, temperature, fallback threshold.

All of them are chosen on out-of-fold predictions of the training data; the report says how good those were.
Runs only in training (scikit-learn, SciPy).
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.sparse import csr_matrix, hstack
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold

from bot.assistant.components.intent_model import Floats, IntentModel, ngrams, softmax, tfidf

logger = logging.getLogger(__name__)

Labels = NDArray[np.int64]


@dataclass(frozen=True)
class TrainingSettings:
    """The search space (``config.yml``); what is found in it goes into the model."""

    longest_ngram: int
    strengths: tuple[float, ...]
    """Inverse regularisation C to try, ascending."""
    folds: int
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

    def matrix(self, grams: Sequence[Counter[str]], vectors: Floats) -> csr_matrix:
        """(n, dimension + vocabulary)"""
        rows = [tfidf(counts, self.vocabulary, self.idf) for counts in grams]
        indptr = np.cumsum([0, *(len(columns) for columns, _ in rows)])
        indices = np.array([column for columns, _ in rows for column in columns], dtype=np.int32)
        values = np.array([value for _, items in rows for value in items], dtype=np.float32)
        sparse = csr_matrix((values, indices, indptr), shape=(len(rows), len(self.vocabulary)))
        return hstack([csr_matrix((vectors - self.mean) * self.scale), sparse], format="csr")


def fit(
    texts: Sequence[str], vectors: Floats, intents: Sequence[str], settings: TrainingSettings
) -> tuple[IntentModel, dict[str, Any]]:
    """Trains on (n) texts with their (n, dimension) vectors and returns the model and its report.

    Raises ValueError when an intent has fewer examples than there are folds.
    """
    names = tuple(sorted(set(intents)))
    rare = [name for name, count in Counter(intents).items() if count < settings.folds]
    if rare:
        raise ValueError(f"intents with fewer than {settings.folds} examples: {', '.join(sorted(rare))}")
    labels: Labels = np.array([names.index(name) for name in intents])
    grams = [ngrams(text, settings.longest_ngram) for text in texts]

    logits = _out_of_fold_logits(grams, vectors, labels, settings)
    losses = {strength: _loss(logits[strength], labels, _temperature(logits[strength], labels)) for strength in logits}
    strength = min(losses, key=losses.__getitem__)
    logger.info("Intent model: C %s of %s", strength, {c: round(loss, 4) for c, loss in losses.items()})
    temperature = _temperature(logits[strength], labels)
    probabilities = softmax(logits[strength] / temperature)
    confidence, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == labels
    threshold = choose_threshold(confidence, right, settings.wrong_answer_cost)

    features = Features.fit(grams, vectors, settings.longest_ngram)
    classifier = _classifier(strength, settings).fit(features.matrix(grams, vectors), labels)
    model = IntentModel(
        intents=names,
        vocabulary=features.vocabulary,
        longest=features.longest,
        idf=features.idf,
        mean=features.mean,
        scale=features.scale,
        weights=classifier.coef_.T.astype(np.float32),
        bias=classifier.intercept_.astype(np.float32),
        temperature=temperature,
        threshold=threshold,
    )
    accepted = confidence >= threshold
    report = {
        "examples": len(texts),
        "intents": len(names),
        "strength": strength,
        "temperature": temperature,
        "threshold": threshold,
        "out_of_fold": {
            "accuracy": float(right.mean()),
            "ece": expected_calibration_error(confidence, right),
            "log_loss": _loss(logits[strength], labels, temperature),
            "accepted": float(accepted.mean()),
            "accepted_accuracy": float(right[accepted].mean()),
            "per_intent": {name: float(right[labels == index].mean()) for index, name in enumerate(names)},
        },
    }
    return replace(model), report


def choose_threshold(confidence: Floats, right: NDArray[np.bool_], wrong_answer_cost: float) -> float:
    """The confidence from which acting on the guess pays best: a right one counts 1, a wrong one minus its cost."""
    order = np.argsort(-confidence)
    gain = np.cumsum(np.where(right[order], 1.0, -wrong_answer_cost))
    best = int(gain.argmax())
    # Half way to the first guess that is turned down, not on the last that passes.
    after = confidence[order[best + 1]] if best + 1 < len(order) else 0.0
    return float((confidence[order[best]] + after) / 2)


def expected_calibration_error(confidence: Floats, right: NDArray[np.bool_], bins: int = 10) -> float:
    """Mean gap between confidence and accuracy over bins of equal size (ECE, 0..1)."""
    order = np.argsort(confidence)
    gaps = [
        abs(float(confidence[part].mean()) - float(right[part].mean())) * len(part)
        for part in np.array_split(order, bins)
        if len(part)
    ]
    return sum(gaps) / len(confidence)


def _out_of_fold_logits(
    grams: Sequence[Counter[str]], vectors: Floats, labels: Labels, settings: TrainingSettings
) -> dict[float, Floats]:
    logits = {c: np.zeros((len(labels), int(labels.max()) + 1)) for c in settings.strengths}
    folds = StratifiedKFold(settings.folds, shuffle=True, random_state=settings.random_state)
    for fold, (inside, outside) in enumerate(folds.split(vectors, labels), start=1):
        logger.info("Intent model: fold %d of %d", fold, settings.folds)
        train, held_out = [grams[i] for i in inside], [grams[i] for i in outside]
        features = Features.fit(train, vectors[inside], settings.longest_ngram)
        x, x_out = features.matrix(train, vectors[inside]), features.matrix(held_out, vectors[outside])
        classifier = _classifier(settings.strengths[0], settings)
        # Ascending C with a warm start: each fit begins where the last ended.
        for strength in settings.strengths:
            classifier.set_params(C=strength).fit(x, labels[inside])
            logits[strength][outside] = classifier.decision_function(x_out)
    return logits


def _classifier(strength: float, settings: TrainingSettings) -> LogisticRegression:
    return LogisticRegression(
        C=strength, solver="lbfgs", max_iter=300, tol=1e-3, warm_start=True, random_state=settings.random_state
    )


def _temperature(logits: Floats, labels: Labels) -> float:
    found = minimize_scalar(lambda log_t: _loss(logits, labels, float(np.exp(log_t))), bounds=(-3, 3), method="bounded")
    return float(np.exp(found.x))


def _loss(logits: Floats, labels: Labels, temperature: float) -> float:
    """Mean negative log likelihood."""
    probabilities = softmax(logits / temperature)
    return float(-np.log(np.maximum(probabilities[np.arange(len(labels)), labels], 1e-12)).mean())
