"""The searchable form of the knowledge: every phrasing once by meaning (FAISS) and once by characters (BM25)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

from retrieval.encoder.protocol import Vectors
from retrieval.knowledge import Entry
from retrieval.lexical import LexicalIndex

faiss.omp_set_num_threads(1)  # one query is too small to share; many queries come side by side


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
    """Never changes once built. Phrasing p is `texts[p]` and belongs to `entries[owners[p]]`."""

    entries: tuple[Indexed, ...]
    texts: tuple[str, ...]
    owners: NDArray[np.int64]
    vectors: Vectors
    lexical: LexicalIndex
    fingerprint: str
    _dense: Any

    @classmethod
    def build(
        cls, entries: Sequence[Entry], encode: Callable[[Sequence[str]], Vectors], encoder: str
    ) -> "KnowledgeIndex":
        """From the active ones of `entries`. `encoder` names what `encode` does: it is part of the fingerprint."""
        active = [entry for entry in entries if entry.status == "active"]
        texts = tuple(phrasing for entry in active for phrasing in entry.phrasings)
        vectors = encode(texts)
        dense = faiss.IndexFlatIP(vectors.shape[1])
        dense.add(vectors)
        return cls(
            entries=tuple(Indexed(e.id, e.question, e.valid_from, e.valid_until) for e in active),
            texts=texts,
            owners=np.repeat(np.arange(len(active)), [len(entry.phrasings) for entry in active]),
            vectors=vectors,
            lexical=LexicalIndex(texts),
            fingerprint=fingerprint(active, encoder),
            _dense=dense,
        )

    def nearest(self, vector: Vectors, count: int) -> NDArray[np.int64]:
        """At most `count` phrasings by falling cosine to the unit vector (d,)."""
        _scores, found = self._dense.search(vector.reshape(1, -1), min(count, len(self.texts)))
        return np.asarray(found[0], np.int64)


def fingerprint(entries: Sequence[Entry], encoder: str) -> str:
    """Equal when searching would find the same: same encoder, same phrasings of the same active entries."""
    digest = sha256(encoder.encode())
    for entry in entries:
        if entry.status == "active":
            digest.update("\n".join((entry.id, *entry.phrasings, "")).encode())
    return digest.hexdigest()[:16]
