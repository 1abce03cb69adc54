import numpy as np
import pytest

from retrieval.encoder.embedded import EmbeddedEncoder
from retrieval.encoder.projection import MOST, SIZE
from retrieval.index import KnowledgeIndex
from retrieval.knowledge import Entry
from retrieval.late import closeness, late_of, token_encoding


def test_the_same_text_is_nearest_and_word_order_hardly_matters(encoder: EmbeddedEncoder) -> None:
    asked, same, turned, other = encoder.encode_tokens(
        ["退货运费谁出", "退货运费谁出", "谁出退货的运费", "积分有效期多久"]
    )
    near = closeness(asked, np.stack([same, turned, other]))
    assert near[0] == pytest.approx(1)
    assert near[0] > near[1] > near[2] + 0.1


def test_nothing_said_is_near_to_nothing(encoder: EmbeddedEncoder) -> None:
    some, nothing = encoder.encode_tokens(["退货运费谁出"]), np.zeros((1, MOST, SIZE), np.int8)
    assert closeness(nothing[0], some).tolist() == [0]
    assert closeness(some[0], nothing)[0] < 0


def test_one_reading_of_a_text_gives_all_that_is_known_of_it(encoder: EmbeddedEncoder) -> None:
    text = "退货运费谁出" * 10
    vector, tokens = encoder.encode_whole(text)
    assert vector == pytest.approx(encoder.encode_deep([text])[0])
    assert tokens is not None
    assert tokens.shape == (MOST, SIZE)
    assert (tokens == encoder.encode_tokens([text])[0]).all()


def test_a_large_base_and_an_encoder_without_tokens_go_without(
    entries: list[Entry], encoder: EmbeddedEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = KnowledgeIndex.build(entries, encoder.encode, encoder.name)
    assert late_of(index, None) is None
    monkeypatch.setattr("retrieval.late.MOST_PHRASINGS", 3)
    assert late_of(index, token_encoding(encoder)) is None
    monkeypatch.setattr(encoder, "gives_tokens", False)
    assert token_encoding(encoder) is None
