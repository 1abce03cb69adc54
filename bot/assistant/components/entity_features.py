"""What the entity model sees of an utterance: its units, and their features. Chinese has no word borders, so it reads
characters; a run of Latin letters or of digits counts as one."""

from __future__ import annotations

import re
from collections import ChainMap, Counter
from collections.abc import Iterable, Iterator, Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

OUTSIDE = "O"
_UNIT = re.compile(r"[A-Za-z]+|[0-9]+|\S")
_BORDER = ("", "border")
_AROUND = 3

Span = tuple[int, int]
"""Start and end in the text."""


@dataclass(frozen=True)
class Unit:
    """What gets one tag: a character, or a run of letters or digits."""

    text: str
    start: int
    end: int

    @property
    def kind(self) -> str:
        if self.text.isdigit():
            return f"digits{min(len(self.text), 5)}"
        if self.text.isascii() and self.text.isalpha():
            return "letters"
        return "character" if self.text.isalnum() else "mark"


def units(text: str) -> list[Unit]:
    return [Unit(match[0].lower(), match.start(), match.end()) for match in _UNIT.finditer(text)]


def tags(sequence: Sequence[Unit], entities: Sequence[Mapping[str, Any]], *, with_labels: bool) -> list[str]:
    """Begin, inside, outside: "B-address", "I-address", "O"; without labels "B-", "I-"."""
    result = [OUTSIDE] * len(sequence)
    for entity in entities:
        covered = [i for i, unit in enumerate(sequence) if unit.start < entity["end"] and unit.end > entity["start"]]
        for position, i in enumerate(covered):
            result[i] = f"{'I' if position else 'B'}-{entity['entity'] if with_labels else ''}"
    return result


def runs(tagged: Sequence[str]) -> Iterator[tuple[int, int]]:
    """First and last unit of each entity. An inside without its begin starts one of its own."""
    first = 0
    for i, tag in enumerate(tagged):
        if tag == OUTSIDE:
            continue
        if tag.startswith("B-") or i == 0 or tagged[i - 1][1:] != tag[1:]:
            first = i
        if i + 1 == len(tagged) or tagged[i + 1] != f"I{tag[1:]}":
            yield first, i


Values = MutableMapping[str, Mapping[str, int]]


class Lexicon:
    """The values that training marked or was told of, by label, and how often."""

    def __init__(self, values: Mapping[str, Mapping[str, int]], longest: int | None = None) -> None:
        self.values = values
        self._longest = max(map(len, values), default=0) if longest is None else longest

    @classmethod
    def of(
        cls,
        texts: Sequence[str],
        entities: Sequence[Sequence[Mapping[str, Any]]],
        known: Iterable[tuple[str, str]] = (),
    ) -> Lexicon:
        values: dict[str, Counter[str]] = {}
        for value, label in known:
            values.setdefault(value.lower(), Counter())[label] += 1
        for text, marked in zip(texts, entities, strict=True):
            for value, label in _marked(text, marked):
                values.setdefault(value, Counter())[label] += 1
        return cls(values)

    def without(self, text: str, entities: Sequence[Mapping[str, Any]]) -> Lexicon:
        """As if this utterance had not been in training: else a model would learn to trust what it knows blindly."""
        gone = Counter(_marked(text, entities))
        own: dict[str, Mapping[str, int]] = {
            value: {label: count - gone[value, label] for label, count in self.values[value].items()}
            for value, _ in gone
        }
        return Lexicon(ChainMap(own, cast("Values", self.values)), self._longest) if own else self

    def labels(self, value: str) -> list[str]:
        return [label for label, count in self.values.get(value.lower(), {}).items() if count > 0]

    def found(self, text: str, sequence: Sequence[Unit]) -> list[set[str]]:
        """For each unit, the labels of known values that it begins, ends or stands in."""
        result: list[set[str]] = [set() for _ in sequence]
        low = text.lower()
        for i, first in enumerate(sequence):
            for j in range(i, len(sequence)):
                if sequence[j].end - first.start > self._longest:
                    break
                for label in self.labels(low[first.start : sequence[j].end]):
                    for k in range(i, j + 1):
                        place = "S" if i == j else "B" if k == i else "E" if k == j else "M"
                        result[k].add(f"known{place}{min(j - i, 3)}={label}")
        return result


def _marked(text: str, entities: Sequence[Mapping[str, Any]]) -> list[tuple[str, str]]:
    return [(text[entity["start"] : entity["end"]].lower(), entity["entity"]) for entity in entities]


def unit_features(
    text: str, sequence: Sequence[Unit], lexicon: Lexicon, expected: Sequence[str] = ()
) -> list[list[str]]:
    """For each unit: itself, two neighbours to each side, the pairs between them, what kind each is, what is known;
    and what the utterance as a whole makes one expect."""
    padded = [_BORDER, _BORDER, *((unit.text, unit.kind) for unit in sequence), _BORDER, _BORDER]
    windows = (padded[i : i + 5] for i in range(len(sequence)))
    return [
        [
            "bias",
            *(f"{offset}={unit}" for offset, (unit, _) in zip("abcde", window, strict=True)),
            *(f"{offset}:{kind}" for offset, (_, kind) in zip("abcde", window, strict=True)),
            *(
                f"{offset}+{left[0]}{right[0]}"
                for offset, left, right in zip("abcd", window[:-1], window[1:], strict=True)
            ),
            f"abc={window[0][0]}{window[1][0]}{window[2][0]}",
            f"bcd={window[1][0]}{window[2][0]}{window[3][0]}",
            f"cde={window[2][0]}{window[3][0]}{window[4][0]}",
            *sorted(known),
            *expected,
        ]
        for window, known in zip(windows, lexicon.found(text, sequence), strict=True)
    ]


def span_features(text: str, span: Span, lexicon: Lexicon) -> Counter[str]:
    """Of one span: its n-grams, what stands before and after it, whether it is all there is, what is known of it."""
    start, end = span
    low = text.lower()
    value, before, after = low[start:end], f"^{low[:start]}", f"{low[end:]}$"
    marked = f"^{re.sub('[0-9]', '0', value)}$"
    return Counter(
        [
            f"value={value}",
            f"length={min(len(value), 6)}",
            f"alone={start == 0 and end == len(text)}",
            *(f"in={marked[i : i + size]}" for size in (1, 2, 3) for i in range(len(marked) - size + 1)),
            *(f"before{size}={before[-size:]}" for size in range(1, _AROUND + 1)),
            *(f"after{size}={after[:size]}" for size in range(1, _AROUND + 1)),
            *(f"known={label}" for label in lexicon.labels(value)),
        ]
    )
