"""What a text shows beside its sentence vector: bags of tokens of several kinds, each weighed by tf-idf of its own."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from handoff.sentiment.lexicon import Lexicon
from retrieval.text import normalise

Floats = NDArray[np.float32]
Bags = Mapping[str, Counter[str]]

WEIGHTS = {"characters": 0.2**0.5, "negated": 0.03**0.5, "shape": 0.015**0.5, "words": 0.03**0.5}
"""The kinds of bags and the length of each one's row."""

LAYER_WEIGHTS = (0.2**0.5, 0.3**0.5)
"""The length or so of a vector's halves, the encoder's last layer and its middle one. All were chosen together by
cross-validation: the squares say how much each part has to say in a distance."""

DIRECTIONS = 256
"""Of the vectors, those along which texts differ most; the other 512 change no figure and cost most of the time."""

NGRAM_SIZES = (1, 2, 3, 4)
NEGATED_SIZES = (1, 2, 3)
NEGATED_REACH = 5
MIN_TEXTS = 2

_CLAUSE_END = re.compile(r"[\s,.。!?;~…、]+|但是|但|不过|就是|可是")
_NEGATION = re.compile(r"没有|不是|没|不|别|未|无|甭|莫|冇|难以|谈不上|算不上|说不上")


def bags(text: str, lexicon: Lexicon) -> Bags:
    """One bag for every kind in WEIGHTS, of the normalised, lower-cased text."""
    text = normalise(text).lower()
    clauses = [clause for clause in _CLAUSE_END.split(text) if clause]
    return {
        "characters": ngrams(f"^{text}$", NGRAM_SIZES),
        "negated": _negated(clauses),
        "shape": _shape(text, len(clauses)),
        "words": _word_kinds(tuple(lexicon.find(text))),
    }


def ngrams(text: str, sizes: Sequence[int]) -> Counter[str]:
    return Counter(text[i : i + size] for size in sizes for i in range(len(text) - size + 1))


def _negated(clauses: Sequence[str]) -> Counter[str]:
    """N-grams of what follows a negation within its clause: 好用 in 不好用 is another word than 好用."""
    bag: Counter[str] = Counter()
    for clause in clauses:
        for match in _NEGATION.finditer(clause):
            bag.update(ngrams(clause[match.end() : match.end() + NEGATED_REACH], NEGATED_SIZES))
    return bag


def _shape(text: str, clauses: int) -> Counter[str]:
    bag = Counter({mark: text.count(mark) for mark in "!?~。…" if mark in text})
    bag[f"length {min(int(math.log2(len(text) + 1)), 6)}"] = 1
    bag[f"clauses {min(clauses, 5)}"] = 1
    return bag


def _word_kinds(kinds: Sequence[str]) -> Counter[str]:
    """Kinds, kinds in a row, kinds together, and the last: praise and then a fault is irony, the reverse a pardon."""
    bag = Counter(kinds)
    bag.update(f"{one} > {next_}" for one, next_ in pairwise(kinds))
    bag.update(f"{one} & {other}" for one in set(kinds) for other in set(kinds) if one < other)
    bag[f"{kinds[-1] if kinds else 'none'} $"] = 1
    return bag


@dataclass(frozen=True)
class Vocabulary:
    """Sublinear tf-idf over the tokens seen in at least MIN_TEXTS bags; every row has length 1 (or 0)."""

    index: dict[str, int]
    idf: Floats

    @classmethod
    def fit(cls, rows: Sequence[Counter[str]]) -> Vocabulary:
        seen = Counter(token for row in rows for token in row)
        kept = sorted(token for token, count in seen.items() if count >= MIN_TEXTS)
        idf = [np.log((1 + len(rows)) / (1 + seen[token])) + 1 for token in kept]
        return cls({token: column for column, token in enumerate(kept)}, np.asarray(idf, dtype=np.float32))

    def transform(self, row: Counter[str]) -> tuple[NDArray[np.intp], Floats]:
        """Columns and their values."""
        known = [(self.index[token], count) for token, count in row.items() if token in self.index]
        columns = np.array([column for column, _ in known], dtype=np.intp)
        values = (1 + np.log(np.array([count for _, count in known], dtype=np.float32))) * self.idf[columns]
        return columns, values / max(float(np.linalg.norm(values)), 1e-9)


@dataclass(frozen=True)
class TokenFeatures:
    """The vocabularies of all kinds side by side, in the order of WEIGHTS."""

    lexicon: Lexicon
    vocabularies: Mapping[str, Vocabulary]

    @classmethod
    def fit(cls, rows: Sequence[Bags], lexicon: Lexicon) -> TokenFeatures:
        return cls(lexicon, {kind: Vocabulary.fit([row[kind] for row in rows]) for kind in WEIGHTS})

    @property
    def width(self) -> int:
        return sum(len(vocabulary.index) for vocabulary in self.vocabularies.values())

    def transform(self, row: Bags) -> tuple[NDArray[np.intp], Floats]:
        """Columns and their values. `row`: the `bags` of a text."""
        start, columns, values = 0, [], []
        for kind, weight in WEIGHTS.items():
            vocabulary = self.vocabularies[kind]
            found, value = vocabulary.transform(row[kind])
            columns.append(found + start)
            values.append(value * np.float32(weight))
            start += len(vocabulary.index)
        return np.concatenate(columns), np.concatenate(values)


@dataclass(frozen=True)
class VectorScaling:
    """Centres vectors, weighs their halves by LAYER_WEIGHTS and keeps the main directions. Raw e5 vectors differ by
    little and would be drowned out by the tokens."""

    mean: Floats
    projection: Floats
    """(d, DIRECTIONS or fewer)."""

    @classmethod
    def fit(cls, vectors: Floats) -> VectorScaling:
        half = vectors.shape[1] // 2
        weights = np.repeat(LAYER_WEIGHTS, half) / np.sqrt(half)
        mean, scale = vectors.mean(axis=0), weights / np.maximum(vectors.std(axis=0), 1e-6)
        scaled = (vectors - mean) * scale
        _, directions = np.linalg.eigh(scaled.T @ scaled)  # the main ones last
        return cls(mean, np.asarray(scale[:, None] * directions[:, -DIRECTIONS:], dtype=np.float32))

    def transform(self, vectors: Floats) -> Floats:
        return np.asarray((vectors - self.mean) @ self.projection, dtype=np.float32)
