from collections.abc import Sequence

import numpy as np
import pytest

from retrieval.encoder.embedded import EmbeddedEncoder
from retrieval.encoder.projection import MOST, SIZE, Tokens
from retrieval.encoder.protocol import Vectors
from retrieval.index import KnowledgeIndex
from retrieval.knowledge import Entry
from retrieval.late import Near, Packed, late_of, token_encoding
from retrieval.reading import read


def test_the_same_text_is_nearest_and_word_order_hardly_matters(encoder: EmbeddedEncoder) -> None:
    asked, same, turned, other = encoder.encode_tokens(
        ["退货运费谁出", "退货运费谁出", "谁出退货的运费", "积分有效期多久"]
    )
    near = closeness(asked, same, turned, other)
    assert near[0] == pytest.approx(1)
    assert near[0] > near[1] > near[2] + 0.1


def test_nothing_said_is_near_to_nothing(encoder: EmbeddedEncoder) -> None:
    [some], nothing = encoder.encode_tokens(["退货运费谁出"]), np.zeros((MOST, SIZE), np.int8)
    assert closeness(nothing, some) == [0]
    assert closeness(some, nothing, some) == pytest.approx([0, 1])


def test_nearness_is_the_mean_of_both_weighted_ways(encoder: EmbeddedEncoder) -> None:
    asked, *texts = encoder.encode_tokens(["退货运费谁出", "寄回去的邮费算我的吗", "积分有效期多久", "在吗"])

    def found(these: Tokens, among: Tokens) -> float:
        these, among = (rows[rows.any(axis=1)].astype(float) for rows in (these, among))
        lengths = np.outer(np.linalg.norm(these, axis=1), np.linalg.norm(among, axis=1))
        return float(np.average((these @ among.T / lengths).max(axis=1), weights=(these**2).sum(axis=1)))

    expected = [(found(asked, text) + found(text, asked)) / 2 for text in texts]
    assert closeness(asked, *texts) == pytest.approx(expected, abs=1e-5)


def test_a_base_knows_the_phrasings_of_each_entry(entries: list[Entry], encoder: EmbeddedEncoder) -> None:
    index = KnowledgeIndex.build(entries, encoder.encode, encoder.name)
    changed = index.changed([entries[0].model_copy(update={"question": "换了一个问题"})], encoder.encode)
    for base in (index, changed):
        late = late_of(base, token_encoding(encoder))
        assert late is not None
        for position in range(base.size):
            asked = Near(late.encode([base.entry(position).question]), late)
            nearness, firsts = asked.to(np.array([0, position, 1]))
            assert nearness[firsts[1]] == pytest.approx(1, abs=0.02)
            assert len(nearness) == sum(late.starts[e + 1] - late.starts[e] for e in (0, position, 1))


def test_an_encoder_without_tokens_still_gives_the_vector(entries: list[Entry], encoder: EmbeddedEncoder) -> None:
    class Plain:
        name, dimension = encoder.name, encoder.dimension

        def encode(self, texts: Sequence[str]) -> Vectors:
            return encoder.encode(texts)

    index = KnowledgeIndex.build(entries, encoder.encode, encoder.name)
    plain, whole = read("退货", index, Plain()), read("退货", index, encoder)
    assert plain.tokens is None
    assert whole.tokens is not None
    assert plain.vectors == pytest.approx(whole.vectors)
    assert whole.vectors.shape == (1, encoder.dimension)
    assert whole.deep.shape == (1, 2 * encoder.dimension)


def closeness(asked: Tokens, *texts: Tokens) -> list[float]:
    every = np.array([0]), np.array([len(texts)])
    found: list[list[float]] = Packed.of(np.stack(texts)).closeness(asked[np.newaxis], *every).tolist()
    return found[0]


def test_one_reading_of_a_text_gives_all_that_is_known_of_it(encoder: EmbeddedEncoder) -> None:
    texts = ["退货运费谁出" * 10, "退货"]
    vectors, tokens = encoder.encode_whole(texts)
    assert vectors == pytest.approx(encoder.encode_deep(texts[::-1])[::-1], abs=1e-5)
    assert tokens is not None
    assert tokens.shape == (2, MOST, SIZE)
    assert (tokens == encoder.encode_tokens(texts[::-1])[::-1]).all()


def test_a_large_base_and_an_encoder_without_tokens_go_without(
    entries: list[Entry], encoder: EmbeddedEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = KnowledgeIndex.build(entries, encoder.encode, encoder.name)
    assert late_of(index, None) is None
    monkeypatch.setattr("retrieval.late.MOST_PHRASINGS", 3)
    assert late_of(index, token_encoding(encoder)) is None
    monkeypatch.setattr(encoder, "gives_tokens", False)
    assert token_encoding(encoder) is None
