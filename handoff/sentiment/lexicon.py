"""Words that carry a degree wherever they stand (`nlu_data/sentiment/lexicon.yml`), found with what negates them.

Two thousand utterances cannot show every word of abuse or praise; a list can, and the classifier learns what each kind
of word is worth, alone, negated, and one after the other.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import yaml

from core.settings import HOME
from retrieval.text import normalise

LEXICON = HOME / "nlu_data" / "sentiment" / "lexicon.yml"
MODIFIERS = frozenset({"strong", "weak", "ironic"})
NEGATION_REACH = 5
"""Characters before a word in which a negation still concerns it."""

_NEGATED = re.compile(r"(没有?|不是|不|别|未|无|算不上|谈不上|说不上|哪里?)[^ ,。]{0,2}$")


@dataclass(frozen=True)
class Lexicon:
    kinds: Mapping[str, str]
    """Word to the name of its list."""

    @classmethod
    def read(cls, path: Path = LEXICON) -> Lexicon:
        """Lists of words, separated by blanks, under the names of degrees and MODIFIERS; the first mention counts."""
        kinds: dict[str, str] = {}
        for kind, words in yaml.safe_load(path.read_text(encoding="utf-8")).items():
            for word in words.split():
                kinds.setdefault(normalise(word).lower(), kind)
        return cls(kinds)

    def find(self, text: str) -> Iterator[str]:
        """The kinds of the words in a lower-cased text, in order: `positive`, or `not positive` after a negation."""
        for match in self._pattern.finditer(text):
            kind = self.kinds[match[0]]
            before = text[max(0, match.start() - NEGATION_REACH) : match.start()]
            yield f"not {kind}" if kind not in MODIFIERS and _NEGATED.search(before) else kind

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        longest_first = sorted(self.kinds, key=len, reverse=True)
        return re.compile("|".join(map(re.escape, longest_first)))
