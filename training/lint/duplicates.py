"""The same thing said twice: under two intents or entries, or in training and held-out data, exactly or almost."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_matrix
from sklearn.feature_extraction.text import TfidfVectorizer

from retrieval.text import normalise
from training.lint.files import Files, Row
from training.lint.findings import Finding, Level, Place

NEAR = 0.86
"""Cosine of character 1- to 3-grams."""
LEARNED, CALIBRATED, MEASURED = range(3)
_USES = ("trained on", "calibrated on", "measured on")
SHORTEST = 5
"""Characters; shorter utterances are alike by nature."""


@dataclass(frozen=True)
class _Said:
    place: Place
    text: str
    label: str
    stage: int
    """0: learned from; 1: calibrated on; 2: measured on. Each must be new to the ones before."""
    what: str

    @property
    def key(self) -> str:
        return normalise(self.text).lower().strip(" ，。！？,.!?~～")


def utterances(files: Files) -> Iterator[Finding]:
    found = [_Said(one.place, one.text, one.intent, LEARNED, "intent") for one in files.train]
    found += [_Said(one.place, one.text, one.intent, MEASURED, "intent") for one in files.held_out]
    yield from _same(found)
    yield from _near(found)


def phrasings(files: Files) -> Iterator[Finding]:
    """Questions of the knowledge base, and those that measure it."""
    found = [_Said(one.place, one.text, one.entry, LEARNED, "entry") for one in files.phrasings]
    found += _rows(files.questions, "entry", CALIBRATED) + _rows(files.held_out_questions, "entry", MEASURED)
    yield from _same(found)


def moods(files: Files) -> Iterator[Finding]:
    found = _rows(files.moods, "degree", LEARNED) + _rows(files.held_out_moods, "degree", MEASURED)
    yield from _same(found)
    yield from _near(found)


def _same(found: Sequence[_Said]) -> Iterator[Finding]:
    by_key: dict[str, list[_Said]] = defaultdict(list)
    for one in found:
        if one.key:
            by_key[one.key].append(one)
    for same in by_key.values():
        first = same[0]
        for other in same[1:]:
            if other.label != first.label:
                message = (
                    f"「{other.text}」 is {other.what} {other.label or 'none'} here and {first.label or 'none'} at"
                )
                yield _at(other, "two labels", Level.error, f"{message} {first.place}", "keep it where it belongs")
            elif other.stage != first.stage:
                message = f"「{other.text}」 is also {_USES[first.stage]}: {first.place}"
                yield _at(other, "leak", Level.error, message, "what measures must be new: reword it")
            else:
                yield _at(
                    other, "twice", Level.warning, f"「{other.text}」 stands at {first.place} already", "remove one"
                )


def _near(found: Sequence[_Said]) -> Iterator[Finding]:
    """Across training and held-out data, and across labels: there it misleads. Within one label it does no harm."""
    long = [one for one in found if len(one.key) >= SHORTEST]
    if len(long) < 2:
        return
    grams = TfidfVectorizer(analyzer="char", ngram_range=(1, 3), sublinear_tf=True, dtype=np.float32)
    rows = csr_matrix(grams.fit_transform([one.key for one in long]))
    for start in range(0, len(long), _BLOCK):
        alike = (rows[start : start + _BLOCK] @ rows.T).tocoo()
        close = alike.data >= NEAR
        for row, column in zip(alike.row[close] + start, alike.col[close], strict=True):
            one, other = long[row], long[column]
            if column >= row or one.key == other.key:
                continue
            later, first = (one, other) if one.stage >= other.stage else (other, one)
            if later.stage != first.stage:
                message = f"「{later.text}」 is nearly 「{first.text}」, which is {_USES[first.stage]}: {first.place}"
                yield _at(later, "near leak", Level.warning, message, "what measures must be new: reword it")
            elif later.label != first.label:
                message = f"「{later.text}」 ({later.label}) is nearly 「{first.text}」 ({first.label}): {first.place}"
                yield _at(later, "near labels", Level.warning, message, f"is the {later.what} right?")


_BLOCK = 512


def _rows(rows: Sequence[Row], what: str, stage: int) -> list[_Said]:
    return [_Said(row.place, row.text, row.label, stage, what) for row in rows]


def _at(said: _Said, check: str, level: Level, message: str, hint: str) -> Finding:
    return Finding(level, check, said.place, message, hint)
