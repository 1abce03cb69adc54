"""What every encoder promises, on each adapter."""

import threading
from pathlib import Path

import numpy as np
import pytest

from core.settings import HOME
from retrieval.encoder import build, load_encoder
from retrieval.encoder.protocol import Encoder, EncoderError, Vectors

TEXTS = [
    "我的快递到哪了",
    "包裹现在走到什么地方了",
    "怎么开发票",
    "退货运费谁出",
    "今天天气真好",
    "",
    "长" * 3000,
    "😊",
]


@pytest.fixture(scope="module", params=["embedded", "sentence-transformers"])
def encoder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Encoder:
    folder = HOME / "var" / "models" / "encoder"
    if request.param == "embedded":
        if not build.is_current(folder):
            folder = tmp_path_factory.mktemp("models") / "encoder"
            build.build(folder)
        return load_encoder("embedded", folder)
    pytest.importorskip("sentence_transformers", reason="the extra kefu[encoder] is not installed")
    from retrieval.encoder.export import export

    exported = tmp_path_factory.mktemp("models") / "sentence-transformers"
    export(exported)
    return load_encoder(str(exported), folder)


def test_rows_are_unit_vectors_in_the_order_of_the_texts(encoder: Encoder) -> None:
    vectors = encoder.encode(TEXTS)
    assert vectors.shape == (len(TEXTS), encoder.dimension)
    assert vectors.dtype == np.float32
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-4)
    for text, vector in zip(TEXTS, vectors, strict=True):
        assert encoder.encode([text])[0] @ vector > 0.98, text


def test_the_same_text_gives_the_same_vector(encoder: Encoder) -> None:
    assert np.array_equal(encoder.encode(TEXTS[:3]), encoder.encode(TEXTS[:3]))


def test_nothing_to_encode_is_an_empty_matrix(encoder: Encoder) -> None:
    assert encoder.encode([]).shape == (0, encoder.dimension)


def test_like_meaning_lies_nearer(encoder: Encoder) -> None:
    asked, same, *others = encoder.encode(TEXTS[:5])
    assert all(asked @ same > asked @ other for other in others)


def test_width_and_invisible_characters_do_not_matter(encoder: Encoder) -> None:
    one, other = encoder.encode(["退货运费ABC", "退货\u200b运费ＡＢＣ"])
    assert one @ other > 0.9999


def test_threads_do_not_disturb_each_other(encoder: Encoder) -> None:
    alone = [encoder.encode([text]) for text in TEXTS[:5]]
    together: dict[int, Vectors] = {}

    def work(i: int) -> None:
        for _ in range(5):
            together[i] = encoder.encode([TEXTS[i]])

    threads = [threading.Thread(target=work, args=(i,)) for i in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for i, vectors in enumerate(alone):
        assert np.allclose(together[i], vectors, atol=1e-5)


def test_the_name_tells_weights_apart(encoder: Encoder) -> None:
    assert len(encoder.name) > 12


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(__import__("sys").modules, "sentence_transformers", None)
    with pytest.raises(EncoderError, match=r"pip install 'kefu\[encoder\]'"):
        load_encoder("BAAI/bge-small-zh-v1.5", tmp_path)
