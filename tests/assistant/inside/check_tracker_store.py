"""The tracker store on a real server: KEFU_REDIS_URL."""

import os
import unittest
import uuid

import redis.asyncio
from rasa.shared.core.domain import Domain
from rasa.shared.core.events import ActionExecuted, ActiveLoop, BotUttered, SessionStarted, SlotSet, UserUttered

from bot.assistant.tracker_store import KEY_PREFIX, AppendingTrackerStore

DOMAIN = Domain.from_yaml(
    """
    version: "3.1"
    intents: [greet]
    slots:
      order_number: {type: text, influence_conversation: false, mappings: [{type: custom}]}
    forms:
      return_form: {required_slots: [order_number]}
    """
)


def session():
    return [ActionExecuted("action_session_start"), SessionStarted(), ActionExecuted("action_listen")]


def turn(number):
    said = UserUttered(f"第{number}句", {"name": "greet"}, message_id=str(number))
    return [said, ActionExecuted("utter_greet"), BotUttered("您好"), ActionExecuted("action_listen")]


class Storing(unittest.IsolatedAsyncioTestCase):
    def setUp(self):
        self.sender = uuid.uuid4().hex

    def store(self, **settings):
        store = AppendingTrackerStore(DOMAIN, host=os.environ["KEFU_REDIS_URL"], **settings)
        self.addAsyncCleanup(store.close)
        return store

    async def rows(self):
        client = redis.asyncio.from_url(os.environ["KEFU_REDIS_URL"])
        self.addAsyncCleanup(client.close)
        return await client.lrange(KEY_PREFIX + self.sender, 0, -1)

    async def grow(self, store, *events):
        tracker = await store.get_or_create_tracker(self.sender, append_action_listen=False)
        for event in events:
            tracker.update(event)
        await store.save(tracker)

    async def test_a_turn_adds_its_events_and_another_process_reads_them(self):
        await self.grow(store := self.store(), *session(), *turn(1), SlotSet("order_number", "KF1"))
        before = await self.rows()
        await self.grow(store, *turn(2))
        after = await self.rows()
        self.assertEqual(after[: len(before)], before)
        self.assertEqual(len(after), len(before) + 4)
        read = await self.store().retrieve(self.sender)
        self.assertEqual(read.latest_message.text, "第2句")
        self.assertEqual(read.get_slot("order_number"), "KF1")

    async def test_a_turn_that_failed_leaves_nothing(self):
        await self.grow(store := self.store(), *session(), *turn(1))
        begun = await store.retrieve(self.sender)
        begun.update(turn(2)[0])  # and never saved
        self.assertEqual((await store.retrieve(self.sender)).latest_message.text, "第1句")

    async def test_a_tracker_in_memory_yields_to_what_another_process_stored(self):
        here, there = self.store(), self.store()
        await self.grow(here, *session(), *turn(1))
        await self.grow(there, *turn(2))
        self.assertEqual((await here.retrieve(self.sender)).latest_message.text, "第2句")

    async def test_a_new_session_replaces_the_old(self):
        await self.grow(store := self.store(), *session(), *turn(1), SlotSet("order_number", "KF1"))
        await self.grow(store, *session(), *turn(2))
        self.assertEqual(len(await self.rows()), 7)
        self.assertIsNone((await self.store().retrieve(self.sender)).get_slot("order_number"))

    async def test_a_long_session_is_shortened_and_keeps_its_state(self):
        store = self.store(most_events=40)
        form = [SlotSet("order_number", "KF1"), ActiveLoop("return_form"), SlotSet("requested_slot", "order_number")]
        await self.grow(store, *session(), *turn(0), *form)
        for number in range(1, 60):
            await self.grow(store, *turn(number))
            self.assertLessEqual(len(await self.rows()), 40)
        read = await self.store().retrieve(self.sender)
        self.assertEqual(read.latest_message.message_id, "59")
        self.assertEqual(read.get_slot("order_number"), "KF1")
        self.assertEqual(read.active_loop_name, "return_form")
        self.assertEqual((await store.retrieve(self.sender)).active_loop_name, "return_form")

    async def test_an_unknown_conversation_is_new(self):
        self.assertIsNone(await self.store().retrieve(self.sender))
        self.assertEqual(await self.rows(), [])

    async def test_the_conversations_are_listed(self):
        await self.grow(store := self.store(), *session())
        self.assertIn(self.sender, await store.keys())
        self.assertTrue(await store.exists(self.sender))

    async def test_a_server_out_of_reach_is_an_error(self):
        store = AppendingTrackerStore(DOMAIN, host="redis://127.0.0.1:1")
        with self.assertRaises(redis.RedisError):
            await store.retrieve(self.sender)
