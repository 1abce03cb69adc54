"""Nearest vectors by FAISS: compared with all of them while there are few, with some clusters when there are many."""

from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

from retrieval.encoder.protocol import Vectors

faiss.omp_set_num_threads(1)  # one question is too small to share out; many questions come side by side

Positions = NDArray[np.int64]

# All are compared up to so many (2 ms); from there clusters, whose vectors are kept in a byte a dimension when they
# would take more than half a gigabyte.
_FLAT = 30_000
_EXACT = 300_000
_PROBES = 16
_TRAINED_ON = 48  # vectors a cluster


class Dense:
    """Unit vectors (n, d) by position. `vectors` of a compressed index differ from what was added by about .002."""

    def __init__(self, vectors: Vectors) -> None:
        self.size, self._dimension = vectors.shape
        sample = vectors[:: max(1, self.size // 20_000)]
        self.centre: Vectors = sample.mean(axis=0) if self.size else np.zeros(self._dimension, np.float32)
        self._kept: Vectors | None = vectors if self.size <= _FLAT else None
        self._index: Any = faiss.IndexFlatIP(self._dimension) if self._kept is not None else _clusters(vectors)
        if self._kept is not None:
            self._index.add(vectors)

    def nearest(self, vector: Vectors, count: int) -> Positions:
        """At most `count`, best first, to the unit vector (d,)."""
        if not self.size:
            return np.empty(0, np.int64)
        _cosines, found = self._index.search(vector.reshape(1, -1), min(count, self.size))
        positions: Positions = found[0][found[0] >= 0]
        return positions

    def vectors(self, positions: Positions) -> Vectors:
        """(n, d) at the positions."""
        if self._kept is not None:
            return self._kept[positions]
        found: Vectors = self._index.reconstruct_batch(np.ascontiguousarray(positions, np.int64))
        return found


def _clusters(vectors: Vectors) -> Any:
    size, dimension = vectors.shape
    count = int(size**0.5)
    coarse: Any = faiss.IndexFlatIP(dimension)
    index: Any
    if size <= _EXACT:
        index = faiss.IndexIVFFlat(coarse, dimension, count, faiss.METRIC_INNER_PRODUCT)
    else:
        index = faiss.IndexIVFScalarQuantizer(
            coarse, dimension, count, faiss.ScalarQuantizer.QT_8bit, faiss.METRIC_INNER_PRODUCT
        )
    index.cp.spherical, index.cp.niter = True, 8
    index.train(np.ascontiguousarray(vectors[:: max(1, size // (_TRAINED_ON * count))]))
    for start in range(0, size, 100_000):
        index.add(np.ascontiguousarray(vectors[start : start + 100_000]))
    index.make_direct_map()
    index.nprobe = _PROBES
    # The coarse quantizer belongs to Python, which would free it.
    index.own_fields = True
    coarse.this.disown()
    return index
