"""One turn of the dialogue: from a customer's message to what the bot says and does.

The same steps as Rasa's `MessageProcessor.handle_message` (3.6), with one difference: all of it happens or nothing. A
message that was answered before is answered from the tracker, and a turn in which an action could not be run is not
stored, so that it can be tried again.

A message with several wishes in it (`wishes.py`) is played as so many utterances, one after another, in the one turn.
The first has the message's id, the others `<id>#2`, …; their metadata say which message they are `part_of`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from contextvars import ContextVar
from typing import Any
from weakref import WeakValueDictionary

from rasa.core.channels.channel import CollectingOutputChannel, UserMessage
from rasa.core.processor import MessageProcessor
from rasa.shared.core.events import ActionExecuted, BotUttered, Event, SlotSet, UserUttered
from rasa.shared.core.trackers import DialogueStateTracker

from bot.assistant.components.handoff_policy import HANDOVER, PART_OF, decision_of
from bot.assistant.listening import PUT_OFF, Listener, Message
from handoff.decision import Decision

RANKING = 5
PENDING_SLOT = "pending_intent"
FORM_QUESTIONS = ("utter_ask_", "utter_which_")

failed_actions: ContextVar[list[str]] = ContextVar("failed_actions")
"""Names of the actions that this turn could not run; `patches.report_failed_actions` fills it."""


class ActionFailed(Exception):
    """The action server could not be reached or answered an error; nothing of the turn was stored."""


class Turns:
    """Takes turns on one processor, those of one sender after one another."""

    def __init__(self, processor: MessageProcessor) -> None:
        self._processor = processor
        self._listener = Listener(processor)
        # The gateway sends one message of a conversation at a time. Yet one that died and came back may ask again while
        # the first request still runs here; it has to wait for that one's answer. One process serves a conversation, so
        # a lock in memory is enough.
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def take(self, message: Message) -> dict[str, Any]:
        """The answer as the app reads it (README). Raises ActionFailed, or redis.RedisError from the tracker store."""
        lock = self._locks.setdefault(message.sender, asyncio.Lock())
        async with lock:
            tracker = await self._processor.get_tracker(message.sender)
            if (answered := _events_of(tracker, message.message_id)) is not None:
                # Unchanged; saving puts it back among the hot ones.
                await self._processor.save_tracker(tracker)
                return _answer(answered, None)
            await self._run(tracker, message)
            return _answer(_events_of(tracker, message.message_id) or [], decision_of(tracker))

    async def _run(self, tracker: DialogueStateTracker, message: Message) -> None:
        processor = self._processor
        output = CollectingOutputChannel()
        failed: list[str] = []
        failed_actions.set(failed)
        await processor._update_tracker_session(tracker, output)
        for said in await self._listener.utterances(message, tracker):
            if self._waits_for_an_order(tracker, message, said):
                continue
            self._settle_beside(tracker, message, said)
            said.output_channel = output
            await processor._handle_message_with_tracker(said, tracker)
            await processor.run_action_extract_slots(output, tracker)
            await processor._run_prediction_loop(output, tracker)
            if failed:
                raise ActionFailed(f"could not run {', '.join(failed)}")
            if _handed_over(tracker):  # what is left is the person's
                break
        await processor.save_tracker(tracker)

    def _waits_for_an_order(self, tracker: DialogueStateTracker, message: Message, said: UserMessage) -> bool:
        """A form does when an earlier wish has just asked which order is meant: the answer opens it."""
        intent = said.parse_data["intent"]["name"] if said.parse_data else None
        wishes = self._listener.wishes
        pending = tracker.get_slot(PENDING_SLOT)
        earlier = _events_of(tracker, message.message_id) or []
        asked = any(isinstance(event, SlotSet) and event.key == PENDING_SLOT and event.value for event in earlier)
        for_an_answer = any(name in wishes.queries for name in (pending or "").split())  # else a form ended at once
        if tracker.active_loop_name or not (asked and for_an_answer and intent in wishes.forms):
            return False
        tracker.update(SlotSet(PENDING_SLOT, f"{pending} {intent}"), self._processor.domain)
        return True

    def _settle_beside(self, tracker: DialogueStateTracker, message: Message, said: UserMessage) -> None:
        """A form that is wished for beside the open one is put off: the open one keeps it, and says so. What was said
        before it may have ended that one."""
        metadata = {name: value for name, value in (said.metadata or {}).items() if name != PUT_OFF}
        later = said.message_id != message.message_id or PUT_OFF in (said.metadata or {})
        intent = said.parse_data["intent"]["name"] if said.parse_data else None
        if later and tracker.active_loop_name and intent in self._listener.wishes.forms:
            metadata[PUT_OFF] = True
        said.metadata = metadata


def _handed_over(tracker: DialogueStateTracker) -> bool:
    for event in reversed(tracker.events):
        if isinstance(event, UserUttered):
            return False
        if isinstance(event, ActionExecuted) and event.action_name == HANDOVER:
            return True
    return False


def _events_of(tracker: DialogueStateTracker, message_id: str) -> list[Event] | None:
    """The turn's events, its message first; None when the message has not been answered."""
    later: list[Event] = []
    for event in reversed(tracker.events):
        later.append(event)
        if isinstance(event, UserUttered):
            if event.message_id == message_id:
                return later[::-1]
            if (event.metadata or {}).get(PART_OF) != message_id:
                later = []
    return None


def _answer(events: Sequence[Event], decision: Decision | None) -> dict[str, Any]:
    said = [event for event in events if isinstance(event, UserUttered)]
    understood = [_understood(wish) for wish in said]
    return {
        "replies": [_reply(event) for event in _said_last(events)],
        # The first wish; all of them when there are several.
        "understanding": understood[0] | ({"wishes": understood} if len(said) > 1 else {}),
        "responses": [event.metadata["utter_action"] for event in events if _is_response(event)],
        "actions": [event.action_name for event in events if isinstance(event, ActionExecuted)],
        "decision": decision.as_json() if decision else None,
    }


def _said_last(events: Sequence[Event]) -> Iterator[BotUttered]:
    """What the bot said. A form asks again after each of several wishes; its question stands once, at the end."""
    said = [event for event in events if isinstance(event, BotUttered)]
    for i, event in enumerate(said):
        name = (event.metadata or {}).get("utter_action") or ""
        later = {(other.metadata or {}).get("utter_action") for other in said[i + 1 :]}
        if not (name.startswith(FORM_QUESTIONS) and name in later):
            yield event


def _understood(said: UserUttered) -> dict[str, Any]:
    return {
        "text": said.text,
        "intent": _guess(said.intent),
        "intent_ranking": [_guess(guess) for guess in (said.parse_data.get("intent_ranking") or [])[:RANKING]],
        "entities": said.entities,
    }


def _is_response(event: Event) -> bool:
    """Said in the words of a response of the domain; its name is in the metadata."""
    return isinstance(event, BotUttered) and "utter_action" in (event.metadata or {})


def _guess(intent: Mapping[str, Any]) -> dict[str, Any]:
    return {"name": intent.get("name"), "confidence": intent.get("confidence", 0.0)}


def _reply(event: BotUttered) -> dict[str, Any]:
    data = event.data
    return {
        "text": event.text,
        "buttons": data.get("buttons") or [],
        "image": data.get("image") or data.get("attachment"),
        "custom": data.get("custom"),
    }
