from __future__ import annotations

import json
from dataclasses import replace

from handoff.decision import load_thresholds
from handoff.sentiment.trajectory import CONVERSATIONS, HELD_OUT, Course, HandOvers, choose, measure, signals_at

THRESHOLDS = load_thresholds()
SOURED = Course(True, (0.5, -0.3, -0.45, -0.5), due=3)
CROSS_ONCE = Course(False, (0.0, -0.45, 0.0, 0.3))
CALM = Course(False, (0.0, 0.0, 0.4))


def test_a_mood_that_sours_hands_over_and_one_cross_word_does_not() -> None:
    assert SOURED.handed_over(THRESHOLDS)
    assert not CROSS_ONCE.handed_over(THRESHOLDS)
    assert not CALM.handed_over(THRESHOLDS)


def test_only_the_window_counts() -> None:
    long_ago = (-0.5, *(0.0,) * THRESHOLDS.sentiment_window)
    assert signals_at(long_ago, THRESHOLDS).sentiment_recent_mean == 0


def test_hand_overs_are_counted_by_conversation() -> None:
    missed = Course(True, (0.0,))
    assert measure([SOURED, CALM, missed], THRESHOLDS) == HandOvers(3, 1.0, 0.5, 0.6667, on_time=1)


def test_thresholds_are_chosen_on_what_they_part() -> None:
    chosen = choose([SOURED, CROSS_ONCE, CALM], THRESHOLDS)
    assert measure([SOURED, CROSS_ONCE, CALM], chosen).f1 == 1.0
    assert chosen.sentiment == THRESHOLDS.sentiment


def test_a_hand_over_is_early_on_time_or_late() -> None:
    at = SOURED.handed_over(THRESHOLDS)
    assert at is not None
    courses = [replace(SOURED, due=due) for due in (at - 1, at, at + 1)]
    timed = measure(courses, THRESHOLDS)
    assert (timed.late, timed.on_time, timed.early) == (1, 1, 1)


def test_both_sets_of_conversations_have_both_kinds_and_share_none() -> None:
    chosen_on, held_out = (
        [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        for path in (CONVERSATIONS, HELD_OUT)
    )
    assert {row["hand_over"] for row in chosen_on} == {row["due"] is not None for row in held_out} == {True, False}
    assert all(row["due"] is None or 1 <= row["due"] <= len(row["utterances"]) for row in held_out)
    said = [tuple(row["utterances"]) for row in (*chosen_on, *held_out)]
    assert len(set(said)) == len(said)
