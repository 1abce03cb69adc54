"""BM25 over character uni- and bigrams: what a question says literally, without a word segmenter."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from retrieval.text import normalise

# Robertson's usual values; phrasings are short and of like length, so neither matters much.
_K1 = 1.5
_B = 0.75
# A run of Latin letters and digits is one unit ("iphone", "7"), every other letter stands alone.
_UNIT = re.compile(r"[a-z0-9]+|[^\W\da-z_]")


@dataclass(frozen=True)
class Match:
    """How each indexed text (size,) agrees with a question: `bm25`, and which share of the question it covers (0..1),
    weighted by how telling each gram is (IDF). A gram that no text has counts as most telling."""

    bm25: NDArray[np.float32]
    coverage: NDArray[np.float32]


def grams(text: str) -> list[str]:
    """Units and pairs of neighbouring units, with repeats."""
    units = _UNIT.findall(normalise(text).lower())
    return units + [left + right for left, right in pairwise(units)]


class LexicalIndex:
    """An inverted index in flat arrays: gram g stands in `_texts[_starts[g]:_starts[g + 1]]`, each with its impact."""

    def __init__(self, texts: Sequence[str]) -> None:
        counts = [Counter(grams(text)) for text in texts]
        self.size = len(counts)
        self._ids: dict[str, int] = {}
        for count in counts:
            for gram in count:
                self._ids.setdefault(gram, len(self._ids))
        lengths = np.array([count.total() for count in counts], np.float32)
        text_of = np.repeat(np.arange(self.size), [len(count) for count in counts])
        gram_of = np.array([self._ids[gram] for count in counts for gram in count], np.int64)
        frequency = np.array([times for count in counts for times in count.values()], np.float32)
        found_in = np.bincount(gram_of, minlength=len(self._ids))
        self._idf = np.log1p((self.size - found_in + 0.5) / (found_in + 0.5))
        self._idf_unseen = float(np.log1p((self.size + 0.5) / 0.5))
        norm = _K1 * (1 - _B + _B * lengths / max(float(lengths.sum()) / max(self.size, 1), 1.0))
        impact = self._idf[gram_of] * frequency * (_K1 + 1) / (frequency + norm[text_of])
        order = np.argsort(gram_of, kind="stable")
        self._starts = np.concatenate([[0], np.cumsum(found_in)])
        self._texts = text_of[order].astype(np.int32)
        self._impacts = impact[order].astype(np.float32)

    def coverage_by(self, question: str, text: str) -> float:
        """What `coverage` would be for one more text, with every gram as telling as it is here."""
        asked = {gram: self._weight(gram) for gram in grams(question)}
        return sum(asked[gram] for gram in asked.keys() & set(grams(text))) / max(sum(asked.values()), 1e-9)

    def match(self, question: str) -> Match:
        asked = set(grams(question))
        known = [self._ids[gram] for gram in asked if gram in self._ids]
        if not known:
            return Match(np.zeros(self.size, np.float32), np.zeros(self.size, np.float32))
        spans = [slice(self._starts[gram], self._starts[gram + 1]) for gram in known]
        texts = np.concatenate([self._texts[span] for span in spans])
        impacts = np.concatenate([self._impacts[span] for span in spans])
        telling = self._idf[known]
        total = float(telling.sum()) + self._idf_unseen * (len(asked) - len(known))
        covered = np.bincount(texts, np.repeat(telling, [span.stop - span.start for span in spans]), self.size)
        bm25 = np.bincount(texts, impacts, self.size)
        return Match(bm25.astype(np.float32), (covered / total).astype(np.float32))

    def _weight(self, gram: str) -> float:
        known = self._ids.get(gram)
        return self._idf_unseen if known is None else float(self._idf[known])
