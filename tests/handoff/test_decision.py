from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handoff.decision import (
    PRECEDENCE,
    Decision,
    Signals,
    Thresholds,
    decide,
    fall,
    load_thresholds,
    moods,
    recent_mean,
)

THRESHOLDS = load_thresholds()
AT_REST = Signals()

signals = st.builds(
    Signals,
    explicit_wish=st.floats(0, 1),
    low_confidence_streak=st.integers(0, 5),
    sentiment=st.floats(-1, 1),
    sentiment_recent_mean=st.floats(-1, 1),
    sentiment_fall=st.floats(0, 2),
    risk_terms=st.lists(st.sampled_from(["过敏", "起火", "起诉", "工商"]), max_size=3).map(tuple),
    form_failures=st.integers(0, 5),
    unhelpful_streak=st.integers(0, 5),
    bulk_quantity=st.integers(0, 500),
)

WORSE = {
    "explicit_wish": lambda value, by: min(1.0, value + by),
    "low_confidence_streak": lambda value, by: value + round(by * 5),
    "sentiment": lambda value, by: max(-1.0, value - by),
    "sentiment_recent_mean": lambda value, by: max(-1.0, value - by),
    "sentiment_fall": lambda value, by: value + by,
    "risk_terms": lambda value, by: value + ("爆炸",) * round(by * 3),
    "form_failures": lambda value, by: value + round(by * 5),
    "unhelpful_streak": lambda value, by: value + round(by * 5),
    "bulk_quantity": lambda value, by: value + round(by * 500),
}


@pytest.mark.parametrize(
    ("given_signals", "reason"),
    [
        (Signals(), None),
        (
            Signals(
                explicit_wish=0.59,
                sentiment=THRESHOLDS.sentiment + 0.01,
                sentiment_recent_mean=THRESHOLDS.sentiment_recent_mean + 0.01,
                sentiment_fall=THRESHOLDS.sentiment_fall - 0.01,
                low_confidence_streak=1,
                bulk_quantity=49,
            ),
            None,
        ),
        (Signals(explicit_wish=0.6), "explicit_wish"),
        (Signals(low_confidence_streak=2), "low_confidence"),
        (Signals(sentiment=THRESHOLDS.sentiment), "negative_sentiment"),
        (Signals(sentiment_recent_mean=THRESHOLDS.sentiment_recent_mean), "negative_sentiment"),
        (Signals(sentiment_fall=THRESHOLDS.sentiment_fall), "negative_sentiment"),
        (Signals(risk_terms=("过敏",)), "safety_or_legal"),
        (Signals(form_failures=3), "stuck_form"),
        (Signals(unhelpful_streak=2), "unhelpful_answer"),
        (Signals(bulk_quantity=50), "business_rule"),
        (Signals(risk_terms=("起诉",), explicit_wish=1.0, sentiment=-1.0), "safety_or_legal"),
    ],
)
def test_each_reason(given_signals: Signals, reason: str | None) -> None:
    decision = decide(given_signals, THRESHOLDS)
    assert (decision.handoff, decision.reason) == (reason is not None, reason)


def test_two_causes_name_the_first_and_say_what_the_other_would_have_done() -> None:
    decision = decide(Signals(explicit_wish=0.9, sentiment=-0.9), THRESHOLDS)
    evidence = {item.signal: item for item in decision.evidence}
    assert decision.reason == "explicit_wish"
    assert evidence["explicit_wish"].decisive and evidence["explicit_wish"].without == "negative_sentiment"
    assert evidence["sentiment"].fired and not evidence["sentiment"].decisive


@given(signals)
def test_every_signal_is_in_the_evidence_once(given_signals: Signals) -> None:
    decision = decide(given_signals, THRESHOLDS)
    assert sorted(item.signal for item in decision.evidence) == sorted(WORSE)
    assert decision.signals() == given_signals
    assert decision.handoff == any(item.fired for item in decision.evidence)
    assert decision.reason is None or decision.reason in PRECEDENCE


