"""The gate tells a regression from noise, and names it."""

from dataclasses import replace

import numpy as np
import pytest

from training.evaluation import Evaluation, Mood, Story, Utterance, entity_scores, out_of_scope_recall
from training.gate import compare

INTENTS = [f"intent_{number:02}" for number in range(47)]
EACH = 15


def utterance(text: str, intent: str, guess: str, probability: float = 0.9) -> Utterance:
    return Utterance(text, intent, ((guess, probability), ("other", 1 - probability)), probability > 0.5, (), (), 0.0)


def answers(wrong_share: float, seed: int) -> Evaluation:
    """47 intents of 15 utterances, a share of them wrong, by chance."""
    random = np.random.default_rng(seed)
    found = [
        utterance(f"{intent} {number}", intent, "other" if random.random() < wrong_share else intent)
        for intent in INTENTS
        for number in range(EACH)
    ]
    return Evaluation(tuple(found), (), (), {})


def with_wrong(evaluation: Evaluation, intent: str, count: int) -> Evaluation:
    """The first `count` utterances of an intent taken for another."""
    of_intent = [one for one in evaluation.utterances if one.intent == intent][:count]
    wrong = {one.text for one in of_intent}
    changed = [utterance(one.text, intent, "other") if one.text in wrong else one for one in evaluation.utterances]
    return replace(evaluation, utterances=tuple(changed))


def test_a_version_is_no_worse_than_itself() -> None:
    evaluation = answers(0.05, seed=0)
    verdict = compare(evaluation, evaluation)
    assert verdict.passed
    assert verdict.compared == len(INTENTS) * EACH


def test_noise_passes() -> None:
    """Two trainings that are equally good, and differ in which few answers they get wrong."""
    passed = [compare(answers(0.04, seed), answers(0.04, seed + 100)).passed for seed in range(20)]
    assert sum(passed) >= 17


def test_a_regression_of_one_intent_is_refused_and_named() -> None:
    before = answers(0.03, seed=1)
    verdict = compare(before, with_wrong(before, "intent_07", 8))
    assert not verdict.passed
    assert "intent_07" in [change.measure for change in verdict.regressions]
    (reason,) = [reason for reason in verdict.reasons() if reason.startswith("intent_07")]
    assert "on 15" in reason
    change = next(change for change in verdict.changes if change.measure == "intent_07")
    assert change.after < change.before
    assert len(change.lost) >= 7


def test_two_lost_answers_of_one_intent_are_noise() -> None:
    before = answers(0.0, seed=1)
    assert "intent_07" not in [
        change.measure for change in compare(before, with_wrong(before, "intent_07", 2)).regressions
    ]


def test_a_little_worse_everywhere_is_refused_as_a_whole() -> None:
    before, after = answers(0.02, seed=3), answers(0.09, seed=4)
    assert "intents" in [change.measure for change in compare(before, after).regressions]


def test_better_passes_and_new_intents_do_not_count_against_it() -> None:
    before, after = answers(0.2, seed=5), answers(0.02, seed=6)
    more = replace(after, utterances=(*after.utterances, utterance("新的", "new", "other")))
    assert compare(before, more).passed
    assert not compare(more, before).passed


def test_being_too_sure_is_a_regression_too() -> None:
    """The same guesses, but the wrong ones are now acted on."""
    before = answers(0.1, seed=7)
    unsure = [one if one.right else replace(one, accepted=False) for one in before.utterances]
    verdict = compare(replace(before, utterances=tuple(unsure)), before)
    assert [change.measure for change in verdict.regressions] == ["acting on it"]


def test_stories_and_moods_are_looked_at() -> None:
    moods = tuple(Mood(str(number), "neutral", "neutral", 0.9, 0.0) for number in range(40))
    before = Evaluation((), (Story("退货", True, ()), Story("投诉", False, ())), moods, {})
    cross = tuple(replace(mood, guess="negative") for mood in moods[:10])
    after = Evaluation((), (Story("退货", False, ({},)), Story("投诉", False, ({},))), (*cross, *moods[10:]), {})
    verdict = compare(before, after)
    assert verdict.stories == ("退货",)
    assert [change.measure for change in verdict.regressions] == ["sentiment"]
    assert verdict.reasons()[-1] == "story fails: 退货"
    assert compare(after, before).passed


def test_entities_are_scored_by_exact_span() -> None:
    one = replace(
        utterance("t", "i", "i"), marked=(("product", 0, 2), ("size", 3, 4)), found=(("product", 0, 2), ("size", 3, 5))
    )
    scores = entity_scores([one])
    assert scores["product"]["f1"] == 1
    assert scores["size"]["f1"] == 0
    assert scores["all"] == {"precision": 0.5, "recall": 0.5, "f1": 0.5, "marked": 2}


def test_out_of_scope_is_read_off_where_three_percent_are_false_alarms() -> None:
    inside = [replace(utterance(str(n), "greet", "greet"), out_of_scope=n / 100) for n in range(100)]
    outside = [
        replace(utterance(f"o{n}", "out_of_scope", "greet"), out_of_scope=p) for n, p in enumerate((0.2, 0.97, 1))
    ]
    assert out_of_scope_recall([*inside, *outside]) == pytest.approx(2 / 3)
    assert out_of_scope_recall(inside) is None
