"""BM25 over character uni- and bigrams: what a question says literally, without a word segmenter."""

import re
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from retrieval.text import normalise

# Robertson's usual values; phrasings are short and of like length, so neither matters much.
_K1 = 1.5
_B = 0.75
# A run of Latin letters and digits is one unit ("iphone", "7"), every other letter stands alone.
_UNIT = re.compile(r"[a-z0-9]+|[^\W\da-z_]")


def grams(text: str) -> list[str]:
    """Units and pairs of neighbouring units, in order, with repeats."""
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
        posting_text = np.repeat(np.arange(self.size), [len(count) for count in counts])
        posting_gram = np.array([self._ids[gram] for count in counts for gram in count], np.int64)
        frequency = np.array([times for count in counts for times in count.values()], np.float32)
        found_in = np.bincount(posting_gram, minlength=len(self._ids))
        self._idf = np.log1p((self.size - found_in + 0.5) / (found_in + 0.5)).astype(np.float32)
        self._idf_unseen = float(np.log1p((self.size + 0.5) / 0.5))
        norm = _K1 * (1 - _B + _B * lengths / max(float(lengths.mean()) if self.size else 0.0, 1.0))
        impact = self._idf[posting_gram] * frequency * (_K1 + 1) / (frequency + norm[posting_text])
        order = np.argsort(posting_gram, kind="stable")
        self._starts = np.concatenate([[0], np.cumsum(found_in)])
        self._texts = posting_text[order].astype(np.int32)
        self._impacts = impact[order].astype(np.float32)

    def scores(self, text: str) -> NDArray[np.float32]:
        """(size,) BM25 of every indexed text."""
        spans = [slice(self._starts[g], self._starts[g + 1]) for g in self._known(text)]
        if not spans:
            return np.zeros(self.size, np.float32)
        texts = np.concatenate([self._texts[span] for span in spans])
        impacts = np.concatenate([self._impacts[span] for span in spans])
        return np.bincount(texts, impacts, self.size).astype(np.float32)

    def weights(self, text: str) -> dict[str, float]:
        """The text's distinct grams with how telling each is in this index (IDF); an unseen one tells most."""
        return {gram: self._weight(gram) for gram in dict.fromkeys(grams(text))}

    def _weight(self, gram: str) -> float:
        known = self._ids.get(gram)
        return self._idf_unseen if known is None else float(self._idf[known])

    def _known(self, text: str) -> list[int]:
        return [self._ids[gram] for gram in dict.fromkeys(grams(text)) if gram in self._ids]
