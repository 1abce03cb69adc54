"""Vectors of texts already encoded, on disk, so that a restart or an edit encodes only what is new."""

import os
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from retrieval.encoder.protocol import Encoder, Vectors


class VectorCache:
    """One file an encoder (`vectors-<name>.npz`). Not for two writers at once: the last one wins, nothing breaks."""

    def __init__(self, folder: Path, encoder: Encoder) -> None:
        self._encoder = encoder
        self._path = folder / f"vectors-{sha256(encoder.name.encode()).hexdigest()[:12]}.npz"
        self._keys, self._vectors = self._read()

    def encode(self, texts: Sequence[str]) -> Vectors:
        """As `Encoder.encode`. What is kept for next time is exactly these texts."""
        keys = [sha256(text.encode()).digest()[:16] for text in texts]
        row = {key: i for i, key in enumerate(self._keys)}
        new = list(dict.fromkeys(i for i, key in enumerate(keys) if key not in row))
        vectors = np.empty((len(texts), self._encoder.dimension), np.float32)
        vectors[new] = self._encoder.encode([texts[i] for i in new])
        old = [i for i, key in enumerate(keys) if key in row]
        vectors[old] = self._vectors[[row[keys[i]] for i in old]]
        if new or len(row) != len(set(keys)):
            self._keys, self._vectors = keys, vectors
            self._write()
        return vectors

    def _read(self) -> tuple[list[bytes], Vectors]:
        try:
            with np.load(self._path) as stored:
                return [key.tobytes() for key in stored["keys"]], stored["vectors"]
        except (FileNotFoundError, BadZipFile, EOFError, KeyError, ValueError):
            return [], np.empty((0, self._encoder.dimension), np.float32)

    def _write(self) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        partial = self._path.with_suffix(f".{os.getpid()}.partial")
        with partial.open("wb") as file:
            keys = np.array([np.frombuffer(key, np.uint8) for key in self._keys]).reshape(-1, 16)
            np.savez(file, keys=keys, vectors=self._vectors)
        partial.replace(self._path)
