from collections.abc import Sequence
from pathlib import Path

import numpy as np

from retrieval.encoder.protocol import Vectors
from retrieval.vectors import VectorCache


class Counting:
    """Encodes a text as its length and remembers what it was asked for."""

    dimension = 2

    def __init__(self, name: str = "counting") -> None:
        self.name = name
        self.asked: list[str] = []

    def encode(self, texts: Sequence[str]) -> Vectors:
        self.asked += texts
        return np.array([[len(text), 1] for text in texts], np.float32).reshape(-1, 2)


def test_only_new_texts_are_encoded_even_after_a_restart(tmp_path: Path) -> None:
    encoder = Counting()
    cache = VectorCache(tmp_path, "test", encoder)
    assert cache.encode(["一", "二二", "一"]).tolist() == [[1, 1], [2, 1], [1, 1]]
    assert VectorCache(tmp_path, "test", encoder).encode(["三三三", "二二"]).tolist() == [[3, 1], [2, 1]]
    assert encoder.asked == ["一", "二二", "一", "三三三"]


def test_what_is_gone_is_not_kept(tmp_path: Path) -> None:
    encoder = Counting()
    cache = VectorCache(tmp_path, "test", encoder)
    for texts in (["一"], [], ["一"]):
        assert len(cache.encode(texts)) == len(texts)
    assert encoder.asked == ["一", "一"]


def test_vectors_of_another_encoder_are_not_taken(tmp_path: Path) -> None:
    VectorCache(tmp_path, "test", Counting()).encode(["一"])
    other = Counting("other")
    VectorCache(tmp_path, "test", other).encode(["一"])
    assert other.asked == ["一"]


def test_a_damaged_file_is_made_again(tmp_path: Path) -> None:
    VectorCache(tmp_path, "test", Counting()).encode(["一"])
    [path] = tmp_path.iterdir()
    path.write_bytes(path.read_bytes()[:100])
    encoder = Counting()
    assert VectorCache(tmp_path, "test", encoder).encode(["一"]).tolist() == [[1, 1]]
    assert encoder.asked == ["一"]
