"""Trains the entity model. Runs only in training (SciPy)."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pycrfsuite

from bot.assistant.components import logistic
from bot.assistant.components.entity_features import Lexicon, span_features, tags, unit_features, units
from bot.assistant.components.entity_model import Entity, EntityModel
from bot.assistant.components.entity_outlook import Outlook
from bot.assistant.components.linear_model import Floats
from bot.assistant.components.linear_training import Counts, Features


@dataclass(frozen=True)
class EntitySettings:
    c1: float
    """L1 regularisation of the CRF: most of its features stay out of the model."""
    c2: float
    max_iterations: int
    strength: float
    """Inverse regularisation of the labels' regression."""
    outlook_ridge: float
    """Regularisation of what the vector makes one expect."""
    labels_in_tags: int
    """Up to so many labels, the CRF's tags carry them: it finds more. With many it would train for minutes."""


def fit(
    texts: Sequence[str],
    vectors: Floats,
    entities: Sequence[Sequence[Entity]],
    settings: EntitySettings,
    known: Iterable[tuple[str, str]] = (),
) -> EntityModel:
    """Raises ValueError when nothing is marked. `vectors`: (n, dimension); `known`: more values with their labels."""
    if not any(entities):
        raise ValueError("no entity is marked in the training examples")
    names = sorted({entity["entity"] for marked in entities for entity in marked})
    with_labels = len(names) <= settings.labels_in_tags
    lexicon = Lexicon.of(texts, entities, known)
    present = [{entity["entity"] for entity in marked} for marked in entities]
    presence = np.array([[name in some for name in names] for some in present], dtype=np.float64)
    outlook, others = outlook_of(vectors, presence, names, settings.outlook_ridge)
    trainer = pycrfsuite.Trainer(verbose=False)
    trainer.set_params({"c1": settings.c1, "c2": settings.c2, "max_iterations": settings.max_iterations})
    counts, rows, labels = [], [], []
    for row, (text, marked) in enumerate(zip(texts, entities, strict=True)):
        sequence, others_know = units(text), lexicon.without(text, marked)
        spans = [(entity["start"], entity["end"]) for entity in marked]
        seen = unit_features(text, sequence, others_know, outlook.features(others[row]))
        trainer.append(seen, tags(sequence, marked, with_labels=with_labels))
        counts += [span_features(text, span, others_know) for span in spans]
        rows += [row] * len(marked)
        labels += [entity["entity"] for entity in marked]
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "crf"
        trainer.train(str(file))
        trained = file.read_bytes()
    counted = Counts.of(counts)
    features = Features.fit(counted, vectors[rows])
    matrix = features.matrix(counted, vectors[rows])
    fitted = logistic.fit(
        matrix,
        np.array([names.index(label) for label in labels]),
        np.ones(len(labels)),
        settings.strength,
        logistic.zeros(matrix, len(names)),
    )
    return EntityModel.of(trained, features.model(names, fitted), lexicon, outlook)


def outlook_of(vectors: Floats, presence: Floats, labels: Sequence[str], ridge: float) -> tuple[Outlook, Floats]:
    """Ridge regression of which labels occur, and for each utterance what the others would have said of it (n, labels):
    the CRF learns to trust what it will see. `presence`: (n, labels), 0 or 1."""
    mean = vectors.mean(axis=0)
    deviation = vectors.std(axis=0)
    scale = 1 / (np.maximum(deviation, deviation.mean() * 1e-3) * np.sqrt(vectors.shape[1]))
    inputs = ((vectors - mean) * scale).astype(np.float64)
    bias = presence.mean(axis=0)
    solved = np.linalg.solve(inputs.T @ inputs + ridge * np.eye(inputs.shape[1]), inputs.T)
    weights = solved @ (presence - bias)
    leverage = np.einsum("ij,ji->i", inputs, solved)[:, None]
    fitted = inputs @ weights + bias
    left_out = presence - (presence - fitted) / np.maximum(1 - leverage, 1e-3)
    outlook = Outlook(tuple(labels), mean, (weights * scale[:, None]).astype(np.float32), bias.astype(np.float32))
    return outlook, left_out
