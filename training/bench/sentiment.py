"""`./kefu bench sentiment`: the sentiment model on labelled texts, through the very code that trains and serves.

Labels are those of the files: the five degrees of our own data, or any of them, such as negative and positive.
"""

import resource
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import orjson
from rich.console import Console
from rich.table import Table

from core.errors import InvalidInput
from core.settings import load_settings
from handoff.sentiment import SentimentModel
from handoff.sentiment.classifier import DEGREES
from handoff.sentiment.quality import quality
from handoff.sentiment.training import SentimentDataError, read_tsv, train
from retrieval.encoder.embedded import EmbeddedEncoder
from retrieval.text import normalise

console = Console(stderr=True, highlight=False)


@dataclass(frozen=True)
class Figures:
    """Of the test file. Times in ms, of one text, normalising and encoding included; memory is the whole process."""

    trained_on: int
    tested_on: int
    accuracy: float
    macro_f1: float
    ece: float
    train_seconds: float
    p50_ms: float
    p95_ms: float
    peak_memory_mb: float


def run(train_file: Path, test_file: Path, json: bool = False) -> None:
    """Prints a table, or JSON. Raises InvalidInput for a file of another form."""
    encoder = EmbeddedEncoder(load_settings().var_dir / "models" / "encoder")
    try:
        figures = measure(train_file, test_file, encoder)
    except SentimentDataError as error:
        raise InvalidInput(str(error)) from error
    if json:
        sys.stdout.write(orjson.dumps(asdict(figures), option=orjson.OPT_INDENT_2).decode() + "\n")
    else:
        _show(figures)


def measure(train_file: Path, test_file: Path, encoder: EmbeddedEncoder) -> Figures:
    known = {label for label, _ in read_tsv(train_file)}
    degrees = tuple(degree for degree in DEGREES if degree in known)
    examples = list(read_tsv(test_file, degrees))
    with tempfile.TemporaryDirectory(prefix="kefu-bench-") as scratch:
        folder = Path(scratch) / "sentiment"
        console.print(f"{train_file.name}: training on {', '.join(degrees)} …")
        started = time.perf_counter()
        train(train_file, encoder, folder, degrees=degrees)
        seconds = time.perf_counter() - started
        model = SentimentModel.load(folder)
    console.print(f"{test_file.name}: scoring {len(examples)} texts …")
    probabilities, times = _scored(model, encoder, [text for _, text in examples])
    labels = np.array([degrees.index(label) for label, _ in examples], dtype=np.intp)
    result = quality(probabilities, labels)
    return Figures(
        trained_on=sum(1 for _ in read_tsv(train_file, degrees)),
        tested_on=len(examples),
        accuracy=result.accuracy,
        macro_f1=result.macro_f1,
        ece=result.ece,
        train_seconds=round(seconds, 1),
        p50_ms=round(float(np.percentile(times, 50)), 2),
        p95_ms=round(float(np.percentile(times, 95)), 2),
        peak_memory_mb=round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
    )


def _scored(
    model: SentimentModel, encoder: EmbeddedEncoder, texts: Sequence[str]
) -> tuple[np.ndarray[tuple[int, int], np.dtype[np.float32]], list[float]]:
    """Probabilities (n, degrees), and the ms that each text took."""
    rows, times = [], []
    for raw in texts:
        started = time.perf_counter()
        text = normalise(raw)
        sentiment = model.score(text, encoder.encode_deep([text])[0])
        times.append((time.perf_counter() - started) * 1000)
        rows.append(list(sentiment.probabilities.values()))
    return np.array(rows, dtype=np.float32), times


def _show(figures: Figures) -> None:
    table = Table(title="Sentiment", show_header=False)
    for name, value in asdict(figures).items():
        table.add_row(name.replace("_", " "), str(value))
    Console(highlight=False).print(table)
