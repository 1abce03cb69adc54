"""Train the sentiment pipeline: `python -m handoff.sentiment`, or `train(...)` from `./kefu train`.

The strength of the regularisation is chosen by stratified cross-validation, the temperature that calibrates the
probabilities is fitted on the out-of-fold logits, and the report gives accuracy and calibration error of both the
out-of-fold and the held-out utterances. Nothing is trained again while data, encoder and this recipe are unchanged.
"""

from __future__ import annotations

import csv
import hashlib
import json
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.sparse import csr_matrix, hstack, spmatrix
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold

from handoff.sentiment.classifier import DEGREES, Classifier, Floats, NgramVocabulary, VectorScaling, softmax
from handoff.sentiment.model import blank_pipeline
from handoff.sentiment.quality import AngerGate, Labels, Quality, anger_gate, at_threshold, quality
from retrieval.encoder.protocol import Encoder
from retrieval.text import normalise

RECIPE = 2
"""Raise it when a change of this module must lead to a new training."""

FOLDS = 5
STRENGTHS = (1.0, 3.0, 10.0, 30.0, 100.0)
MIN_TEXTS = 2
ANGER_PRECISION = 0.9
REPORT = "report.json"


class SentimentDataError(Exception):
    """The TSV cannot be trained on; the message names file and line."""


@dataclass(frozen=True)
class Report:
    data_hash: str
    encoder: str
    strength: float
    temperature: float
    out_of_fold: Quality
    held_out: Quality | None
    anger: AngerGate
    """Calibrated out of fold; `handoff/thresholds.json` follows it."""
    anger_held_out: AngerGate | None
    skipped: bool = False
    """True: nothing had changed, the model in the folder was kept."""

    def as_json(self) -> dict[str, Any]:
        data = asdict(self)
        del data["skipped"]
        return data

    @classmethod
    def load(cls, folder: Path, skipped: bool) -> Report:
        data = json.loads((folder / REPORT).read_text(encoding="utf-8"))
        kinds = {"out_of_fold": Quality, "held_out": Quality, "anger": AngerGate, "anger_held_out": AngerGate}
        parts = {name: kind(**data[name]) if data[name] else None for name, kind in kinds.items()}
        return cls(**{**data, **parts, "skipped": skipped})


@dataclass(frozen=True)
class Examples:
    texts: tuple[str, ...]
    labels: Labels
    vectors: Floats

    def part(self, rows: Labels) -> Examples:
        return Examples(tuple(self.texts[row] for row in rows), self.labels[rows], self.vectors[rows])


def train(tsv: Path, encoder: Encoder, folder: Path, held_out: Path | None = None) -> Report:
    """Train on `tsv` (header `degree<TAB>text`) into `folder`, which is replaced as a whole.

    Raises SentimentDataError naming file and line.
    """
    data_hash = _hash(tsv, held_out, encoder)
    if _trained_hash(folder) == data_hash:
        return Report.load(folder, skipped=True)

    examples = _encoded(tsv, encoder)
    strength, logits = _choose_strength(examples)
    temperature = _temperature(logits, examples.labels)
    classifier = _fit(examples, strength, temperature)
    calibrated = softmax(logits / temperature)
    anger = anger_gate(calibrated, examples.labels, ANGER_PRECISION)
    tested = _measure(classifier, _encoded(held_out, encoder), anger.threshold) if held_out else (None, None)
    report = Report(
        data_hash=data_hash,
        encoder=encoder.name,
        strength=strength,
        temperature=temperature,
        out_of_fold=quality(calibrated, examples.labels),
        held_out=tested[0],
        anger=anger,
        anger_held_out=tested[1],
    )
    _write(classifier, report, folder)
    return report


