"""Trains the entity model. Runs only in training (SciPy)."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pycrfsuite

from bot.assistant.components import logistic
from bot.assistant.components.entity_features import Lexicon, span_features, tags, unit_features, units
from bot.assistant.components.entity_model import Entity, EntityModel
from bot.assistant.components.linear_model import Floats
from bot.assistant.components.linear_training import Features


@dataclass(frozen=True)
class EntitySettings:
    c1: float
    """L1 regularisation of the CRF: most of its features stay out of the model."""
    c2: float
    max_iterations: int
    strength: float
    """Inverse regularisation of the labels' regression."""
    labels_in_tags: int
    """Up to so many labels, the CRF's tags carry them: it finds more. With many it would train for minutes."""


def fit(
    texts: Sequence[str], vectors: Floats, entities: Sequence[Sequence[Entity]], settings: EntitySettings
) -> EntityModel:
    """Raises ValueError when nothing is marked. `vectors`: (n, dimension)."""
    if not any(entities):
        raise ValueError("no entity is marked in the training examples")
    names = sorted({entity["entity"] for marked in entities for entity in marked})
    with_labels = len(names) <= settings.labels_in_tags
    lexicon = Lexicon.of(texts, entities)
    trainer = pycrfsuite.Trainer(verbose=False)
    trainer.set_params({"c1": settings.c1, "c2": settings.c2, "max_iterations": settings.max_iterations})
    counts, rows, labels = [], [], []
    for row, (text, marked) in enumerate(zip(texts, entities, strict=True)):
        sequence, known = units(text), lexicon.without(text, marked)
        spans = [(entity["start"], entity["end"]) for entity in marked]
        trainer.append(unit_features(text, sequence, known), tags(sequence, marked, with_labels=with_labels))
        counts += [span_features(text, span, known) for span in spans]
        rows += [row] * len(marked)
        labels += [entity["entity"] for entity in marked]
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "crf"
        trainer.train(str(file))
        trained = file.read_bytes()
    features = Features.fit(counts, vectors[rows])
    matrix = features.matrix(counts, vectors[rows])
    fitted = logistic.fit(
        matrix,
        np.array([names.index(label) for label in labels]),
        np.ones(len(labels)),
        settings.strength,
        logistic.zeros(matrix, len(names)),
    )
    return EntityModel.of(trained, features.model(names, fitted), lexicon)
