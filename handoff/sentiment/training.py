"""Train the sentiment pipeline: `python -m handoff.sentiment`, or `train(...)` from `./kefu train`.

The ridge is chosen on one fold of a stratified cross-validation, the temperature that calibrates the probabilities is
fitted on the logits out of all folds, and the report gives accuracy and calibration error of both the out-of-fold and
the held-out utterances. How near the texts are to each other is computed once, with a vocabulary of all of them: it
knows no label. Nothing is trained again while data, encoder and this recipe are unchanged.
"""

from __future__ import annotations

import csv
import hashlib
import json
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from scipy.linalg import cho_factor, cho_solve
from scipy.optimize import minimize_scalar
from scipy.sparse import csr_matrix
from sklearn.model_selection import StratifiedKFold

from handoff.sentiment.classifier import DEGREES, Classifier, Supports, softmax
from handoff.sentiment.features import Bags, Floats, TokenFeatures, VectorScaling, bags
from handoff.sentiment.lexicon import LEXICON, Lexicon
from handoff.sentiment.model import blank_pipeline
from handoff.sentiment.quality import AngerGate, Labels, Quality, anger_gate, at_threshold, quality
from retrieval.encoder.protocol import Encoder, Vectors
from retrieval.text import normalise

RECIPE = 5
"""Raise it when a change of this module must lead to a new training."""

FOLDS = 5
RIDGES = (0.02, 0.05, 0.1, 0.2)
BLOCK = 500
"""Texts compared with all others at a time."""
HEADERS = (["degree", "text"], ["label", "text"])
ANGER_PRECISION = 0.9
REPORT = "report.json"


class DeepEncoder(Encoder, Protocol):
    """An encoder that also tells what its middle layer made of a text, where more of the tone is left."""

    def encode_deep(self, texts: Sequence[str]) -> Vectors:
        """(n, 2 * dimension)."""


class SentimentDataError(Exception):
    """The TSV cannot be trained on; the message names file and line."""


@dataclass(frozen=True)
class Report:
    data_hash: str
    encoder: str
    ridge: float
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
    """Rows of utterances: their bags of tokens, labels (n,) into the degrees, and vectors (n, d)."""

    bags: tuple[Bags, ...]
    labels: Labels
    vectors: Floats


def train(
    tsv: Path,
    encoder: DeepEncoder,
    folder: Path,
    held_out: Path | None = None,
    *,
    degrees: tuple[str, ...] = DEGREES,
    lexicon: Path = LEXICON,
) -> Report:
    """Train on `tsv` (header `degree<TAB>text`) into `folder`, which is replaced as a whole.

    `degrees`, the worst first, are those of the data. Raises SentimentDataError naming file and line.
    """
    data_hash = _hash((tsv, held_out, lexicon), encoder, degrees)
    if _trained_hash(folder) == data_hash:
        return Report.load(folder, skipped=True)

    words = Lexicon.read(lexicon)
    examples = _encoded(tsv, encoder, degrees, words)
    tokens, scaling = TokenFeatures.fit(examples.bags, words), VectorScaling.fit(examples.vectors)
    supports, kernel = _compared(examples, tokens, scaling)
    ridge, logits = _cross_validated(kernel, examples.labels)
    temperature = _temperature(logits, examples.labels)
    classifier = Classifier(degrees, tokens, scaling, supports, *_fit(kernel, examples.labels, ridge), temperature)
    calibrated = softmax(logits / temperature)
    anger = anger_gate(calibrated, examples.labels, ANGER_PRECISION)
    tested = None
    if held_out:
        tested = _measure(classifier, _encoded(held_out, encoder, degrees, words), anger.threshold)
    report = Report(
        data_hash=data_hash,
        encoder=encoder.name,
        ridge=ridge,
        temperature=temperature,
        out_of_fold=quality(calibrated, examples.labels),
        held_out=tested[0] if tested else None,
        anger=anger,
        anger_held_out=tested[1] if tested else None,
    )
    _write(classifier, report, folder)
    return report


