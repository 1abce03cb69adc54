"""A knowledge base of any size for `./kefu bench search`, like a real one in texts and in vectors.

An entry asks what two phrasings of the repo's knowledge ask, and answers it with both their answers. Encoding millions
of texts would take hours, so its vector is mixed from those of its parts, and moved by half of what lies between two
phrasings of one entry. Nearest and tenth neighbours, and the spread of all, come out as those of really encoded
utterances do (median cosine to the first, the tenth, any: .937, .913, .853; of 12,000 of ours .950, .922, .852).
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from core.settings import HOME
from retrieval.encoder.protocol import Encoder, Vectors
from retrieval.knowledge import ALWAYS, Entry
from retrieval.seed import read_folder

_AND = "‖"  # between parts; it is no letter, so the search by characters does not see it
_PARTS = re.compile(f"[{_AND}\n]")
_MOVED = 0.5
_STEP = 7_368_787  # a prime: pairs of phrasings are met all over, each once


@dataclass(frozen=True)
class MadeUp:
    """Entries by number. `owners`: the entry of each phrasing."""

    entries: Sequence[Entry]
    phrasings: Sequence[str]
    owners: NDArray[np.int64]

    @classmethod
    def of_the_repo(cls) -> "MadeUp":
        entries = read_folder(HOME / "nlu_data" / "knowledge")
        owners = np.repeat(np.arange(len(entries)), [len(entry.phrasings) for entry in entries])
        return cls(entries, [text for entry in entries for text in entry.phrasings], owners)

    @property
    def most(self) -> int:
        """So many different ones there are."""
        return len(self.phrasings) ** 2

    def entry(self, number: int) -> Entry:
        first, second = self._pair(number)
        one, other = (self.entries[int(self.owners[part])] for part in (first, second))
        return Entry.model_construct(
            id=f"kb-{number:08d}",
            question=_AND.join((self.phrasings[first], self.phrasings[second])),
            similar=(),
            answer=_AND.join((_line(one.answer), _line(other.answer))),
            category=one.category,
            owner="bench",
            intent="faq",
            about=one.about,
            valid_from=ALWAYS,
            valid_until=None,
            status="active",
            version=1,
            updated_at=ALWAYS,
        )

    def _pair(self, number: int) -> tuple[int, int]:
        return divmod(number * _STEP % self.most, len(self.phrasings))


class MadeUpEncoder:
    """Vectors of made-up texts from those of their parts; of all others by the real encoder. `kept`: a file for the
    parts' vectors."""

    def __init__(self, made: MadeUp, encoder: Encoder, kept: Path) -> None:
        self.name, self.dimension = f"{encoder.name} made up", encoder.dimension
        self._encoder, self._owners = encoder, made.owners
        parts = [*made.phrasings, *dict.fromkeys(_line(entry.answer) for entry in made.entries)]
        self._row = {part: row for row, part in enumerate(parts)}
        if not kept.is_file():
            np.save(kept, encoder.encode(parts))
        self._parts: Vectors = np.load(kept)

    def encode(self, texts: Sequence[str]) -> Vectors:
        vectors = np.empty((len(texts), self.dimension), np.float32)
        rows = [self._rows(text) for text in texts]
        others = [i for i, found in enumerate(rows) if found is None]
        if others:
            vectors[others] = self._encoder.encode([texts[i] for i in others])
        for i, found in enumerate(rows):
            if found is not None:
                vectors[i] = self._mixed(texts[i], found)
        return vectors

    def _rows(self, text: str) -> list[int] | None:
        found = [self._row.get(part, -1) for part in _PARTS.split(text)]
        return found if len(found) > 1 and min(found) >= 0 else None

    def _mixed(self, text: str, rows: list[int]) -> Vectors:
        chance = crc32(text.encode())
        share = 0.5 + chance % 1000 / 2000
        one = chance % len(self._owners)
        step = 1 if self._owners[one] == self._owners[(one + 1) % len(self._owners)] else -1
        vector = share * self._parts[rows[0]] + (1 - share) * self._parts[rows[1:]].mean(axis=0)
        vector += _MOVED * (self._parts[one] - self._parts[one + step])
        unit: Vectors = vector / np.linalg.norm(vector)
        return unit


def batches(made: MadeUp, count: int, size: int = 5_000) -> Iterator[list[Entry]]:
    for start in range(0, count, size):
        yield [made.entry(number) for number in range(start, min(start + size, count))]


def _line(text: str) -> str:
    return text.replace("\n", " ")
