from __future__ import annotations

import json
import shutil
import zlib
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import spacy
from numpy.typing import NDArray

from core.crypto import new_key
from core.errors import NotFound
from core.settings import load_settings
from handoff.decision import load_thresholds
from handoff.sentiment import OtherForm, Sentiment, SentimentModel
from handoff.sentiment.classifier import DEGREES, softmax
from handoff.sentiment.features import Vocabulary, bags
from handoff.sentiment.lexicon import LEXICON, Lexicon
from handoff.sentiment.quality import AngerGate, anger_gate, expected_calibration_error
from handoff.sentiment.training import REPORT, Report, SentimentDataError, train
from retrieval.encoder.embedded import EmbeddedEncoder
from tests.conftest import missing
from training.registry import Registry, Version
from training.sources import encoder_folder

SETTINGS = load_settings(secret_key="s" * 32, data_key=new_key(), action_token="t" * 32)
DATA = Path(__file__).parent / "data" / "sentiment.tsv"


class CharacterEncoder:
    """An encoder without weights: the mean of one fixed random vector a character."""

    name = "characters"
    dimension = 32

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        rows = [np.mean([self._vector(char) for char in text], axis=0) for text in texts]
        return np.stack([row / np.linalg.norm(row) for row in rows]).astype(np.float32)

    def encode_deep(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return np.concatenate([self.encode(texts)] * 2, axis=1)

    def _vector(self, char: str) -> NDArray[np.float64]:
        return np.random.default_rng(zlib.crc32(char.encode())).standard_normal(self.dimension)


ENCODER = CharacterEncoder()


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Report]:
    folder = tmp_path_factory.mktemp("models") / "sentiment"
    return folder, train(DATA, ENCODER, folder, held_out=DATA)


@pytest.fixture
def model(trained: tuple[Path, Report]) -> SentimentModel:
    return SentimentModel.load(trained[0])


def score(model: SentimentModel, text: str) -> float:
    return model.score(text, ENCODER.encode_deep([text])[0]).score


def test_anger_scores_below_a_question_and_praise_above(model: SentimentModel) -> None:
    assert score(model, "骗子，垃圾，气死我了") < score(model, "帮我查一下订单") < score(model, "太棒了，非常满意")


def test_a_sentiment_is_a_distribution(model: SentimentModel) -> None:
    text = "太恶心了，退钱"
    sentiment = model.score(text, ENCODER.encode_deep([text])[0])
    assert list(sentiment.probabilities) == list(DEGREES)
    assert sum(sentiment.probabilities.values()) == pytest.approx(1, abs=1e-3)
    assert sentiment.degree == max(sentiment.probabilities, key=sentiment.probabilities.__getitem__)
    assert -1 <= sentiment.score <= 1


@pytest.mark.parametrize("text", ["", " ", "🙂", "\u200b", "a" * 5000])
def test_odd_texts_are_scored(model: SentimentModel, text: str) -> None:
    vector = np.zeros(2 * ENCODER.dimension, dtype=np.float32)
    assert -1 <= model.score(text, vector).score <= 1


def test_the_pipeline_is_a_spacy_pipeline_that_survives_the_disk(model: SentimentModel, tmp_path: Path) -> None:
    model.nlp.to_disk(tmp_path / "copy")
    nlp = spacy.load(tmp_path / "copy")
    text = "等了三天还没发货"
    doc = nlp.make_doc(text)
    doc._.sentence_vector = ENCODER.encode_deep([text])[0]
    doc = nlp(doc)
    assert nlp.pipe_names == ["kefu_sentiment"]
    assert doc._.sentiment == model.score(text, ENCODER.encode_deep([text])[0])
    assert (doc._.sentiment_score, doc._.sentiment_degree) == (doc._.sentiment.score, doc._.sentiment.degree)


def test_a_doc_without_its_vector_is_refused(model: SentimentModel) -> None:
    with pytest.raises(ValueError, match="sentence_vector"):
        model.nlp("在吗")


def test_training_is_skipped_until_something_changes(trained: tuple[Path, Report], tmp_path: Path) -> None:
    folder, report = trained
    written = (folder / REPORT).stat().st_mtime_ns
    again = train(DATA, ENCODER, folder, held_out=DATA)
    assert again.skipped and not report.skipped
    assert again.as_json() == report.as_json()
    assert (folder / REPORT).stat().st_mtime_ns == written

    changed = tmp_path / "changed.tsv"
    changed.write_text(DATA.read_text(encoding="utf-8") + "neutral\t几点下班\n", encoding="utf-8")
    assert not train(changed, ENCODER, folder, held_out=DATA).skipped
    train(DATA, ENCODER, folder, held_out=DATA)


@pytest.mark.parametrize(
    ("lines", "place"),
    [
        ("text\tdegree\n", ":1:"),
        ("degree\ttext\nneutral\t在吗\nangry\t退钱\n", ":3:"),
        ("degree\ttext\nneutral\n", ":2:"),
        ("degree\ttext\nneutral\t在吗\n", "very_negative"),
    ],
)
def test_bad_data_is_named(tmp_path: Path, lines: str, place: str) -> None:
    path = tmp_path / "bad.tsv"
    path.write_text(lines, encoding="utf-8")
    with pytest.raises(SentimentDataError, match=place):
        train(path, ENCODER, tmp_path / "model")


