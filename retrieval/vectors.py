"""Vectors of texts already encoded, on disk, so that a restart or an edit encodes only what is new."""

import os
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from retrieval.encoder.protocol import Encoder, Vectors


class VectorCache:
    """One file a purpose and encoder. Two writers at once do no harm: the last one's file stays."""

    def __init__(self, folder: Path, purpose: str, encoder: Encoder) -> None:
        self._encoder = encoder
        self._path = folder / f"{purpose}-{sha256(encoder.name.encode()).hexdigest()[:12]}.npz"
        self._keys, self._vectors = self._read()

    def encode(self, texts: Sequence[str]) -> Vectors:
        """As `Encoder.encode`. Kept for the next time are exactly these texts."""
        keys = [sha256(text.encode()).digest()[:16] for text in texts]
        row = {key: i for i, key in enumerate(self._keys)}
        new = [i for i, key in enumerate(keys) if key not in row]
        old = [i for i, key in enumerate(keys) if key in row]
        vectors = np.empty((len(texts), self._encoder.dimension), np.float32)
        vectors[old] = self._vectors[[row[keys[i]] for i in old]]
        vectors[new] = self._encoder.encode([texts[i] for i in new])
        if keys != self._keys:
            self._keys, self._vectors = keys, vectors
            self._write()
        return vectors

    def _read(self) -> tuple[list[bytes], Vectors]:
        try:
            with self._path.open("rb") as file, np.load(file) as stored:
                return [key.tobytes() for key in stored["keys"]], stored["vectors"]
        except (FileNotFoundError, BadZipFile, EOFError, KeyError, ValueError):  # none yet, or half of one: encode anew
            return [], np.empty((0, self._encoder.dimension), np.float32)

    def _write(self) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        partial = self._path.with_suffix(f".{os.getpid()}.partial")
        with partial.open("wb") as file:
            keys = np.array([np.frombuffer(key, np.uint8) for key in self._keys], np.uint8).reshape(-1, 16)
            np.savez(file, keys=keys, vectors=self._vectors)
        partial.replace(self._path)
