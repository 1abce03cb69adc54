"""How an utterance sounds: n-grams of toneless syllables. Customers type "tuihuo" and 快第; both sound like what they
mean. Rewriting the text would harm what was typed right; beside the characters, the sounds only add to it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

_PIECE = re.compile(r"[a-z]+|\S")
_LONGEST_SYLLABLE = 6


@dataclass(frozen=True)
class Sounds:
    """`readings`: the most usual toneless pinyin of each character."""

    readings: Mapping[str, str]

    @cached_property
    def _syllables(self) -> frozenset[str]:
        return frozenset(self.readings.values())

    def syllables(self, text: str) -> list[str]:
        """Of characters and of Latin words that are pinyin through and through; anything else is silent."""
        found: list[str] = []
        for piece in _PIECE.findall(text.lower()):
            if piece in self.readings:
                found.append(self.readings[piece])
            elif len(piece) > 1:
                found += self._parted(piece)
        return found

    def ngrams(self, text: str) -> Counter[str]:
        """Pairs and triples, the ends marked. A single syllable stands for too many words."""
        marked = ["^", *self.syllables(text), "$"]
        return Counter(
            "~" + ".".join(marked[start : start + size]) for size in (2, 3) for start in range(len(marked) - size + 1)
        )

    def _parted(self, word: str) -> list[str]:
        """The fewest syllables that make up the word; none when it is no pinyin."""
        best: dict[int, list[str]] = {0: []}
        for start in range(len(word)):
            if start not in best:
                continue
            for end in range(start + 1, min(len(word), start + _LONGEST_SYLLABLE) + 1):
                syllable = word[start:end]
                shorter = end not in best or len(best[end]) > len(best[start]) + 1
                if syllable in self._syllables and shorter:
                    best[end] = [*best[start], syllable]
        return best.get(len(word), [])


def read_sounds() -> Sounds:
    """Of all simplified characters in use (GB 2312). Only training needs pypinyin: the model keeps the readings."""
    from pypinyin import lazy_pinyin

    characters = [
        bytes((row, cell)).decode("gb2312", errors="ignore") for row in range(0xB0, 0xF8) for cell in range(0xA1, 0xFF)
    ]
    return Sounds({character: lazy_pinyin(character)[0] for character in characters if character})
