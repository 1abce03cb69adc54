"""What a search needs to know of the entries besides vectors and postings, packed: a million take about 100 MB."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

import numpy as np
from numpy.typing import NDArray

from retrieval.goods import canonical
from retrieval.knowledge import Entry

Positions = NDArray[np.int64]


@dataclass(frozen=True)
class Indexed:
    """An entry as found. `valid_from`, `valid_until`: seconds since 1970."""

    id: str
    question: str
    valid_from: float
    valid_until: float

    def holds_at(self, now: datetime) -> bool:
        return self.valid_from <= now.timestamp() < self.valid_until


@dataclass(frozen=True)
class Catalogue:
    """Entry e, in the order of ids, has the phrasings `starts[e]:starts[e + 1]`, the question first; phrasing p belongs
    to `owners[p]`. `bodies[e]` is the place of its body (question and answer) among the bodies, -1 when its answer
    says nothing but the question; `having_body`: the entries that have one. `about[e]`: the goods it is about,
    canonical; entries about the shop have none. `digests`: see `digest_of`."""

    ids: NDArray[np.bytes_]
    starts: Positions
    owners: NDArray[np.int32]
    bodies: NDArray[np.int32]
    having_body: Positions
    about: dict[int, tuple[str, ...]]
    valid: NDArray[np.float64]
    digests: NDArray[np.uint64]
    text: bytes
    ends: Positions

    @classmethod
    def of(cls, entries: Sequence[Entry]) -> "Catalogue":
        """Of active entries in the order of their ids."""
        counts = [len(entry.phrasings) for entry in entries]
        phrasings = [phrasing.encode() for entry in entries for phrasing in entry.phrasings]
        has_body = np.array([entry.answer != entry.question for entry in entries], bool)
        until = [np.inf if entry.valid_until is None else entry.valid_until.timestamp() for entry in entries]
        return cls(
            ids=np.array([entry.id.encode() for entry in entries], "S"),
            starts=np.concatenate([[0], np.cumsum(counts, dtype=np.int64)]),
            owners=np.repeat(np.arange(len(entries), dtype=np.int32), counts),
            bodies=np.where(has_body, np.cumsum(has_body) - 1, -1).astype(np.int32),
            having_body=np.flatnonzero(has_body),
            about={e: tuple(map(canonical, entry.about)) for e, entry in enumerate(entries) if entry.about},
            valid=np.array([[e.valid_from.timestamp() for e in entries], until], np.float64).reshape(2, -1),
            digests=np.array([digest_of(entry) for entry in entries], np.uint64),
            text=b"".join(phrasings),
            ends=np.concatenate([[0], np.cumsum([len(one) for one in phrasings], dtype=np.int64)]),
        )

    def __len__(self) -> int:
        return len(self.ids)

    def entry(self, position: int) -> Indexed:
        return Indexed(
            self.ids[position].decode(),
            self.phrasing(int(self.starts[position])),
            float(self.valid[0, position]),
            float(self.valid[1, position]),
        )

    def phrasing(self, position: int) -> str:
        return self.text[self.ends[position] : self.ends[position + 1]].decode()

    def position(self, entry_id: str) -> int | None:
        wanted = entry_id.encode()
        at = int(np.searchsorted(self.ids, np.bytes_(wanted)))
        return at if at < len(self.ids) and self.ids[at] == wanted else None


def digest_of(entry: Entry) -> int:
    """64 bits of what a search would find in an active entry."""
    said = "\0".join((entry.id, *entry.phrasings, entry.answer, "", *entry.about))
    return int.from_bytes(sha256(said.encode()).digest()[:8], "big")
