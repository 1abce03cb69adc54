"""The signals that the handoff policy reads from a dialogue."""

import unittest

from rasa.shared.core.events import ActionExecuted, ActiveLoop, SlotSet, UserUttered
from rasa.shared.core.slots import AnySlot
from rasa.shared.core.trackers import DialogueStateTracker

from bot.assistant.components.handoff_policy import signals_of
from handoff.decision import Thresholds

THRESHOLDS = Thresholds(
    explicit_wish=0.6,
    low_confidence_streak=2,
    sentiment=-0.7,
    sentiment_recent_mean=-0.4,
    sentiment_fall=0.8,
    risk_terms=1,
    form_failures=3,
    unhelpful_streak=2,
    bulk_quantity=50,
    sentiment_window=3,
    sentiment_memory=0.5,
)


def said(intent, confidence=0.9, *, entities=(), **metadata):
    guess = {"name": intent, "confidence": confidence}
    return UserUttered("…", guess, list(entities), {"intent": guess, "intent_ranking": [guess]}, metadata=metadata)


def did(*actions):
    return [ActionExecuted(action) for action in (*actions, "action_listen")]


def signals(*events):
    slots = [AnySlot(name, mappings=[{}]) for name in ("form_failures", "unhelpful_streak", "handoff_decision")]
    tracker = DialogueStateTracker("someone", slots)
    for event in events:
        for one in event if isinstance(event, list) else [event]:
            tracker.update(one)
    return signals_of(tracker, THRESHOLDS, buying_intents={"product_question"}, patient_forms={"ticket_form"})


def mood(score):
    return {"score": score}


def part(intent, message, n, **metadata):
    return said(intent, message_id=f"{message}#{n}", part_of=message, **metadata)


class Gathering(unittest.TestCase):
    def test_nothing_said_is_at_rest(self):
        self.assertEqual(signals().explicit_wish, 0.0)

    def test_what_is_dictated_to_a_ticket_may_be_angry(self):
        opened = [*did(), said("leave_ticket"), ActiveLoop("ticket_form"), *did("ticket_form")]
        complaint = [said("complain", sentiment=mood(-0.9)), ActionExecuted("ticket_form"), ActiveLoop(None)]
        self.assertEqual(signals(opened, complaint).sentiment, 0.0)
        after = signals(opened, complaint, did("action_submit_ticket"), said("thank", sentiment=mood(-0.1)))
        self.assertEqual(after.sentiment, -0.1)
        self.assertGreater(after.sentiment_recent_mean, THRESHOLDS.sentiment_recent_mean)
        self.assertEqual(
            signals(opened, did(), ActiveLoop(None), said("complain", sentiment=mood(-0.9))).sentiment, -0.9
        )

    def test_the_wish_is_the_probability_of_its_intent(self):
        self.assertEqual(signals(did(), said("human_agent", 0.8)).explicit_wish, 0.8)
        self.assertEqual(signals(did(), said("greet")).explicit_wish, 0.0)

    def test_turns_not_understood_in_a_row(self):
        unclear = [said("nlu_fallback"), *did("action_fallback")]
        self.assertEqual(signals(did(), unclear, said("nlu_fallback")).low_confidence_streak, 2)
        broken = signals(did(), unclear, said("greet"), did("utter_greet"), said("nlu_fallback"))
        self.assertEqual(broken.low_confidence_streak, 1)

    def test_mood_of_this_turn_and_of_the_last_ones(self):
        got = signals(
            did(), said("greet", sentiment=mood(-0.3)), did("utter_greet"), said("complain", sentiment=mood(-0.6))
        )
        self.assertEqual(got.sentiment, -0.6)
        self.assertAlmostEqual(got.sentiment_recent_mean, -0.375)
        self.assertAlmostEqual(got.sentiment_fall, 0.375)

    def test_two_wishes_of_one_message_are_in_one_mood(self):
        both = [part("track_logistics", "m1", n, sentiment=mood(-0.6)) for n in (1, 2)]
        got = signals(did(), said("greet", sentiment=mood(0.0)), both[0], did("action_track_logistics"), both[1])
        self.assertAlmostEqual(got.sentiment_recent_mean, -0.3)

    def test_slots_that_actions_count_in(self):
        got = signals(did(), said("inform"), SlotSet("form_failures", 3), SlotSet("unhelpful_streak", 1))
        self.assertEqual((got.form_failures, got.unhelpful_streak), (3, 1))

    def test_a_quantity_counts_where_somebody_buys(self):
        many = [{"entity": "quantity", "value": "两百"}]
        self.assertEqual(signals(did(), said("product_question", entities=many)).bulk_quantity, 200)
        self.assertEqual(signals(did(), said("return_goods", entities=many)).bulk_quantity, 0)

    def test_streaks_begin_anew_after_a_handover(self):
        angry = said("nlu_fallback", sentiment=mood(-0.9), risk_terms=["过敏"])
        got = signals(did(), angry, did("action_handover"), said("nlu_fallback", sentiment=mood(-0.1)))
        self.assertEqual(got.low_confidence_streak, 1)
        self.assertAlmostEqual(got.sentiment_recent_mean, -0.05)
        self.assertEqual(got.risk_terms, ())
