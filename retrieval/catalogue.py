"""What a search needs to know of the entries besides vectors and postings, packed: a million take about 80 MB, and the
texts stand in a file."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from hashlib import sha256
from itertools import chain
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from retrieval.columns import Positions, Rows, append, gathered, opened
from retrieval.goods import agree, canonical
from retrieval.knowledge import Entry


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
class About:
    """The goods that entries are about: entry e about `names[n]` for n in `which[ends[e]:ends[e + 1]]`."""

    names: NDArray[np.str_]
    ends: Positions
    which: NDArray[np.int32]

    @classmethod
    def of(cls, goods: Sequence[Sequence[str]]) -> "About":
        names, which = np.unique(np.array(list(chain(*goods)), np.str_), return_inverse=True)
        return cls(names, _sums([len(one) for one in goods]), which.astype(np.int32))

    @classmethod
    def joined(cls, parts: Sequence["About"]) -> "About":
        names = np.unique(np.concatenate([part.names for part in parts]))
        which = [np.searchsorted(names, part.names)[part.which] for part in parts]
        counts = np.concatenate([np.diff(part.ends) for part in parts])
        return cls(names, _sums(counts), np.concatenate(which).astype(np.int32))

    def has(self, entries: Positions) -> NDArray[np.bool_]:
        """(n,): which of the entries are about goods."""
        there: NDArray[np.bool_] = self.ends[entries] < self.ends[entries + 1]
        return there

    def agree(self, entries: Positions, named: frozenset[str]) -> NDArray[np.bool_]:
        """(n,): which of the entries are about something named."""
        firsts, lasts = self.ends[entries], self.ends[entries + 1]
        names, which = np.unique(gathered(self.which, firsts, lasts), return_inverse=True)
        agreed = np.array([agree(name, named) for name in self.names[names].tolist()], bool)
        owners = np.repeat(np.arange(len(entries)), lasts - firsts)
        return np.bincount(owners[agreed[which]], minlength=len(entries)) > 0


@dataclass(frozen=True)
class Catalogue:
    """Entry e, in the order of ids, has the phrasings `starts[e]:starts[e + 1]`, the question first; phrasing p belongs
    to `owners[p]`. `bodies[e]` is the place of its body (question and answer) among the bodies, -1 when its answer
    says nothing but the question; `having_body`: the entries that have one. `about`: goods, canonical. `digests`: see
    `digest_of`. Phrasing p is `text[ends[p]:ends[p + 1]]`, in UTF-8."""

    ids: NDArray[np.bytes_]
    versions: NDArray[np.int32]
    starts: Positions
    owners: NDArray[np.int32]
    bodies: NDArray[np.int32]
    having_body: Positions
    about: About
    valid: NDArray[np.float64]
    digests: NDArray[np.uint64]
    ends: Positions
    text: Rows

    @classmethod
    def of(cls, entries: Sequence[Entry]) -> "Catalogue":
        """Of active entries in the order of their ids."""
        phrasings = [phrasing.encode() for entry in entries for phrasing in entry.phrasings]
        until = [np.inf if entry.valid_until is None else entry.valid_until.timestamp() for entry in entries]
        return cls._placed(
            ids=np.array([entry.id.encode() for entry in entries], "S"),
            versions=np.array([entry.version for entry in entries], np.int32),
            counts=np.array([len(entry.phrasings) for entry in entries], np.int64),
            has_body=np.array([entry.answer != entry.question for entry in entries], bool),
            about=About.of([[canonical(name) for name in entry.about] for entry in entries]),
            valid=np.array([[e.valid_from.timestamp() for e in entries], until], np.float64).reshape(2, -1),
            digests=np.array([digest_of(entry) for entry in entries], np.uint64),
            ends=_sums([len(one) for one in phrasings]),
            text=np.frombuffer(b"".join(phrasings), np.uint8),
        )

    @classmethod
    def joined(cls, parts: Sequence["Catalogue"]) -> "Catalogue":
        """Of all their entries, when each part's ids come after those of the one before."""
        return cls._placed(
            ids=np.concatenate([part.ids for part in parts]),
            versions=np.concatenate([part.versions for part in parts]),
            counts=np.concatenate([np.diff(part.starts) for part in parts]),
            has_body=np.concatenate([part.bodies >= 0 for part in parts]),
            about=About.joined([part.about for part in parts]),
            valid=np.concatenate([part.valid for part in parts], axis=1),
            digests=np.concatenate([part.digests for part in parts]),
            ends=_sums(np.concatenate([np.diff(part.ends) for part in parts])),
            text=np.concatenate([part.text[:] for part in parts]),
        )

    @classmethod
    def _placed(
        cls,
        ids: NDArray[np.bytes_],
        versions: NDArray[np.int32],
        counts: Positions,
        has_body: NDArray[np.bool_],
        about: About,
        valid: NDArray[np.float64],
        digests: NDArray[np.uint64],
        ends: Positions,
        text: Rows,
    ) -> "Catalogue":
        """`counts`: phrasings of each entry."""
        owners = np.repeat(np.arange(len(ids), dtype=np.int32), counts)
        bodies = np.where(has_body, np.cumsum(has_body) - 1, -1).astype(np.int32)
        having_body = np.flatnonzero(has_body)
        return cls(ids, versions, _sums(counts), owners, bodies, having_body, about, valid, digests, ends, text)

    def write(self, folder: Path) -> None:
        kept = [field.name for field in fields(self) if field.name not in ("about", "text")]
        packed = {name: getattr(self, name) for name in kept}
        about = {f"about_{field.name}": getattr(self.about, field.name) for field in fields(About)}
        np.savez(folder / "catalogue.npz", **packed, **about)
        append(folder / "catalogue.text", self.text[:])

    @classmethod
    def read(cls, folder: Path, in_memory: bool) -> "Catalogue":
        with np.load(folder / "catalogue.npz") as kept:
            about = About(**{field.name: kept[f"about_{field.name}"] for field in fields(About)})
            packed = {name: kept[name] for name in kept if not name.startswith("about_")}
        return cls(about=about, text=opened(folder / "catalogue.text", np.uint8, in_memory), **packed)

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
        return bytes(self.text[self.ends[position] : self.ends[position + 1]]).decode()

    def position(self, entry_id: str) -> int | None:
        wanted = entry_id.encode()
        at = int(np.searchsorted(self.ids, np.bytes_(wanted)))
        return at if at < len(self.ids) and self.ids[at] == wanted else None

    def version(self, entry_id: str) -> int | None:
        at = self.position(entry_id)
        return None if at is None else int(self.versions[at])


def digest_of(entry: Entry) -> int:
    """64 bits of what a search would find in an active entry."""
    said = "\0".join((entry.id, *entry.phrasings, entry.answer, "", *entry.about))
    return int.from_bytes(sha256(said.encode()).digest()[:8], "big")


def _sums(counts: Sequence[int] | Positions) -> Positions:
    return np.concatenate([[0], np.cumsum(counts, dtype=np.int64)])
