"""Unit vectors in a byte a dimension, for what stands on disk: a quarter of the size, and cosines as before to within
two thousandths, which is less than the encoder itself is sure of."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from retrieval.columns import Positions, Rows, append, opened
from retrieval.encoder.protocol import Vectors

_LARGEST = 127


class ByteVectors:
    """Rows of a file that `write` made. Taking some gives float32 (n, d)."""

    def __init__(self, path: Path, dimension: int, in_memory: bool = False) -> None:
        self._rows: Rows = opened(path, _form(dimension), in_memory)

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, at: slice | Positions) -> Vectors:
        rows: NDArray[Any] = self._rows[at]
        vectors: Vectors = rows["values"].astype(np.float32)
        vectors *= rows["scale"][:, np.newaxis]
        return vectors


def write(path: Path, vectors: Vectors) -> None:
    """Adds to the file."""
    rows = np.empty(len(vectors), _form(vectors.shape[1]))
    rows["scale"] = np.abs(vectors).max(axis=1, initial=1e-9) / _LARGEST
    rows["values"] = np.rint(vectors / rows["scale"][:, np.newaxis])
    append(path, rows)


def _form(dimension: int) -> np.dtype[Any]:
    return np.dtype([("scale", np.float32), ("values", np.int8, (dimension,))])
