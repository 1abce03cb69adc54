"""The searchable form of the knowledge. Never changes once built; a new one takes its place."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

from retrieval.encoder.protocol import Vectors
from retrieval.knowledge import Entry
from retrieval.lexical import LexicalIndex, Match

faiss.omp_set_num_threads(1)  # one question is too small to share out; many questions come side by side

Positions = NDArray[np.int64]
Encode = Callable[[Sequence[str]], Vectors]


class TextIndex:
    """Texts by meaning (FAISS) and by characters (BM25)."""

    def __init__(self, texts: Sequence[str], vectors: Vectors) -> None:
        self.vectors = vectors
        self._lexical = LexicalIndex(texts)
        self._dense: Any = faiss.IndexFlatIP(vectors.shape[1])
        self._dense.add(vectors)

    def match(self, question: str) -> Match:
        return self._lexical.match(question)

    def candidates(self, vector: Vectors, match: Match, count: int) -> Positions:
        """The `count` nearest to the unit vector (d,) and the `count` best by BM25, unordered and each once."""
        count = min(count, len(self.vectors))
        if not count:
            return np.empty(0, np.int64)
        _scores, nearest = self._dense.search(vector.reshape(1, -1), count)
        return np.union1d(nearest[0], np.argpartition(match.bm25, -count)[-count:])


@dataclass(frozen=True)
class Indexed:
    """What a search needs to know of an entry."""

    id: str
    question: str
    valid_from: datetime
    valid_until: datetime | None

    def holds_at(self, now: datetime) -> bool:
        return self.valid_from <= now and (self.valid_until is None or now < self.valid_until)


@dataclass(frozen=True)
class KnowledgeIndex:
    """Entry e has the phrasings `starts[e]:starts[e + 1]` (the question first; phrasing p belongs to `owners[p]`) and
    the body `written[e]`: question and answer, which finds what no phrasing has foreseen. `wholes`: all it says."""

    entries: tuple[Indexed, ...]
    texts: tuple[str, ...]
    written: tuple[str, ...]
    starts: Positions
    owners: Positions
    phrasings: TextIndex
    bodies: TextIndex
    wholes: LexicalIndex
    fingerprint: str

    @classmethod
    def build(cls, entries: Sequence[Entry], encode: Encode, encoder_name: str) -> "KnowledgeIndex":
        """From the active ones of `entries`."""
        active = [entry for entry in entries if entry.status == "active"]
        counts = [len(entry.phrasings) for entry in active]
        texts = tuple(phrasing for entry in active for phrasing in entry.phrasings)
        bodies = tuple(body_of(entry) for entry in active)
        vectors = encode([*texts, *bodies])
        return cls(
            entries=_indexed(active),
            texts=texts,
            written=bodies,
            starts=np.concatenate([[0], np.cumsum(counts, dtype=np.int64)]),
            owners=np.repeat(np.arange(len(active)), counts),
            phrasings=TextIndex(texts, vectors[: len(texts)]),
            bodies=TextIndex(bodies, vectors[len(texts) :]),
            wholes=LexicalIndex([whole_of(entry) for entry in active]),
            fingerprint=fingerprint(active, encoder_name),
        )

    def describes(self, entries: Sequence[Entry], encoder_name: str) -> bool:
        """Whether building anew from `entries` would find the same."""
        return self.fingerprint == fingerprint(entries, encoder_name)

    def with_validity_of(self, entries: Sequence[Entry]) -> "KnowledgeIndex":
        """The same index of the same entries, whose validity may have changed."""
        return replace(self, entries=_indexed(entries))

    def text_without(self, phrasing: int) -> str:
        """All that the phrasing's entry says, but for that phrasing."""
        entry = self.owners[phrasing]
        others = [p for p in range(self.starts[entry], self.starts[entry + 1]) if p != phrasing]
        return "\n".join((*(self.texts[p] for p in others), self.written[entry]))


def _indexed(entries: Sequence[Entry]) -> tuple[Indexed, ...]:
    return tuple(Indexed(e.id, e.question, e.valid_from, e.valid_until) for e in entries if e.status == "active")


def body_of(entry: Entry) -> str:
    return "\n".join(dict.fromkeys((entry.question, entry.answer)))


def whole_of(entry: Entry) -> str:
    return "\n".join((*entry.phrasings, entry.answer))


def fingerprint(entries: Sequence[Entry], encoder_name: str) -> str:
    """Equal when a search would find the same: same encoder, same texts of the same active entries."""
    digest = sha256(encoder_name.encode())
    for entry in entries:
        if entry.status == "active":
            digest.update("\0".join((entry.id, *entry.phrasings, entry.answer, "")).encode())
    return digest.hexdigest()[:16]
