from __future__ import annotations

import json

from handoff.decision import load_thresholds
from handoff.sentiment.trajectory import CONVERSATIONS, Course, HandOvers, choose, measure, signals_at

THRESHOLDS = load_thresholds()
SOURED = Course("choose", True, (0.5, -0.3, -0.45, -0.5))
CROSS_ONCE = Course("choose", False, (0.0, -0.45, 0.0, 0.3))
CALM = Course("choose", False, (0.0, 0.0, 0.4))


def test_a_mood_that_sours_hands_over_and_one_cross_word_does_not() -> None:
    assert SOURED.handed_over(THRESHOLDS)
    assert not CROSS_ONCE.handed_over(THRESHOLDS)
    assert not CALM.handed_over(THRESHOLDS)


def test_only_the_window_counts() -> None:
    long_ago = (-0.5, *(0.0,) * THRESHOLDS.sentiment_window)
    assert signals_at(long_ago, THRESHOLDS).sentiment_recent_mean == 0


def test_hand_overs_are_counted_by_conversation() -> None:
    missed = Course("choose", True, (0.0,))
    assert measure([SOURED, CALM, missed], THRESHOLDS) == HandOvers(3, 1.0, 0.5, 0.6667)


def test_thresholds_are_chosen_on_what_they_part() -> None:
    chosen = choose([SOURED, CROSS_ONCE, CALM], THRESHOLDS)
    assert measure([SOURED, CROSS_ONCE, CALM], chosen).f1 == 1.0
    assert chosen.sentiment == THRESHOLDS.sentiment


def test_the_conversations_have_both_kinds_in_both_parts() -> None:
    rows = [json.loads(line) for line in CONVERSATIONS.read_text(encoding="utf-8").splitlines()]
    kinds = {(row["part"], row["hand_over"]) for row in rows}
    assert kinds == {(part, kind) for part in ("choose", "held_out") for kind in (True, False)}
    assert len({tuple(row["utterances"]) for row in rows}) == len(rows)
