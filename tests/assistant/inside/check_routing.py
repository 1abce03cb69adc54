"""Who leads the turn: the intent or the knowledge base."""

import unittest

from bot.assistant.components.turn_router import route

THRESHOLD = 0.5


def leader(name, confidence, outcome="none", probability=0.0):
    ranking = [{"name": name, "confidence": confidence}, {"name": "greet", "confidence": 0.01}]
    faq = {"outcome": outcome, "candidates": [{"entry_id": "kb", "question": "?", "probability": probability}]}
    return route(ranking, THRESHOLD, faq, yielding={"faq", "product_question"}, firm={"human_agent"})


class Routing(unittest.TestCase):
    def test_a_sure_intent_stays_as_it_was(self):
        routed = leader("track_logistics", 0.9)
        self.assertEqual(routed[0], {"name": "track_logistics", "confidence": 0.9})

    def test_an_answer_leads_over_an_intent_that_is_less_likely(self):
        self.assertEqual(leader("return_goods", 0.8, "answer", 0.9)[0], {"name": "faq", "confidence": 0.9})
        self.assertEqual(leader("return_goods", 0.95, "answer", 0.9)[0]["name"], "return_goods")

    def test_an_answer_leads_over_what_the_knowledge_base_answers_anyway(self):
        self.assertEqual(leader("product_question", 0.99, "answer", 0.7)[0]["name"], "faq")

    def test_an_answer_never_overrules_an_understood_wish_for_a_person(self):
        self.assertEqual(leader("human_agent", 0.6, "answer", 0.99)[0]["name"], "human_agent")
        self.assertEqual(leader("human_agent", 0.4, "answer", 0.99)[0]["name"], "faq")

    def test_choices_lead_only_where_the_intent_is_unsure(self):
        self.assertEqual(leader("return_goods", 0.4, "choices", 0.3)[0]["name"], "faq")
        self.assertEqual(leader("return_goods", 0.6, "choices", 0.3)[0]["name"], "return_goods")

    def test_neither_is_a_fallback_that_keeps_the_guess(self):
        routed = leader("return_goods", 0.4)
        self.assertEqual([guess["name"] for guess in routed], ["nlu_fallback", "return_goods", "greet"])

    def test_the_leader_is_listed_once(self):
        self.assertEqual([guess["name"] for guess in leader("faq", 0.4, "answer", 0.9)], ["faq", "greet"])

    def test_no_outcome_counts_as_none(self):
        routed = route([{"name": "greet", "confidence": 0.9}], THRESHOLD, {}, yielding=(), firm=())
        self.assertEqual(routed[0]["name"], "greet")
