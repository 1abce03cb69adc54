"""The intent model and its training, without Rasa."""

from pathlib import Path

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from bot.assistant.components.intent_model import IntentModel, ngrams
from bot.assistant.components.intent_training import (
    Examples,
    TrainingSettings,
    break_even,
    expected_calibration_error,
    fit,
)
from bot.assistant.components.linear_model import softmax, tfidf
from bot.assistant.components.logistic import Fit, Matrix, zeros
from bot.assistant.components.logistic import fit as fit_logistic
from bot.assistant.components.sounds import Sounds

SETTINGS = TrainingSettings(
    longest_ngram=2, strengths=(1.0, 10.0), folds=5, fewest=5, side_weight=0.1, wrong_answer_cost=1, random_state=1
)


SOUNDS = Sounds({"退": "tui", "货": "huo", "或": "huo", "到": "dao", "分": "fen", "西": "xi", "安": "an", "先": "xian"})


def made(side: bool = False) -> Examples:
    """Three intents in eight dimensions, apart but not without overlap."""
    random = np.random.default_rng(7)
    names, words = ["退货", "物流", "积分"], ["退", "到", "分"]
    labels = [i % 3 for i in range(150)]
    vectors = np.eye(8)[labels] + random.normal(scale=0.5, size=(150, 8))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return Examples(
        texts=[f"{words[label]}{'吗呢啊'[n % 2]}{n % 7}" for n, label in enumerate(labels)],
        vectors=vectors.astype(np.float32),
        intents=[names[label] for label in labels],
        side=np.array([side and n >= 120 for n in range(150)]),
    )


def test_ngrams_mark_the_ends_and_forget_which_number_it_is() -> None:
    assert ngrams("退货", 2) == {"退": 1, "货": 1, "^退": 1, "退货": 1, "货$": 1}
    assert ngrams("单号KF202611080123", 3) == ngrams("单号kf209901019999", 3)


def test_tfidf_has_unit_length_and_no_unknown_grams() -> None:
    rows, values = tfidf(ngrams("退退货", 1), {"退": 0, "货": 1}, np.array([1.0, 2.0]))
    assert rows == [0, 1]
    assert np.linalg.norm(values) == pytest.approx(1)
    assert tfidf(ngrams("?", 1), {"退": 0}, np.array([1.0])) == ([], [])


def test_a_fitted_model_knows_its_examples_and_survives_its_file(tmp_path: Path) -> None:
    examples = made()
    model, report = fit(examples, SETTINGS, SOUNDS)
    guesses = [model.probabilities(text, v) for text, v in zip(examples.texts, examples.vectors, strict=True)]
    right = [guess[0][0] == intent for guess, intent in zip(guesses, examples.intents, strict=True)]
    assert np.mean(right) > 0.95
    assert sum(probability for _, probability in guesses[0]) == pytest.approx(1, abs=1e-5)
    assert report["strength"] in SETTINGS.strengths
    assert report["out_of_fold"]["ece"] < 0.15
    model.save(tmp_path)
    assert IntentModel.load(tmp_path).probabilities("退吗1", examples.vectors[0]) == model.probabilities(
        "退吗1", examples.vectors[0]
    )


def test_side_examples_are_not_counted_in_the_figures() -> None:
    _, report = fit(made(side=True), SETTINGS, SOUNDS)
    assert (report["examples"], report["side_examples"]) == (120, 30)


def test_a_rare_intent_is_named() -> None:
    examples = made()
    with pytest.raises(ValueError, match="少见"):
        fit(
            Examples(examples.texts, examples.vectors, ["少见", *examples.intents[1:]], examples.side), SETTINGS, SOUNDS
        )


def test_the_threshold_weighs_wrong_answers() -> None:
    for cost in (1.0, 4.0):
        threshold = break_even(cost)
        assert threshold - (1 - threshold) * cost == pytest.approx(0)  # neither gains nor loses


def test_calibration_error() -> None:
    confidence = np.full(100, 0.8)
    assert expected_calibration_error(confidence, np.arange(100) % 5 > 0) == pytest.approx(0, abs=1e-6)
    assert expected_calibration_error(confidence, np.zeros(100, bool)) == pytest.approx(0.8)


def test_softmax() -> None:
    assert softmax(np.array([0.0, 0.0])) == pytest.approx([0.5, 0.5])
    assert softmax(np.array([1000.0, 0.0])) == pytest.approx([1, 0])


def test_what_sounds_alike_is_alike() -> None:
    assert SOUNDS.ngrams("退货") == SOUNDS.ngrams("退或") == SOUNDS.ngrams("TUIHUO") == {
        "~^.tui": 1, "~tui.huo": 1, "~huo.$": 1, "~^.tui.huo": 1, "~tui.huo.$": 1
    }  # fmt: skip


def test_only_words_that_are_pinyin_sound() -> None:
    assert SOUNDS.syllables("xian") == ["xian"]  # the fewest syllables: not xi'an
    assert SOUNDS.syllables("order 到 KF2026") == ["dao"]


def test_the_fit_is_at_the_minimum_of_its_objective() -> None:
    random = np.random.default_rng(5)
    labels = random.integers(3, size=200)
    dense = (random.normal(size=(200, 4)) @ random.normal(size=(4, 6)) + 2 * labels[:, None]).astype(np.float32)
    features = Matrix(dense, csr_matrix((random.random((200, 5)) < 0.2).astype(np.float32)))
    weights = random.uniform(0.5, 1.5, size=200)

    def slope(fit: Fit) -> float:
        residuals = (softmax(fit.logits(features)) - np.eye(3)[labels]) * 3.0 * weights[:, None]
        by_weight = np.vstack([dense.T @ residuals, features.sparse.T @ residuals]) + fit.weights
        return float(max(np.abs(by_weight).max(), np.abs(residuals.sum(axis=0)).max()))

    found = fit_logistic(features, labels, weights, 3.0, zeros(features, 3), tolerance=1e-9)
    assert slope(found) < 0.01 * slope(zeros(features, 3))