@given(signals)
def test_the_counterfactual_is_truthful(given_signals: Signals) -> None:
    decision = decide(given_signals, THRESHOLDS)
    for item in decision.evidence:
        other = decide(replace(given_signals, **{item.signal: getattr(AT_REST, item.signal)}), THRESHOLDS)
        assert item.without == other.reason
        assert item.decisive == ((other.handoff, other.reason) != (decision.handoff, decision.reason))


@given(signals, st.sampled_from(sorted(WORSE)), st.floats(0, 1))
def test_monotone_in_each_signal(given_signals: Signals, signal: str, by: float) -> None:
    """A worse signal never takes a hand-over back, and never makes its reason less pressing."""
    before = decide(given_signals, THRESHOLDS)
    after = decide(replace(given_signals, **{signal: WORSE[signal](getattr(given_signals, signal), by)}), THRESHOLDS)
    assert after.handoff >= before.handoff
    if before.reason is not None:
        assert after.reason is not None
        assert PRECEDENCE.index(after.reason) <= PRECEDENCE.index(before.reason)


@given(signals)
def test_a_logged_decision_is_replayed(given_signals: Signals) -> None:
    decision = decide(given_signals, THRESHOLDS)
    logged = Decision.from_json(json.loads(json.dumps(decision.as_json(), ensure_ascii=False)))
    assert logged == decision
    assert logged.replay() == decision


def test_a_logged_decision_is_replayed_under_the_thresholds_of_its_day() -> None:
    strict = replace(THRESHOLDS, explicit_wish=0.95)
    logged = decide(Signals(explicit_wish=0.7), strict)
    assert not logged.replay().handoff
    assert decide(logged.signals(), THRESHOLDS).handoff


def test_a_decision_logged_before_a_signal_was_known_is_replayed_without_it() -> None:
    logged = decide(Signals(sentiment=-1.0), THRESHOLDS)
    older = replace(logged, evidence=tuple(item for item in logged.evidence if item.signal != "sentiment_fall"))
    assert older.replay() == older


def test_thresholds_name_what_is_wrong() -> None:
    data = THRESHOLDS.as_json()
    assert Thresholds.from_json(data) == THRESHOLDS
    with pytest.raises(ValueError, match="patience"):
        Thresholds.from_json({**data, "patience": 3})
    del data["sentiment"]
    with pytest.raises(ValueError, match="sentiment"):
        Thresholds.from_json(data)


def test_a_signal_that_is_not_a_number_is_refused() -> None:
    with pytest.raises(ValueError, match="explicit_wish"):
        Signals(explicit_wish=float("nan"))


def test_the_mood_starts_from_neutral_and_forgets_slowly() -> None:
    assert recent_mean([], 0.5) == 0
    assert recent_mean([-0.8], 0.5) == pytest.approx(-0.4)
    assert recent_mean([-0.8, -0.8], 0.5) == pytest.approx(-0.6)
    assert recent_mean([-0.8, -0.8, 0.0], 0.5) == pytest.approx(-0.3)


@pytest.mark.parametrize(
    ("scores", "fallen"),
    [
        ([], 0.0),
        ([0.8, 0.0], 0.0),
        ([-0.8], 0.4),
        ([0.8, -0.8], 0.4),  # the mean alone, -0.2, hides it
        ([0.9, 0.0, 0.0, -0.01], 0.005),  # what is left of joy is no fall
        ([-0.8, -0.8], 0.6),
        ([-0.8, 0.4], 0.0),  # calms down
    ],
)
def test_a_fall_is_measured_from_what_is_left_of_the_best_mood(scores: list[float], fallen: float) -> None:
    assert fall(scores, 0.5) == pytest.approx(fallen)


@given(st.lists(st.floats(-1, 1), max_size=8), st.floats(0, 0.95))
def test_a_course_stays_within_its_scores(scores: list[float], memory: float) -> None:
    assert all(min(0.0, *scores) - 1e-9 <= mood <= max(0.0, *scores) + 1e-9 for mood in moods(scores, memory))
    assert 0 <= fall(scores, memory) <= 2
