"""Nearest vectors by FAISS: compared with all of them while there are few. When there are many, a bit a dimension
(RaBitQ) chooses some, and the vectors themselves, in memory or in a file, say which are nearest."""

from pathlib import Path
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

from retrieval.byte_vectors import ByteVectors
from retrieval.columns import Positions, Rows
from retrieval.encoder.protocol import Vectors

faiss.omp_set_num_threads(1)  # one question is too small to share out; many questions come side by side

# All are compared up to so many (1 ms).
_FLAT = 10_000
# The bits of so many are looked at; where there are more, of the clusters, of about so many vectors each, the nearest.
_LOOKED_AT, _CLUSTER = 150_000, 1_000
# Of what the bits find so many times what is wanted is compared as it is. On utterances of `nlu_data/intents`, never
# those that `bench search` asks, this finds .99 of the ten nearest of 100,000 in .6 ms (with two times: .97), and .94
# of a million in 1.8 ms; with PQ of 4 bits for 2 dimensions in place of RaBitQ a million take twice the memory.
_COMPARED = 4
_TRAINED_ON = 64  # vectors a cluster
_SAMPLE = _AT_ONCE = 20_000


class Dense:
    """Unit vectors (n, d) by position. `index`: FAISS, of the same vectors. `centre`: their mean."""

    def __init__(self, vectors: Rows, index: Any, centre: Vectors) -> None:
        self.size, self._exact = len(vectors), len(vectors) <= _FLAT
        self._vectors, self._index, self.centre = vectors, index, centre

    @classmethod
    def of(cls, vectors: Vectors) -> "Dense":
        return cls(vectors, _index(vectors, vectors.shape[1]), _centre(vectors, vectors.shape[1]))

    @classmethod
    def write(cls, path: Path, dimension: int) -> None:
        """The index beside the vectors that stand in a file already."""
        vectors = ByteVectors(vectors_of(path), dimension)
        np.save(_centre_of(path), _centre(vectors, dimension))
        if len(vectors) > _FLAT:
            faiss.write_index(_index(vectors, dimension), str(_index_of(path)))

    @classmethod
    def read(cls, path: Path, dimension: int, in_memory: bool) -> "Dense":
        vectors: Rows = ByteVectors(vectors_of(path), dimension, in_memory)
        if is_flat := len(vectors) <= _FLAT:
            vectors = vectors[:]
        index = _index(vectors, dimension) if is_flat else faiss.read_index(str(_index_of(path)))
        return cls(vectors, index, np.load(_centre_of(path)))

    def nearest(self, vector: Vectors, count: int) -> Positions:
        """At most `count`, best first, to the unit vector (d,)."""
        if not self.size:
            return np.empty(0, np.int64)
        looked_at = count if self._exact else _COMPARED * count
        _cosines, found = self._index.search(vector.reshape(1, -1), min(looked_at, self.size))
        positions: Positions = found[0][found[0] >= 0]
        if self._exact:
            return positions
        positions.sort()  # as they stand in the file
        return positions[np.argsort(-(self._vectors[positions] @ vector), kind="stable")[:count]]

    def vectors(self, positions: Positions) -> Vectors:
        """(n, d) at the positions."""
        found: Vectors = self._vectors[positions]
        return found


def vectors_of(path: Path) -> Path:
    return path.with_name(f"{path.name}.bytes")


def _index_of(path: Path) -> Path:
    return path.with_name(f"{path.name}.faiss")


def _centre_of(path: Path) -> Path:
    return path.with_name(f"{path.name}.centre.npy")


def _centre(vectors: Rows, dimension: int) -> Vectors:
    if not len(vectors):
        return np.zeros(dimension, np.float32)
    centre: Vectors = vectors[_some(len(vectors), _SAMPLE)].mean(axis=0)
    return centre


def _index(vectors: Rows, dimension: int) -> Any:
    size = len(vectors)
    index: Any
    if size <= _FLAT:
        index = faiss.IndexFlatIP(dimension)
    elif size <= _LOOKED_AT:
        index = faiss.index_factory(dimension, "RaBitQfs", faiss.METRIC_INNER_PRODUCT)
        index.train(vectors[_some(size, _SAMPLE)])
    else:
        clusters = size // _CLUSTER
        index = faiss.index_factory(dimension, f"IVF{clusters},RaBitQfs", faiss.METRIC_INNER_PRODUCT)
        index.cp.spherical, index.cp.niter = True, 8
        # By chance, not every so many: entries in the order of their ids may repeat their subjects.
        index.train(vectors[_some(size, _TRAINED_ON * clusters)])
        index.nprobe = _LOOKED_AT // _CLUSTER
    for start in range(0, size, _AT_ONCE):
        index.add(np.ascontiguousarray(vectors[start : start + _AT_ONCE]))
    return index


def _some(size: int, count: int) -> NDArray[np.int64]:
    """Positions, all or as many as that, the same every time."""
    if size <= count:
        return np.arange(size)
    return np.sort(np.random.default_rng(0).choice(size, count, replace=False))
