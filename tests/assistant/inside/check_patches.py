"""What is changed in Rasa keeps doing what Rasa's own does."""

import unittest

import jsonschema
from rasa.core.actions.action import RemoteAction
from rasa.shared.core.events import Event, SlotSet

from bot.assistant import patches
from bot.assistant.channel import read


class Patches(unittest.TestCase):
    def test_order_of_a_graph(self):
        needs = {"a": ["input"], "b": ["a"], "c": ["a", "b"], "other": ["a"]}
        self.assertEqual(patches.in_order(["c"], needs), ["a", "b", "c"])

    def test_a_wrong_answer_of_the_action_server_is_still_refused(self):
        patches.compile_action_schema()
        action = RemoteAction("action_any", None)
        self.assertTrue(action._validate_action_result({"events": [], "responses": [{"text": "好"}]}))
        with self.assertRaises(jsonschema.ValidationError):
            action._validate_action_result({"events": [{"event": "slot"}], "responses": []})

    def test_events_are_found_by_name(self):
        patches.index_event_types()
        self.assertEqual(Event.from_parameters({"event": "slot", "name": "a", "value": 1}), SlotSet("a", 1))
        with self.assertRaises(ValueError):
            Event.from_parameters({"event": "no such event"})


class Reading(unittest.TestCase):
    def test_a_turn(self):
        self.assertEqual(read({"sender": "s", "message_id": "m", "text": "在"}).metadata, {})

    def test_a_malformed_turn_names_the_field(self):
        for body, field in [({"sender": "s", "message_id": "m"}, "text"), ([], "JSON object"),
                            ({"sender": "s", "message_id": 5, "text": "在"}, "message_id")]:  # fmt: skip
            with self.assertRaisesRegex(ValueError, field):
                read(body)
