from pathlib import Path

import numpy as np
import pytest

from retrieval import lexical
from retrieval.lexical import Postings, PostingsWriter, grams, keys_of, telling

TEXTS = ["退货运费谁承担", "几天之内可以退货", "可以开发票吗", "iPhone 15 保护壳", ""]


def scores(texts: list[str], question: str) -> np.ndarray:
    """BM25 of every text, by the textbook."""
    postings, keys = Postings.of(texts), keys_of(question)
    times = postings.counts(keys, np.arange(len(texts))).astype(float)
    lengths = np.array([len(grams(text)) for text in texts])
    norms = 1.5 * (0.25 + 0.75 * lengths / lengths.mean())
    idf = telling(postings.found_in(keys), postings.size)
    return (idf[:, None] * times * 2.5 / (times + norms)).sum(axis=0)


def test_grams_are_characters_words_and_pairs() -> None:
    assert grams("退iPhone15！吗") == ["退", "iphone15", "吗", "退iphone15", "iphone15吗"]
    assert grams("！？…") == []


@pytest.mark.parametrize(("question", "best"), [("退货的运费", 0), ("几天可以退", 1), ("开发票", 2), ("IPHONE 壳", 3)])
def test_the_text_that_says_the_same_is_best(question: str, best: int) -> None:
    assert int(scores(TEXTS, question).argmax()) == best
    postings, keys = Postings.of(TEXTS), keys_of(question)
    assert postings.best(keys, telling(postings.found_in(keys), postings.size), 1).tolist() == [best]


def test_counts_are_how_often_each_text_has_each_gram() -> None:
    postings = Postings.of(["甲乙", "甲甲", "丙"])
    assert postings.counts(keys_of("甲"), np.array([0, 1, 2])).tolist() == [[1, 2, 0]]
    assert postings.counts(keys_of("丁"), np.array([0, 2])).tolist() == [[0, 0]]


def test_the_best_are_those_of_all_scores_while_few_postings_are_read() -> None:
    rng = np.random.default_rng(3)
    texts = ["".join(rng.choice(list("退换货运费发票积分券尺码颜色保修几天"), 9)) for _ in range(500)]
    for question in texts[:20]:
        postings, keys = Postings.of(texts), keys_of(question)
        best = postings.best(keys, telling(postings.found_in(keys), postings.size), 5)
        every = scores(texts, question)
        assert every[best].sum() == pytest.approx(np.sort(every)[-5:].sum())


def test_grams_everybody_has_are_not_read_beside_telling_ones() -> None:
    texts = [f"可以吗{chr(0x4E00 + n % 3000)}" for n in range(60_000)] + ["可以吗龘"]
    postings, keys = Postings.of(texts), keys_of("可以吗龘")
    assert 60_000 in postings.best(keys, telling(postings.found_in(keys), postings.size), 5)


def test_nothing_indexed_matches_nothing() -> None:
    postings = Postings.of([])
    keys = keys_of("退货")
    assert postings.best(keys, telling(postings.found_in(keys), 0), 5).shape == (0,)
    assert postings.found_in(keys).tolist() == [0] * len(keys)


def test_on_disk_they_say_the_same_as_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lexical, "_AT_ONCE", 700)
    rng = np.random.default_rng(4)
    texts = ["".join(rng.choice(list("退换货运费发票积分券尺码"), rng.integers(12))) for _ in range(500)]
    writer = PostingsWriter(tmp_path / "some")
    for start in range(0, len(texts), 90):
        writer.add(texts[start : start + 90])
    writer.finish()
    kept, keys = Postings.of(texts), keys_of("退货的运费券")
    idf = telling(kept.found_in(keys), kept.size)
    for read in (Postings.read(tmp_path / "some", in_memory) for in_memory in (True, False)):
        assert np.array_equal(read.found_in(keys), kept.found_in(keys))
        assert np.array_equal(read.counts(keys, np.arange(500)), kept.counts(keys, np.arange(500)))
        assert np.array_equal(read.best(keys, idf, 20), kept.best(keys, idf, 20))
