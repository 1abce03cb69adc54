from pathlib import Path

import numpy as np
import pytest

from retrieval.byte_vectors import write
from retrieval.dense import Dense
from retrieval.encoder.protocol import Vectors


def unit(vectors: Vectors) -> Vectors:
    scaled: Vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return scaled


def in_order_of_subjects(count: int, subjects: int, rng: np.random.Generator) -> Vectors:
    """Subjects come round again and again, as they do in ids that were given by category."""
    noise = rng.standard_normal((count, 64), np.float32)
    return unit(unit(rng.standard_normal((subjects, 64), np.float32))[np.arange(count) % subjects] + 0.05 * noise)


@pytest.mark.parametrize("looked_at", [50_000, 20_000])  # all of them; half of the clusters
def test_the_nearest_are_found_among_many_in_memory_and_on_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, looked_at: int
) -> None:
    monkeypatch.setattr("retrieval.dense._LOOKED_AT", looked_at)
    rng = np.random.default_rng(2)
    vectors = in_order_of_subjects(40_000, 200, rng)
    write(tmp_path / "some.bytes", vectors)
    Dense.write(tmp_path / "some", 64)
    asked = unit(vectors[rng.integers(len(vectors), size=100)] + 0.02 * rng.standard_normal((100, 64), np.float32))
    exact = [set(np.argsort(-(vectors @ vector))[:10].tolist()) for vector in asked]
    for dense in (Dense.of(vectors), *(Dense.read(tmp_path / "some", 64, in_memory) for in_memory in (True, False))):
        found = [set(dense.nearest(vector, 48)[:10].tolist()) for vector in asked]
        assert np.mean([len(one & other) / 10 for one, other in zip(exact, found, strict=True)]) >= 0.95
        assert dense.vectors(np.array([3, 39_999, 7])) == pytest.approx(vectors[[3, 39_999, 7]], abs=0.002)


def test_few_are_compared_with_all() -> None:
    vectors = in_order_of_subjects(500, 7, np.random.default_rng(3))
    assert Dense.of(vectors).nearest(vectors[5], 3).tolist() == np.argsort(-(vectors @ vectors[5]))[:3].tolist()
    assert Dense.of(np.empty((0, 64), np.float32)).nearest(vectors[0], 3).tolist() == []