def test_no_model_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="kefu train"):
        SentimentModel.load(tmp_path)


def test_a_model_of_another_form_is_named_as_such(trained: tuple[Path, Report], tmp_path: Path) -> None:
    shutil.copytree(trained[0], tmp_path / "old")
    (weights,) = (tmp_path / "old").rglob("weights.npz")
    with np.load(weights) as file:
        arrays = dict(file)
    del arrays["projection"]
    np.savez(weights, **arrays)
    with pytest.raises(OtherForm, match="another version"):
        SentimentModel.load(tmp_path / "old")


def test_the_threshold_of_the_decision_follows_the_model(version: Version) -> None:
    calibrated = json.loads((version.sentiment / REPORT).read_text(encoding="utf-8"))["anger"]["threshold"]
    assert load_thresholds(version.thresholds).sentiment == calibrated


def test_the_anger_gate_by_hand() -> None:
    furious, cross, calm = [1, 0, 0, 0, 0], [0.2, 0.8, 0, 0, 0], [0, 0, 1, 0, 0]  # scores -1, -0.6, 0
    probabilities = np.array([furious, furious, cross, cross, calm], dtype=np.float32)
    labels = np.array([0, 0, 0, 1, 2])
    assert anger_gate(probabilities, labels, precision=0.9) == AngerGate(-0.61, 1.0, 0.6667)
    assert anger_gate(probabilities, labels, precision=0.7).recall == 1.0


def test_tokens_of_a_text() -> None:
    found = bags("ＡB不好吃!", Lexicon({"好吃": "positive", "真": "strong"}))
    assert {"^", "ab", "^ab不", "吃!$"} <= set(found["characters"])
    assert found["negated"] == {"好": 1, "吃": 1, "好吃": 1}
    assert found["words"] == {"not positive": 1, "not positive $": 1}
    assert found["shape"] == {"!": 1, "length 2": 1, "clauses 1": 1}


def test_a_vocabulary_keeps_what_is_seen_twice() -> None:
    vocabulary = Vocabulary.fit([Counter("退货"), Counter("退款")])
    assert set(vocabulary.index) == {"退"}
    assert np.linalg.norm(vocabulary.transform(Counter("退退"))[1]) == pytest.approx(1)
    assert len(vocabulary.transform(Counter("物流"))[0]) == 0


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("没有不满意 真好", ["not negative", "positive"]),
        ("太棒了", ["very_positive"]),
        ("有点失望", ["weak", "negative"]),
        ("订单号多少", []),
    ],
)
def test_words_of_the_lexicon_are_found_with_their_negation(text: str, kinds: list[str]) -> None:
    assert list(Lexicon.read(LEXICON).find(text)) == kinds


def test_two_degrees_are_enough(tmp_path: Path) -> None:
    rows = [row for row in DATA.read_text(encoding="utf-8").splitlines() if row.startswith(("negative", "positive"))]
    path = tmp_path / "two.tsv"
    path.write_text("\n".join(["label\ttext", *rows]) + "\n", encoding="utf-8")
    train(path, ENCODER, tmp_path / "model", degrees=("negative", "positive"))
    model = SentimentModel.load(tmp_path / "model")
    assert set(model.score("太棒了", ENCODER.encode_deep(["太棒了"])[0]).probabilities) == {"negative", "positive"}
    assert score(model, "等了好几天，有点失望") < 0 < score(model, "收到了，挺满意，谢谢")


@pytest.fixture(scope="module")
def version() -> Version:
    """The models that serve from this checkout."""
    try:
        return Registry(SETTINGS).current()
    except NotFound as error:
        return missing(str(error))  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def served(version: Version) -> Callable[[str], Sentiment]:
    encoder, model = EmbeddedEncoder(encoder_folder(SETTINGS)), SentimentModel.load(version.sentiment)
    return lambda text: model.score(text, encoder.encode_deep([text])[0])


@pytest.mark.parametrize(
    ("worse", "better"),
    [
        ("这个锅不好用", "这个锅好用"),
        ("对你们的服务不满意", "没有什么不满意的"),
        ("真厉害 一个月了还没退款", "真厉害 一分钟就退款了"),
        ("骗子 赶紧退钱", "退款有点慢 能不能快一点"),
        ("退款有点慢 能不能快一点", "退款一般几天到账"),
        ("麻烦你们看看 这个质量有点失望", "麻烦你们看看 我的快递到哪了"),
        ("包装真差", "包装差了点 不过东西挺好"),
    ],
)
def test_degrees_that_look_alike_are_told_apart(served: Callable[[str], Sentiment], worse: str, better: str) -> None:
    assert served(worse).score < served(better).score - 0.2


def test_expected_calibration_error_by_hand() -> None:
    probabilities = np.array([[0.95, 0.05], [0.95, 0.05], [0.35, 0.65], [0.35, 0.65]], dtype=np.float32)
    labels = np.array([0, 1, 1, 1])
    assert expected_calibration_error(probabilities, labels) == pytest.approx((0.45 + 0.35) / 2, abs=1e-5)
    assert softmax(np.array([0.0, 0.0])) == pytest.approx([0.5, 0.5])