def read_tsv(path: Path, degrees: Sequence[str] = DEGREES) -> Iterator[tuple[str, str]]:
    """(degree, text) of every line."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        if next(rows, None) not in HEADERS:
            raise SentimentDataError(f"{path}:1: the header must be degree<TAB>text")
        for row in rows:
            if len(row) != 2 or row[0] not in degrees or not row[1].strip():
                wanted = ", ".join(degrees)
                raise SentimentDataError(f"{path}:{rows.line_num}: expected degree<TAB>text, degree one of {wanted}")
            yield row[0], row[1]


def _encoded(path: Path, encoder: DeepEncoder, degrees: Sequence[str], lexicon: Lexicon) -> Examples:
    rows = list(read_tsv(path, degrees))
    labels = np.array([degrees.index(degree) for degree, _ in rows], dtype=np.intp)
    scarce = [degree for column, degree in enumerate(degrees) if (labels == column).sum() < FOLDS]
    if scarce:
        raise SentimentDataError(f"{path}: fewer than {FOLDS} utterances of {', '.join(scarce)}")
    texts = [normalise(text) for _, text in rows]
    # One by one, as they are encoded when served: in a batch, the int8 encoder rounds each by its neighbours.
    vectors = np.concatenate([encoder.encode_deep([text]) for text in texts]).astype(np.float32)
    return Examples(tuple(bags(text, lexicon) for text in texts), labels, vectors)


def _compared(examples: Examples, tokens: TokenFeatures, scaling: VectorScaling) -> tuple[Supports, Floats]:
    """What serves, and the nearness of every text to every other (n, n)."""
    vectors = scaling.transform(examples.vectors)
    matrix = _matrix(tokens, examples.bags)
    squares = (vectors**2).sum(axis=1) + np.asarray(matrix.multiply(matrix).sum(axis=1), dtype=np.float32).ravel()
    kernel = vectors @ vectors.T
    for start in range(0, len(kernel), BLOCK):
        rows = slice(start, start + BLOCK)
        kernel[rows] += (matrix[rows] @ matrix.T).toarray()
        kernel[rows] = np.exp(2 * kernel[rows] - squares[rows, None] - squares)
    columns = matrix.tocsc()
    return Supports(vectors, squares, columns.indptr, columns.indices, columns.data), kernel


def _cross_validated(kernel: Floats, labels: Labels) -> tuple[float, Floats]:
    """The ridge with the least log loss on the first fold, each at its own best temperature; and with it the logits of
    every utterance out of its fold."""
    first, *others = StratifiedKFold(FOLDS, shuffle=True, random_state=0).split(labels, labels)
    truth = labels[first[1]]
    tried = {ridge: _left_out(kernel, labels, ridge, *first) for ridge in RIDGES}
    best = min(tried, key=lambda ridge: _log_loss(tried[ridge] / _temperature(tried[ridge], truth), truth))
    logits = np.zeros((len(labels), tried[best].shape[1]), dtype=np.float32)
    logits[first[1]] = tried[best]
    for kept, left_out in others:
        logits[left_out] = _left_out(kernel, labels, best, kept, left_out)
    return best, logits


def _left_out(kernel: Floats, labels: Labels, ridge: float, kept: Labels, left_out: Labels) -> Floats:
    """Logits of the rows left out, from a model of the rows kept."""
    weights, bias = _fit(kernel[np.ix_(kept, kept)], labels[kept], ridge)
    return np.asarray(kernel[np.ix_(left_out, kept)] @ weights + bias, dtype=np.float32)


def _fit(kernel: Floats, labels: Labels, ridge: float) -> tuple[Floats, Floats]:
    """Weights (n, k) and bias (k,) of the k degrees: least squares towards 1 for the right degree, -1 for others."""
    wanted = np.where(labels[:, None] == np.arange(labels.max() + 1), np.float32(1), np.float32(-1))
    bias = wanted.mean(axis=0)
    ridged = kernel.copy()
    ridged[np.diag_indices_from(ridged)] += ridge
    factor = cho_factor(ridged.T, overwrite_a=True, check_finite=False)  # the same, in LAPACK's order: no other copy
    return np.asarray(cho_solve(factor, wanted - bias), dtype=np.float32), bias


def _matrix(tokens: TokenFeatures, rows: Sequence[Bags]) -> csr_matrix:
    found = [tokens.transform(row) for row in rows]
    starts = np.cumsum([0, *(len(columns) for columns, _ in found)], dtype=np.int32)
    columns = np.concatenate([columns for columns, _ in found]).astype(np.int32)
    values = np.concatenate([values for _, values in found])
    return csr_matrix((values, columns, starts), shape=(len(rows), tokens.width))


def _measure(classifier: Classifier, examples: Examples, threshold: float) -> tuple[Quality, AngerGate]:
    pairs = zip(examples.bags, examples.vectors, strict=True)
    guessed = np.stack([classifier.judge(bag, vector) for bag, vector in pairs])
    return quality(guessed, examples.labels), at_threshold(guessed, examples.labels, threshold)


def _temperature(logits: Floats, labels: Labels) -> float:
    found = minimize_scalar(lambda power: _log_loss(logits / np.exp(power), labels), bounds=(-3, 3), method="bounded")
    return float(np.exp(found.x))


def _log_loss(logits: Floats, labels: Labels) -> float:
    return float(-np.log(softmax(logits)[np.arange(len(labels)), labels] + 1e-9).mean())


def _hash(files: Sequence[Path | None], encoder: DeepEncoder, degrees: Sequence[str]) -> str:
    digest = hashlib.sha256(f"{RECIPE} {encoder.name} {encoder.dimension} {degrees}".encode())
    for path in filter(None, files):
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
