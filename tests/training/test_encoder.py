from collections.abc import Sequence

import numpy as np
import pytest

from core.errors import KefuError
from retrieval.encoder.protocol import Vectors
from training.encoder import Split, batches, compare

SPLIT = Split(learnt=tuple((f"问{n}", f"说{n}") for n in range(40)), held_out=tuple((f"听{n}",) for n in range(40)))


class ByNumber:
    """Knows which entry a text belongs to for the first `known` entries, and takes all others for the last one."""

    name, dimension = "by-number", 41

    def __init__(self, known: int) -> None:
        self._known = known

    def encode(self, texts: Sequence[str]) -> Vectors:
        numbers = [int(text[1:]) if text[0] != "听" or int(text[1:]) < self._known else 40 for text in texts]
        return np.eye(41, dtype=np.float32)[numbers]


def test_a_batch_pairs_phrasings_of_one_entry_and_has_no_entry_twice() -> None:
    for batch in batches(SPLIT.learnt, steps=3, seed=1):
        owners = [first[1:] for first, _second in batch]
        assert owners == [second[1:] for _first, second in batch]
        assert len(owners) == len(set(owners)) == 32
        assert all(first != second for first, second in batch)


def test_with_nothing_to_pair_it_says_so() -> None:
    with pytest.raises(KefuError, match="other phrasings"):
        next(batches([("问",), ("说", "听")], steps=1, seed=1))


def test_a_gain_passes_and_noise_or_a_loss_does_not() -> None:
    gain = compare(SPLIT, ByNumber(20), ByNumber(35), seed=1)
    assert gain.better
    assert (gain.held_out, gain.after) == (40, 0.875)
    assert gain.interval[0] > 0
    assert not compare(SPLIT, ByNumber(20), ByNumber(20), seed=1).better
    assert not compare(SPLIT, ByNumber(35), ByNumber(20), seed=1).better
