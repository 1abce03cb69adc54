"""Large segments on disk, so that a restart opens what was built, and a search keeps little of it in memory.

A segment is written into a folder `building-N`, batch by batch, and moved to `built-N` when it is whole. A build that
was killed half-way leaves its folder: the next one takes the vectors from there and encodes only the rest.
"""

import asyncio
import fcntl
import json
import shutil
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from retrieval import byte_vectors, catalogue, columns, dense, index, lexical, text
from retrieval.byte_vectors import ByteVectors
from retrieval.catalogue import Catalogue
from retrieval.columns import Column, append
from retrieval.dense import Dense, vectors_of
from retrieval.encoder.protocol import Encoder, Vectors
from retrieval.index import Segment, TextIndex, texts_of
from retrieval.knowledge import Entry
from retrieval.lexical import Postings, PostingsWriter

_LABEL = "segment.json"
_NAMES = ("phrasings", "bodies")
# Segments up to so many bytes are read whole, which makes a search two milliseconds faster.
_IN_MEMORY = 600 * 2**20


@dataclass(frozen=True)
class Kept:
    """A segment as it is on disk. `until`: it has all changes that were committed before, and maybe later ones."""

    segment: Segment
    until: datetime


class Shelf:
    """The segments of one encoder in a folder. What was built last counts, and only that is kept."""

    def __init__(self, folder: Path, encoder: Encoder) -> None:
        self._folder = folder / f"large-{sha256(encoder.name.encode()).hexdigest()[:12]}"
        self._encoder = encoder

    @asynccontextmanager
    async def locked(self) -> AsyncIterator[None]:
        """One process builds, and the others wait for what it brings. Let go when the process dies."""
        self._folder.mkdir(parents=True, exist_ok=True)
        with (self._folder / "lock").open("w") as file:
            await asyncio.to_thread(fcntl.flock, file, fcntl.LOCK_EX)
            yield

    def newest(self) -> Kept | None:
        """None when there is none, or one that was made by other code."""
        built = self._numbered("built")
        if not built or _label(built[-1])["form"] != _form():
            return None
        return _read(built[-1], self._encoder.dimension)

    def builder(self) -> "Builder":
        """Call it, and use what it gives, while `locked`."""
        known = [*self._numbered("built"), *self._numbered("building")]
        number = 1 + max((_number(folder) for folder in known), default=0)
        folder = self._folder / f"building-{number}"
        folder.mkdir()
        return Builder(folder, known, self._encoder)

    def _numbered(self, kind: str) -> list[Path]:
        return sorted(self._folder.glob(f"{kind}-*"), key=_number)


class Builder:
    """Takes entries in the order of their ids, some at a time."""

    def __init__(self, folder: Path, before: Sequence[Path], encoder: Encoder) -> None:
        self._folder, self._before, self._encoder = folder, before, encoder
        self._known = _Known(before, encoder)
        self._catalogues: list[Catalogue] = []
        self._postings = {name: PostingsWriter(folder / name) for name in _NAMES}

    def add(self, entries: Sequence[Entry]) -> None:
        self._catalogues.append(Catalogue.of(entries))
        for name, texts in zip(_NAMES, texts_of(entries), strict=True):
            self._postings[name].add(texts)
            keys = _keys(texts)
            byte_vectors.write(vectors_of(self._folder / name), self._known.encode(texts, keys))
            append(_keys_of(self._folder / name), keys)  # after their vectors: a key says that there is one

    def finish(self, until: datetime) -> Kept:
        """From now on this is the newest; those before are deleted."""
        del self._known
        Catalogue.joined(self._catalogues).write(self._folder)
        for name, postings in self._postings.items():
            postings.finish()
            Dense.write(self._folder / name, self._encoder.dimension)
        label = {"form": _form(), "until": until.isoformat()}
        (self._folder / _LABEL).write_text(json.dumps(label), encoding="utf-8")
        built = self._folder.rename(self._folder.with_name(f"built-{_number(self._folder)}"))
        for folder in self._before:
            shutil.rmtree(folder)
        return _read(built, self._encoder.dimension)


class _Known:
    """Vectors that other builds have encoded, complete ones or not."""

    def __init__(self, folders: Sequence[Path], encoder: Encoder) -> None:
        self._encoder = encoder
        self._places = []
        for path in (folder / name for folder in folders for name in _NAMES):
            if _keys_of(path).is_file() and vectors_of(path).is_file():  # they once stood there in another form
                keys = Column(_keys_of(path), np.uint64)[:]
                vectors = ByteVectors(vectors_of(path), encoder.dimension)
                order = np.argsort(keys)
                self._places.append((keys[order], order, vectors))

    def encode(self, texts: Sequence[str], keys: NDArray[np.uint64]) -> Vectors:
        vectors = np.empty((len(texts), self._encoder.dimension), np.float32)
        new = np.ones(len(texts), bool)
        for known, order, kept in self._places:
            if len(known):
                at = np.minimum(np.searchsorted(known, keys), len(known) - 1)
                found = new & (known[at] == keys)
                vectors[found] = kept[order[at[found]]]
                new &= ~found
        wanted = np.flatnonzero(new)
        if len(wanted):
            vectors[wanted] = self._encoder.encode([texts[i] for i in wanted.tolist()])
        return vectors


def _read(folder: Path, dimension: int) -> Kept:
    in_memory = sum(file.stat().st_size for file in folder.iterdir()) <= _IN_MEMORY
    phrasings, bodies = (
        TextIndex(
            Postings.read(folder / name, in_memory),
            Dense.read(folder / name, dimension, in_memory),
        )
        for name in _NAMES
    )
    segment = Segment.of(Catalogue.read(folder, in_memory), phrasings, bodies)
    return Kept(segment, datetime.fromisoformat(_label(folder)["until"]))


def _label(folder: Path) -> dict[str, str]:
    label: dict[str, str] = json.loads((folder / _LABEL).read_text(encoding="utf-8"))
    return label


def _keys(texts: Sequence[str]) -> NDArray[np.uint64]:
    """By what is encoded of each: a change of the canonical form brings new vectors."""
    digests = (sha256(text.normalise(one).encode()).digest() for one in texts)
    return np.array([int.from_bytes(digest[:8], "big") for digest in digests], np.uint64)


def _keys_of(path: Path) -> Path:
    return path.with_name(f"{path.name}.keys")


def _number(folder: Path) -> int:
    return int(folder.name.rpartition("-")[2])


def _form() -> str:
    """What is on disk depends on how these modules make it."""
    digest = sha256()
    for module in (byte_vectors, catalogue, columns, dense, index, lexical, text):
        digest.update(Path(str(module.__file__)).read_bytes())
    return digest.hexdigest()[:16]
