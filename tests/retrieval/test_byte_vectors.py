from pathlib import Path

import numpy as np
import pytest

from retrieval.byte_vectors import ByteVectors, write


@pytest.mark.parametrize("in_memory", [True, False])
def test_cosines_come_out_as_they_were(tmp_path: Path, in_memory: bool) -> None:
    vectors = np.random.default_rng(1).standard_normal((300, 384)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    write(tmp_path / "some", vectors[:100])
    write(tmp_path / "some", vectors[100:])
    kept = ByteVectors(tmp_path / "some", 384, in_memory)
    assert len(kept) == 300
    assert kept[:] @ vectors[7] == pytest.approx(vectors @ vectors[7], abs=0.002)
    assert np.array_equal(kept[np.array([299, 0, 250])], kept[:][[299, 0, 250]])
    assert (tmp_path / "some").stat().st_size == 300 * (384 + 4)


def test_nothing_and_a_vector_of_zeros_can_be_kept(tmp_path: Path) -> None:
    write(tmp_path / "some", np.empty((0, 8), np.float32))
    assert len(ByteVectors(tmp_path / "some", 8)) == 0
    write(tmp_path / "some", np.zeros((1, 8), np.float32))
    assert not ByteVectors(tmp_path / "some", 8)[:].any()
