"""What texts say literally: postings of character uni- and bigrams, without a word segmenter, for a million texts.

Nothing here is as long as the collection is when a question is asked: rare grams choose texts to look at, and what
speaks for a text is looked up for these alone.
"""

import re
from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from retrieval.columns import Column, Positions, Rows, append, gathered, opened
from retrieval.text import normalise

Keys = NDArray[np.uint32]
Floats = NDArray[np.float64]

# Robertson's usual values; phrasings are short and of like length, so neither matters much.
_K1 = 1.5
_B = 0.75
# So many postings are read to choose texts, those of the most telling grams first.
_MOST_POSTINGS = 20_000
# So many grams are turned into postings at once: 400 MB.
_AT_ONCE = 10_000_000
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
    """Gram `vocabulary[g]` stands in the texts `texts[starts[g]:starts[g + 1]]` (rising), `times` in each. Text t says
    the grams `said[ends[t]:ends[t + 1]]`. `norms` (size,): what BM25 holds against a text's length."""

    vocabulary: Keys
    starts: Positions
    norms: NDArray[np.float32]
    ends: Positions
    texts: Rows
    times: Rows
    said: Rows

    @classmethod
    def of(cls, texts: Iterable[str]) -> "Postings":
        said, ends = _said(texts)
        vocabulary, found_in, found, times = _turned(said, np.repeat(np.arange(len(ends) - 1), np.diff(ends)))
        return cls(vocabulary, _sums(found_in), _norms(ends), ends, found, times, said)

    @classmethod
    def read(cls, path: Path, in_memory: bool) -> "Postings":
        """As `PostingsWriter` wrote them."""
        with np.load(_file(path, "npz")) as kept:
            vocabulary, starts, ends = kept["vocabulary"], kept["starts"], kept["ends"]
        return cls(
            vocabulary,
            starts,
            _norms(ends),
            ends,
            opened(_file(path, "texts"), np.int32, in_memory),
            opened(_file(path, "times"), np.uint8, in_memory),
            opened(_file(path, "said"), np.uint32, in_memory),
        )

    @property
    def size(self) -> int:
        return len(self.norms)

    def found_in(self, keys: Keys) -> Positions:
        """(k,): how many texts have each gram."""
        first, last = self._spans(keys)
        return last - first

    def counts(self, keys: Keys, positions: Positions) -> NDArray[np.int64]:
        """(k, n): how often each of the texts has each gram; `keys` rising."""
        if not len(keys) or not len(positions):
            return np.zeros((len(keys), len(positions)), np.int64)
        firsts, lasts = self.ends[positions], self.ends[positions + 1]
        said = gathered(self.said, firsts, lasts)
        alike = np.zeros(1 << 16, bool)  # by the lower half of the number, which leaves few to be looked up
        alike[keys & 0xFFFF] = True
        at = np.flatnonzero(alike[said & 0xFFFF])
        row = np.minimum(np.searchsorted(keys, said[at]), len(keys) - 1)
        place = row * len(positions) + np.searchsorted(np.cumsum(lasts - firsts), at, side="right")
        counted = np.bincount(place[keys[row] == said[at]], minlength=len(keys) * len(positions))
        return counted.reshape(len(keys), len(positions))

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
        order = np.argsort(texts, kind="stable")  # quick, for each gram's texts are in order
        texts, times, weight = texts[order], times[order], np.concatenate(weights)[order]
        firsts = np.flatnonzero(np.diff(texts, prepend=-1))
        scores = np.add.reduceat(weight * _saturated(times, self.norms[texts]), firsts)
        least = max(len(scores) - count, 0)
        return texts[firsts[np.argpartition(scores, least)[least:]]].astype(np.int64)

    def _spans(self, keys: Keys) -> tuple[Positions, Positions]:
        """First and last place of each gram's postings; empty spans for those that no text has."""
        if not len(self.vocabulary):
            return np.zeros(len(keys), np.int64), np.zeros(len(keys), np.int64)
        at = np.minimum(np.searchsorted(self.vocabulary, keys), len(self.vocabulary) - 1)
        known = self.vocabulary[at] == keys
        return np.where(known, self.starts[at], 0), np.where(known, self.starts[at + 1], 0)


