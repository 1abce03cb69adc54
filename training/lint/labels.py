"""Labels that are likely wrong, and intents that are hardly apart: from what a training's out-of-fold models said."""

import importlib.util
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from training.lint.files import Example
from training.lint.findings import Finding, Level, Place

TOO_CLOSE = 0.15
"""Share of the utterances of the smaller of two intents that are taken for the other."""


def labels(examples: Sequence[Example], out_of_fold: Path) -> Iterator[Finding]:
    """`out_of_fold`: as a version keeps it. Utterances that are not in there, or under another intent, are left out."""
    stored = json.loads(out_of_fold.read_text(encoding="utf-8"))
    names, probabilities = stored["names"], np.array(stored["probabilities"], dtype=np.float64)
    truth = np.array([names.index(intent) for intent in stored["intents"]])
    by_key = {(one.key, one.intent): one for one in examples}
    there = [by_key.get((text.lower().strip(), intent))
             for text, intent in zip(stored["texts"], stored["intents"], strict=True)]  # fmt: skip
    yield from _mislabelled(there, names, truth, probabilities)
    yield from _close(examples, names, truth, probabilities.argmax(axis=1))


def _mislabelled(
    there: Sequence[Example | None], names: Sequence[str], truth: np.ndarray, probabilities: np.ndarray
) -> Iterator[Finding]:
    if importlib.util.find_spec("cleanlab") is None:
        file = next((one.place.file.parent for one in there if one), Path())
        message = "labels are not checked: cleanlab is not installed"
        yield Finding(Level.warning, "label", Place(file, 0), message, "pip install 'kefu[lint]'")
        return
    from cleanlab.filter import find_label_issues

    rows = probabilities / probabilities.sum(axis=1, keepdims=True)
    for index in find_label_issues(truth, rows, return_indices_ranked_by="self_confidence", n_jobs=1):
        if one := there[index]:
            guess = int(rows[index].argmax())
            message = (f"「{one.text}」 is {one.intent} ({rows[index][truth[index]]:.2f}),"
                       f" more likely {names[guess]} ({rows[index][guess]:.2f})")  # fmt: skip
            yield Finding(Level.warning, "label", one.place, message, "move it, reword it, or let it stand")


def _close(
    examples: Sequence[Example], names: Sequence[str], truth: np.ndarray, guesses: np.ndarray
) -> Iterator[Finding]:
    first = {one.intent: one.place for one in reversed(examples)}
    confused = np.zeros((len(names), len(names)))
    np.add.at(confused, (truth, guesses), 1)
    counts = confused.sum(axis=1)
    for one in range(len(names)):
        for other in range(one):
            share = (confused[one, other] + confused[other, one]) / max(min(counts[one], counts[other]), 1)
            if share >= TOO_CLOSE and names[one] in first:
                message = f"{names[one]} and {names[other]} are hardly apart: {share:.0%} are taken for each other"
                place = Place(first[names[one]].file, 0)
                yield Finding(Level.warning, "close", place, message, "sharpen the border, or make them one intent")
