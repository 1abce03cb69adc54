import numpy as np
import pytest

from retrieval.lexical import LexicalIndex, grams

TEXTS = ["退货运费谁承担", "几天之内可以退货", "可以开发票吗", "iPhone 15 保护壳", ""]


def test_grams_are_characters_words_and_pairs() -> None:
    assert grams("退iPhone15！吗") == ["退", "iphone15", "吗", "退iphone15", "iphone15吗"]
    assert grams("！？…") == []


@pytest.mark.parametrize(("question", "best"), [("退货的运费", 0), ("几天可以退", 1), ("开发票", 2), ("IPHONE 壳", 3)])
def test_the_text_that_says_the_same_is_best(question: str, best: int) -> None:
    match = LexicalIndex(TEXTS).match(question)
    assert int(match.bm25.argmax()) == best
    assert int(match.coverage.argmax()) == best


def test_coverage_is_one_for_what_is_there_and_less_for_what_is_not() -> None:
    index = LexicalIndex(TEXTS)
    assert index.match("可以退货").coverage[1] == pytest.approx(1)
    assert index.match("可以退宠物").coverage[1] < 0.5
    assert not index.match("宠物").bm25.any()
    assert index.coverage_by("退货运费", TEXTS[0]) == pytest.approx(index.match("退货运费").coverage[0])


def test_bm25_is_the_textbooks() -> None:
    texts = ["甲乙", "甲", "丙"]
    frequency, lengths = 1, np.array([3, 1, 1])  # grams: 甲, 乙, 甲乙 / 甲 / 丙
    idf = np.log1p((3 - 2 + 0.5) / (2 + 0.5))
    norm = 1.5 * (0.25 + 0.75 * lengths / lengths.mean())
    expected = idf * frequency * 2.5 / (frequency + norm) * [1, 1, 0]
    assert LexicalIndex(texts).match("甲").bm25 == pytest.approx(expected, rel=1e-5)


def test_nothing_indexed_matches_nothing() -> None:
    match = LexicalIndex([]).match("退货")
    assert match.bm25.shape == match.coverage.shape == (0,)