class PostingsWriter:
    """Postings of any number of texts into files that begin with `path`, in little memory."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._ends: list[Positions] = [np.zeros(1, np.int64)]
        self._said = 0
        self._high = np.zeros(1 << 16, np.int64)  # grams said by the upper half of their number

    def add(self, texts: Iterable[str]) -> None:
        said, ends = _said(texts)
        append(_file(self._path, "said"), said)
        self._ends.append(ends[1:] + self._said)
        self._said += len(said)
        self._high += np.bincount(said >> 16, minlength=len(self._high))

    def finish(self) -> None:
        """Turns what the texts say into what says each gram, some grams after the others."""
        ends = np.concatenate(self._ends)
        said = Column(_file(self._path, "said"), np.uint32)
        vocabulary, found_in = [np.empty(0, np.uint32)], [np.empty(0, np.int64)]
        for name in ("texts", "times"):
            append(_file(self._path, name), np.empty(0, np.uint8))
        for least, most in _ranges(self._high):
            grams, counts, texts, times = _turned(*_between(said, ends, least, most))
            vocabulary.append(grams)
            found_in.append(counts)
            append(_file(self._path, "texts"), texts)
            append(_file(self._path, "times"), times)
        starts = _sums(np.concatenate(found_in))
        np.savez(_file(self._path, "npz"), vocabulary=np.concatenate(vocabulary), starts=starts, ends=ends)


def _file(path: Path, kind: str) -> Path:
    return path.with_name(f"{path.name}.{kind}")


def _said(texts: Iterable[str]) -> tuple[Keys, Positions]:
    """The grams of all texts one after the other, and where each text begins and ends."""
    keys, ends = array("I"), array("q", [0])
    for text in texts:
        keys.extend([crc32(gram.encode()) for gram in grams(text)])
        ends.append(len(keys))
    return np.frombuffer(keys, np.uint32), np.frombuffer(ends, np.int64)


def _turned(said: Keys, texts: Positions) -> tuple[Keys, Positions, NDArray[np.int32], NDArray[np.uint8]]:
    """From grams and the text that says each, in the order of texts: each gram once (rising), in how many texts it is,
    these texts, and how often it is in each."""
    order = np.argsort(said, kind="stable")
    said, texts = said[order], texts[order]
    new = np.ones(len(said), bool)
    new[1:] = (said[1:] != said[:-1]) | (texts[1:] != texts[:-1])
    first = np.flatnonzero(new)
    times = np.minimum(np.diff(first, append=len(said)), 255).astype(np.uint8)
    vocabulary, found_in = np.unique(said[first], return_counts=True)
    return vocabulary, found_in.astype(np.int64), texts[first].astype(np.int32), times


def _ranges(high: Positions) -> Iterator[tuple[int, int]]:
    """Upper halves of gram numbers, first and last, that are said so often together as may be turned at once."""
    groups = (np.cumsum(high) - high) // _AT_ONCE
    starts = np.flatnonzero(np.diff(groups, prepend=-1))
    yield from zip(starts.tolist(), [*(starts[1:] - 1).tolist(), len(high) - 1], strict=True)


def _between(said: Column, ends: Positions, least: int, most: int) -> tuple[Keys, Positions]:
    """The grams with such an upper half, and the text that says each."""
    keys, places = [], []
    for start in range(0, len(said), _AT_ONCE):
        part = said[start : start + _AT_ONCE]
        [at] = np.nonzero((part >> 16 >= least) & (part >> 16 <= most))
        keys.append(part[at])
        places.append(at + start)
    if not keys:
        return np.empty(0, np.uint32), np.empty(0, np.int64)
    return np.concatenate(keys), np.searchsorted(ends, np.concatenate(places), side="right") - 1


def _sums(counts: Positions) -> Positions:
    return np.concatenate([[0], np.cumsum(counts, dtype=np.int64)])


def _norms(ends: Positions) -> NDArray[np.float32]:
    lengths = np.diff(ends)
    norms = _K1 * (1 - _B + _B * lengths / max(float(lengths.mean()) if len(lengths) else 0.0, 1.0))
    return norms.astype(np.float32)


def _saturated(times: NDArray[np.uint8], norm: NDArray[np.float32]) -> Floats:
    often = times.astype(np.float64)
    shares: Floats = often * (_K1 + 1) / (often + norm)
    return shares
