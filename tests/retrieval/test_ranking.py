from datetime import datetime

import numpy as np
import pytest

from retrieval.encoder.embedded import EmbeddedEncoder
from retrieval.index import KnowledgeIndex, fingerprint
from retrieval.knowledge import SHOP_ZONE, Entry
from retrieval.late import Near, late_of, token_encoding
from retrieval.ranking import DEPTH, FEATURES, LATE, Without, rank


@pytest.fixture(scope="module")
def index(entries: list[Entry], encoder: EmbeddedEncoder) -> KnowledgeIndex:
    return KnowledgeIndex.build(entries, encoder.encode, encoder.name)


@pytest.mark.parametrize(
    ("question", "best"),
    [
        ("退回去的快递费算谁的", "kb-fee"),
        ("寄回给你们的运费我出吗", "kb-fee"),
        ("质量问题谁出钱", "kb-fee"),
        ("专票能不能开", "kb-invoice"),
        ("分数到年底清零吗", "kb-points"),
    ],
)
def test_the_right_entry_comes_first(index: KnowledgeIndex, encoder: EmbeddedEncoder, question: str, best: str) -> None:
    ranking = rank(index, question, encoder.encode([question])[0])
    assert index.entry(int(ranking.entries[0])).id == best
    assert ranking.features.shape == (min(DEPTH, index.size), len(FEATURES))


def test_features_are_what_they_say(index: KnowledgeIndex, encoder: EmbeddedEncoder) -> None:
    question = "积分有效期多久"
    vector = encoder.encode([question])[0]
    ranking = rank(index, question, vector)
    best, mean, body, coverage, agrees, late = ranking.features[0]
    entry = int(ranking.entries[0])
    [segment] = index.segments
    own = np.arange(*segment.catalogue.starts[entry : entry + 2])
    cosines = segment.phrasings.dense.vectors(own) @ vector
    assert (best, mean) == pytest.approx((cosines.max(), cosines.mean() - cosines.max()), rel=1e-5)
    assert best > 0.98
    written = segment.bodies.dense.vectors(segment.catalogue.bodies[[entry]])[0]
    assert body == pytest.approx(written @ vector - cosines.max(), rel=1e-4)
    assert agrees == 0
    assert np.isnan(late)  # nobody gave the tokens
    assert coverage == pytest.approx(np.sqrt(13))  # wholly there, of 7 characters and 6 pairs
    middle, known = ranking.field
    assert middle == pytest.approx(index.centre @ vector)
    assert known == 1


def test_what_is_left_out_is_as_if_it_were_not_there(index: KnowledgeIndex, encoder: EmbeddedEncoder) -> None:
    question = "专票怎么申请"
    owner = index.position("kb-invoice")
    assert owner is not None
    catalogue = index.segments[0].catalogue
    said = [catalogue.phrasing(p) for p in range(*catalogue.starts[owner : owner + 2])]
    vector = encoder.encode([question])[0]
    whole = rank(index, question, vector)
    without = rank(index, question, vector, Without(owner, said.index(question)))
    assert whole.entries[0] == without.entries[0] == owner
    assert without.features[0, 0] < 0.99 < whole.features[0, 0]
    assert without.features[0, 3] < whole.features[0, 3]
    assert owner not in rank(index, question, vector, Without(owner)).entries


def test_no_entries_rank_nothing(encoder: EmbeddedEncoder) -> None:
    empty = KnowledgeIndex.build([], encoder.encode, encoder.name)
    assert len(rank(empty, "退货", encoder.encode(["退货"])[0]).entries) == 0


def test_characters_nobody_wrote_still_rank_by_meaning(index: KnowledgeIndex, encoder: EmbeddedEncoder) -> None:
    question, late = "refund shipping", late_of(index, token_encoding(encoder))
    assert late is not None
    ranking = rank(index, question, encoder.encode([question])[0], near=Near(late.encode([question]), late))
    assert np.isfinite(ranking.features).all()


def test_the_fingerprint_follows_what_a_search_would_find(entries: list[Entry]) -> None:
    first = entries[0]
    before = fingerprint(entries, "encoder")
    assert fingerprint([*entries[1:], first.model_copy(update={"answer": "别的"})], "encoder") != before
    assert fingerprint(entries, "other encoder") != before
    retired = first.model_copy(update={"id": "kb-x", "status": "retired"})
    later = first.model_copy(update={"version": 9, "valid_until": datetime(2030, 1, 1, tzinfo=SHOP_ZONE)})
    assert fingerprint([later, *entries[1:], retired], "encoder") == before


def test_tokens_speak_for_the_entry_whose_words_are_meant(index: KnowledgeIndex, encoder: EmbeddedEncoder) -> None:
    late = late_of(index, token_encoding(encoder))
    assert late is not None
    question = "积分什么时候到期"
    ranking = rank(index, question, encoder.encode([question])[0], near=Near(late.encode([question]), late))
    nearness = ranking.features[:, LATE]
    assert index.entry(int(ranking.entries[0])).id == "kb-points"
    assert nearness.argmax() == 0
    assert (np.abs(nearness) <= 1 + 1e-6).all()


def test_a_phrasing_left_out_has_no_tokens_either(index: KnowledgeIndex, encoder: EmbeddedEncoder) -> None:
    late = late_of(index, token_encoding(encoder))
    owner = index.position("kb-invoice")
    assert late is not None
    assert owner is not None
    question = index.entry(owner).question
    vector, near = encoder.encode([question])[0], Near(late.encode([question]), late)
    found, without = (rank(index, question, vector, leaving, near) for leaving in (None, Without(owner, 0)))
    [whole], [partial] = (ranking.features[ranking.entries == owner, LATE] for ranking in (found, without))
    assert partial < whole == pytest.approx(1, abs=0.01)
