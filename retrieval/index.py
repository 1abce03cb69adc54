"""The searchable form of the knowledge. Never changes once built; a new one takes its place, and shares with it what
did not change: entries that changed since the last full build stand in a small segment beside the large one."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256

import numpy as np
from numpy.typing import NDArray

from retrieval.catalogue import Catalogue, Indexed, digest_of
from retrieval.dense import Dense
from retrieval.encoder.protocol import Vectors
from retrieval.goods import Goods
from retrieval.knowledge import Entry
from retrieval.lexical import Floats, Keys, Postings, telling

Positions = NDArray[np.int64]
Encode = Callable[[Sequence[str]], Vectors]

# A segment for changes is worth it beside so many entries.
LARGE = 3_000


@dataclass(frozen=True)
class TextIndex:
    """Texts by meaning and by characters."""

    postings: Postings
    dense: Dense

    @classmethod
    def of(cls, texts: Iterable[str], vectors: Vectors) -> "TextIndex":
        return cls(Postings.of(texts), Dense.of(vectors))

    def candidates(self, vectors: Vectors, keys: Keys, idf: Floats, count: int) -> Positions:
        """The `count` nearest to each unit vector (n, d) and the `count` best by characters, each once."""
        nearest = [self.dense.nearest(vector, count) for vector in vectors]
        return np.unique(np.concatenate([*nearest, self.postings.best(keys, idf, count)]))


@dataclass(frozen=True)
class Segment:
    """`gone` (entries,): retired, or replaced in the segment for changes."""

    catalogue: Catalogue
    phrasings: TextIndex
    bodies: TextIndex
    gone: NDArray[np.bool_]

    @classmethod
    def build(cls, entries: Sequence[Entry], encode: Encode) -> "Segment":
        """Of active entries in the order of their ids."""
        texts, bodies = texts_of(entries)
        vectors = encode([*texts, *bodies])
        return cls.of(
            Catalogue.of(entries),
            TextIndex.of(texts, vectors[: len(texts)]),
            TextIndex.of(bodies, vectors[len(texts) :]),
        )

    @classmethod
    def of(cls, catalogue: Catalogue, phrasings: TextIndex, bodies: TextIndex) -> "Segment":
        return cls(catalogue, phrasings, bodies, np.zeros(len(catalogue), bool))

    @property
    def there(self) -> tuple[int, int]:
        """How many entries are not gone, and the sum of their versions."""
        return int((~self.gone).sum()), int(self.catalogue.versions[~self.gone].sum())


@dataclass(frozen=True)
class KnowledgeIndex:
    """One segment, or a large and a small one. An entry's position counts through all segments."""

    segments: tuple[Segment, ...]
    goods: Goods
    encoder_name: str

    @classmethod
    def build(
        cls, entries: Iterable[Entry], encode: Encode, encoder_name: str, lookups: Iterable[str] = ()
    ) -> "KnowledgeIndex":
        """From the active ones of `entries`. `lookups`: names of goods that customers use, besides the entries' own."""
        return cls.around(Segment.build(_active(entries), encode), encoder_name, lookups)

    @classmethod
    def around(cls, segment: Segment, encoder_name: str, lookups: Iterable[str] = ()) -> "KnowledgeIndex":
        goods = Goods(segment.catalogue.about.names.tolist(), lookups)
        return cls((segment,), goods, encoder_name)

    @property
    def takes_changes(self) -> bool:
        """Whether `changed` is worth it: smaller ones are built anew in less than a second."""
        return len(self.segments[0].catalogue) >= LARGE

    def changed(self, entries: Sequence[Entry], encode: Encode) -> "KnowledgeIndex":
        """With `entries` as they are now, all that changed since the large segment was built."""
        large = self.segments[0]
        gone = np.zeros_like(large.gone)
        for entry in entries:
            if (at := large.catalogue.position(entry.id)) is not None:
                gone[at] = True
        small = Segment.build(_active(entries), encode)
        claimed = [*large.catalogue.about.names.tolist(), *small.catalogue.about.names.tolist()]
        return replace(self, segments=(replace(large, gone=gone), small), goods=Goods(claimed, self.goods.others))

    def describes(self, entries: Iterable[Entry], encoder_name: str) -> bool:
        """Whether building anew from `entries` would find the same."""
        return self.fingerprint == fingerprint(entries, encoder_name)

    def with_validity_of(self, entries: Iterable[Entry]) -> "KnowledgeIndex":
        """The same index, whole, of the same entries, whose validity may have changed."""
        [segment] = self.segments
        return replace(self, segments=(replace(segment, catalogue=Catalogue.of(_active(entries))),))

    @property
    def fingerprint(self) -> str:
        kept = (segment.catalogue.digests[~segment.gone] for segment in self.segments)
        return _named(sum(int(digests.sum()) for digests in kept), self.encoder_name)

    @property
    def founded_on(self) -> str:
        """The fingerprint as it was before the changes that stand beside."""
        return _named(int(self.segments[0].catalogue.digests.sum()), self.encoder_name)

    @property
    def there(self) -> tuple[int, int]:
        """How many entries there are, and the sum of their versions."""
        counted = [segment.there for segment in self.segments]
        return sum(count for count, _versions in counted), sum(versions for _count, versions in counted)

    @property
    def size(self) -> int:
        """One more than the highest position."""
        return sum(len(segment.catalogue) for segment in self.segments)

    @property
    def centre(self) -> Vectors:
        """The middle of all phrasings, of length 1: what the base is about."""
        mean = self.segments[0].phrasings.dense.centre
        unit: Vectors = mean / max(float(np.linalg.norm(mean)), 1e-9)
        return unit

    def located(self, position: int) -> tuple[Segment, int]:
        for segment in self.segments:
            if position < len(segment.catalogue):
                return segment, position
            position -= len(segment.catalogue)
        raise IndexError(position)

    def entry(self, position: int) -> Indexed:
        segment, at = self.located(position)
        return segment.catalogue.entry(at)

    def position(self, entry_id: str) -> int | None:
        """None when there is no such active entry."""
        first = 0
        for segment in self.segments:
            at = segment.catalogue.position(entry_id)
            if at is not None and not segment.gone[at]:
                return first + at
            first += len(segment.catalogue)
        return None

    def telling(self, keys: Keys) -> tuple[Floats, NDArray[np.bool_]]:
        """(k,): IDF of each gram over all phrasings and bodies, and whether any of them has it."""
        texts = [text.postings for segment in self.segments for text in (segment.phrasings, segment.bodies)]
        found_in = sum((text.found_in(keys) for text in texts), np.zeros(len(keys), np.int64))
        return telling(found_in, sum(text.size for text in texts)), found_in > 0


def texts_of(entries: Sequence[Entry]) -> tuple[list[str], list[str]]:
    """All phrasings, and the bodies of entries whose answer is not their question."""
    phrasings = [phrasing for entry in entries for phrasing in entry.phrasings]
    return phrasings, [body_of(entry) for entry in entries if entry.answer != entry.question]


def body_of(entry: Entry) -> str:
    return "\n".join(dict.fromkeys((entry.question, entry.answer)))


def _active(entries: Iterable[Entry]) -> list[Entry]:
    return sorted((entry for entry in entries if entry.status == "active"), key=lambda entry: entry.id)


def fingerprint(entries: Iterable[Entry], encoder_name: str) -> str:
    """Equal when a search would find the same: same encoder, same texts of the same active entries."""
    return _named(sum(map(digest_of, _active(entries))), encoder_name)


def _named(digests: int, encoder_name: str) -> str:
    return sha256(f"{encoder_name} {digests % 2**64}".encode()).hexdigest()[:16]