def read_tsv(path: Path) -> Iterator[tuple[str, str]]:
    """(degree, text) of every line."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        if next(rows, None) != ["degree", "text"]:
            raise SentimentDataError(f"{path}:1: the header must be degree<TAB>text")
        for row in rows:
            if len(row) != 2 or row[0] not in DEGREES or not row[1].strip():
                wanted = ", ".join(DEGREES)
                raise SentimentDataError(f"{path}:{rows.line_num}: expected degree<TAB>text, degree one of {wanted}")
            yield row[0], row[1]


def _encoded(path: Path, encoder: Encoder) -> Examples:
    rows = list(read_tsv(path))
    labels = np.array([DEGREES.index(degree) for degree, _ in rows], dtype=np.intp)
    scarce = [degree for column, degree in enumerate(DEGREES) if (labels == column).sum() < FOLDS]
    if scarce:
        raise SentimentDataError(f"{path}: fewer than {FOLDS} utterances of {', '.join(scarce)}")
    texts = tuple(normalise(text) for _, text in rows)
    return Examples(texts, labels, np.asarray(encoder.encode(texts), dtype=np.float32))


def _choose_strength(examples: Examples) -> tuple[float, Floats]:
    """The strength with the least out-of-fold log loss (each at its own best temperature), and its logits."""
    folds = list(StratifiedKFold(FOLDS, shuffle=True, random_state=0).split(examples.texts, examples.labels))
    best: tuple[float, float, Floats] | None = None
    for strength in STRENGTHS:
        logits = np.zeros((len(examples.texts), len(DEGREES)), dtype=np.float32)
        for kept, left_out in folds:
            fold = examples.part(left_out)
            logits[left_out] = np.log(_predict(_fit(examples.part(kept), strength, temperature=1.0), fold) + 1e-9)
        loss = _log_loss(logits / _temperature(logits, examples.labels), examples.labels)
        if best is None or loss < best[0]:
            best = (loss, strength, logits)
    assert best is not None
    return best[1], best[2]


def _fit(examples: Examples, strength: float, temperature: float) -> Classifier:
    vocabulary = NgramVocabulary.fit(examples.texts, MIN_TEXTS)
    scaling = VectorScaling.fit(examples.vectors)
    features = hstack([csr_matrix(scaling.transform(examples.vectors)), _matrix(vocabulary, examples.texts)]).tocsr()
    regression = LogisticRegression(C=strength, max_iter=1000).fit(features, examples.labels)
    weights = np.asarray(regression.coef_.T, dtype=np.float32)
    dimension = examples.vectors.shape[1]
    bias = np.asarray(regression.intercept_, dtype=np.float32)
    return Classifier(vocabulary, scaling, weights[:dimension], weights[dimension:], bias, temperature)


def _matrix(vocabulary: NgramVocabulary, texts: Sequence[str]) -> spmatrix:
    rows = [vocabulary.transform(text) for text in texts]
    starts = np.cumsum([0, *(len(columns) for columns, _ in rows)])
    columns = np.concatenate([columns for columns, _ in rows])
    values = np.concatenate([values for _, values in rows])
    return csr_matrix((values, columns, starts), shape=(len(texts), len(vocabulary.index)))


def _predict(classifier: Classifier, examples: Examples) -> Floats:
    pairs = zip(examples.texts, examples.vectors, strict=True)
    return np.stack([classifier.probabilities(text, vector) for text, vector in pairs])


def _measure(classifier: Classifier, examples: Examples, threshold: float) -> tuple[Quality, AngerGate]:
    guessed = _predict(classifier, examples)
    return quality(guessed, examples.labels), at_threshold(guessed, examples.labels, threshold)


def _temperature(logits: Floats, labels: Labels) -> float:
    found = minimize_scalar(lambda power: _log_loss(logits / np.exp(power), labels), bounds=(-3, 3), method="bounded")
    return float(np.exp(found.x))


def _log_loss(logits: Floats, labels: Labels) -> float:
    return float(-np.log(softmax(logits)[np.arange(len(labels)), labels] + 1e-9).mean())


def _hash(tsv: Path, held_out: Path | None, encoder: Encoder) -> str:
    digest = hashlib.sha256(f"{RECIPE} {encoder.name} {encoder.dimension}".encode())
    for path in filter(None, (tsv, held_out)):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _trained_hash(folder: Path) -> str | None:
    path = folder / REPORT
    return json.loads(path.read_text(encoding="utf-8"))["data_hash"] if path.exists() else None


def _write(classifier: Classifier, report: Report, folder: Path) -> None:
    """Beside the old model first: a training that is cut short leaves the old one whole."""
    fresh = folder.with_name(folder.name + ".new")
    shutil.rmtree(fresh, ignore_errors=True)
    blank_pipeline(classifier).to_disk(fresh)
    (fresh / REPORT).write_text(json.dumps(report.as_json(), indent=2), encoding="utf-8")
    shutil.rmtree(folder, ignore_errors=True)
    fresh.rename(folder)
