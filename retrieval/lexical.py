"""What texts say literally: postings of character uni- and bigrams, without a word segmenter, for a million texts.

Nothing here is as long as the collection is when a question is asked: rare grams choose texts to look at, and what
speaks for a text is looked up for these alone.
"""

import re
from array import array
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from zlib import crc32

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from retrieval.text import normalise

Keys = NDArray[np.uint32]
Floats = NDArray[np.float64]
Positions = NDArray[np.int64]

# Robertson's usual values; phrasings are short and of like length, so neither matters much.
_K1 = 1.5
_B = 0.75
# So many postings are read to choose texts, those of the most telling grams first.
_MOST_POSTINGS = 20_000
# A run of Latin letters and digits is one unit ("iphone", "7"), every other letter stands alone.
_UNIT = re.compile(r"[a-z0-9]+|[^\W\da-z_]")


def grams(text: str) -> list[str]:
    """Units and pairs of neighbouring units, with repeats."""
    units = _UNIT.findall(normalise(text).lower())
    return units + [left + right for left, right in pairwise(units)]


def keys_of(text: str) -> Keys:
    """The text's grams as sorted numbers, each once. Of a million grams about a hundred pairs share a number."""
    return np.array(sorted({crc32(gram.encode()) for gram in grams(text)}), np.uint32)


def telling(found_in: NDArray[np.int64], size: int) -> Floats:
    """IDF of grams that so many of `size` texts have; one that no text has is most telling."""
    idf: Floats = np.log1p((size - found_in + 0.5) / (found_in + 0.5))
    return idf


@dataclass(frozen=True)
class Postings:
    """Gram `vocabulary[g]` stands in the texts `texts[starts[g]:starts[g + 1]]` (rising), `times` in each.
    `norms` (size,): what BM25 holds against a text's length."""

    vocabulary: Keys
    starts: Positions
    texts: NDArray[np.int32]
    times: NDArray[np.uint8]
    norms: NDArray[np.float32]

    @classmethod
    def of(cls, texts: Iterable[str]) -> "Postings":
        keys, ends = array("I"), array("q", [0])
        for text in texts:
            keys.extend([crc32(gram.encode()) for gram in grams(text)])
            ends.append(len(keys))
        return cls._collected(np.frombuffer(keys, np.uint32), np.frombuffer(ends, np.int64))

    @classmethod
    def _collected(cls, keys: Keys, ends: Positions) -> "Postings":
        vocabulary = np.unique(keys)
        of_text = np.searchsorted(vocabulary, keys).astype(np.int32)
        ones, size = np.ones(len(keys), np.uint8), len(ends) - 1
        turned = csr_array((ones, of_text, ends), shape=(size, len(vocabulary))).tocsc()
        turned.sum_duplicates()
        starts, found = turned.indptr.astype(np.int64), turned.indices.astype(np.int32, copy=False)
        lengths = np.diff(ends)
        norms = _K1 * (1 - _B + _B * lengths / max(float(lengths.mean()) if size else 0.0, 1.0))
        return cls(vocabulary, starts, found, turned.data, norms.astype(np.float32))

    @property
    def size(self) -> int:
        return len(self.norms)

    def found_in(self, keys: Keys) -> Positions:
        """(k,): how many texts have each gram."""
        first, last = self._spans(keys)
        return last - first

    def counts(self, keys: Keys, positions: Positions) -> NDArray[np.uint8]:
        """(k, n): how often each of the texts has each gram."""
        counts = np.zeros((len(keys), len(positions)), np.uint8)
        for row, (first, last) in enumerate(zip(*self._spans(keys), strict=True)):
            if first < last and len(positions):
                at = np.minimum(first + np.searchsorted(self.texts[first:last], positions), last - 1)
                counts[row] = np.where(self.texts[at] == positions, self.times[at], 0)
        return counts

    def best(self, keys: Keys, idf: Floats, count: int) -> Positions:
        """About the `count` texts with the most BM25 from the question's most telling grams, unordered, each once."""
        firsts, lasts = self._spans(keys)
        room, weights = _MOST_POSTINGS, []
        spans: list[slice] = []
        for gram in np.argsort(-idf, kind="stable"):
            first, last = int(firsts[gram]), int(lasts[gram])
            if first < last and (last - first <= room or not spans):
                last = min(last, first + room)
                room -= last - first
                spans.append(slice(first, last))
                weights.append(np.full(last - first, idf[gram]))
        if not spans:
            return np.empty(0, np.int64)
        texts = np.concatenate([self.texts[span] for span in spans])
        times = np.concatenate([self.times[span] for span in spans])
        scores = np.bincount(texts, np.concatenate(weights) * _saturated(times, self.norms[texts]))[texts]
        # A text stands here once for each gram it has.
        most = min(count * len(spans), len(texts))
        top = np.argpartition(scores, len(texts) - most)[len(texts) - most :]
        found, where = np.unique(texts[top], return_index=True)
        kept = np.argsort(-scores[top][where], kind="stable")[:count]
        return found[kept].astype(np.int64)

    def _spans(self, keys: Keys) -> tuple[Positions, Positions]:
        """First and last place of each gram's postings; empty spans for those that no text has."""
        if not len(self.vocabulary):
            return np.zeros(len(keys), np.int64), np.zeros(len(keys), np.int64)
        at = np.minimum(np.searchsorted(self.vocabulary, keys), len(self.vocabulary) - 1)
        known = self.vocabulary[at] == keys
        return np.where(known, self.starts[at], 0), np.where(known, self.starts[at + 1], 0)


def _saturated(times: NDArray[np.uint8], norm: NDArray[np.float32]) -> Floats:
    often = times.astype(np.float64)
    shares: Floats = often * (_K1 + 1) / (often + norm)
    return shares
