"""Vectors of texts already encoded, on disk, so that a restart or an edit encodes only what is new."""

import os
from collections.abc import Callable, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib.format import open_memmap
from numpy.typing import NDArray

from retrieval.encoder.projection import MOST, SIZE
from retrieval.encoder.protocol import Encoder
from retrieval.late import EncodeTokens
from retrieval.text import normalise

Rows = NDArray[Any]

_KEY = 16  # bytes


class _Kept:
    """One file a purpose and encoder, mapped while it is read and not kept: those of a million texts take 1.5 GB. Two
    writers at once do no harm: the last one's file stays. Texts are known by what is encoded of them, so that a change
    of the canonical form brings new vectors."""

    def __init__(self, path: Path, encode: Callable[[Sequence[str]], Rows], form: np.dtype[Any]) -> None:
        """`form`: of one text's row."""
        self._path, self._encode = path, encode
        self._form = np.dtype([("key", f"V{_KEY}"), ("vector", form)])

    def encode(self, texts: Sequence[str]) -> Rows:
        """(n, …), as the encoder does. Kept for the next time are exactly these texts."""
        stored = self._read()
        packed = stored["key"].tobytes()
        stored_keys = [packed[start : start + _KEY] for start in range(0, len(packed), _KEY)]
        keys = [sha256(normalise(text).encode()).digest()[:_KEY] for text in texts]
        row = {key: i for i, key in enumerate(stored_keys)}
        new = [i for i, key in enumerate(keys) if key not in row]
        old = [i for i, key in enumerate(keys) if key in row]
        vectors = np.empty(len(texts), self._form)["vector"]
        vectors[old] = stored["vector"][[row[keys[i]] for i in old]]
        del stored
        vectors[new] = self._encode([texts[i] for i in new])
        if keys != stored_keys:
            self._write(keys, vectors)
        return vectors

    def _read(self) -> NDArray[Any]:
        try:
            stored: NDArray[Any] = np.load(self._path, mmap_mode="r")
        except (FileNotFoundError, EOFError, ValueError):  # none yet, or half of one: encode anew
            return np.empty(0, self._form)
        return stored if stored.dtype == self._form else np.empty(0, self._form)

    def _write(self, keys: Sequence[bytes], vectors: Rows) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        partial = self._path.with_suffix(f".{os.getpid()}.partial")
        if not keys:  # nothing cannot be mapped
            self._path.unlink(missing_ok=True)
            return
        rows = open_memmap(partial, "w+", self._form, (len(keys),))
        rows["key"] = np.frombuffer(b"".join(keys), f"V{_KEY}")
        rows["vector"] = vectors
        rows.flush()
        del rows
        partial.replace(self._path)


class VectorCache(_Kept):
    """Of `Encoder.encode`."""

    def __init__(self, folder: Path, purpose: str, encoder: Encoder) -> None:
        super().__init__(_path(folder, purpose, encoder), encoder.encode, np.dtype((np.float32, (encoder.dimension,))))


class TokenCache(_Kept):
    """Of `TokenEncoder.encode_tokens`, given as `encode`."""

    def __init__(self, folder: Path, purpose: str, encoder: Encoder, encode: EncodeTokens) -> None:
        super().__init__(_path(folder, purpose, encoder), encode, np.dtype((np.int8, (MOST, SIZE))))


def _path(folder: Path, purpose: str, encoder: Encoder) -> Path:
    return folder / f"{purpose}-{sha256(encoder.name.encode()).hexdigest()[:12]}.npy"
