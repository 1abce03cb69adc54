"""One turn of the dialogue: from a customer's message to what the bot says and does.

The same steps as Rasa's `MessageProcessor.handle_message` (3.6), with one difference: all of it happens or nothing. A
message that was answered before is answered from the tracker, and a turn in which an action could not be run is not
stored, so that it can be tried again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any
from weakref import WeakValueDictionary

from rasa.core.channels.channel import CollectingOutputChannel, UserMessage
from rasa.core.processor import MessageProcessor
from rasa.shared.constants import INTENT_MESSAGE_PREFIX
from rasa.shared.core.events import ActionExecuted, BotUttered, Event, UserUttered
from rasa.shared.core.trackers import DialogueStateTracker

from bot.assistant.components.handoff_policy import decision_of
from handoff.decision import Decision
from retrieval.text import normalise

RANKING = 5
CHANNEL = "kefu"

failed_actions: ContextVar[list[str]] = ContextVar("failed_actions")
"""Names of the actions that this turn could not run; `patches.report_failed_actions` fills it."""


class ActionFailed(Exception):
    """The action server could not be reached or answered an error; nothing of the turn was stored."""


@dataclass(frozen=True)
class Message:
    sender: str
    message_id: str
    text: str
    metadata: dict[str, Any]


class Turns:
    """Takes turns on one processor, those of one sender after one another."""

    def __init__(self, processor: MessageProcessor) -> None:
        self._processor = processor
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
        is_payload = message.text.startswith(INTENT_MESSAGE_PREFIX)
        user_message = UserMessage(
            message.text if is_payload else normalise(message.text),
            output_channel=output,
            sender_id=message.sender,
            input_channel=CHANNEL,
            message_id=message.message_id,
            metadata=message.metadata,
        )
        failed: list[str] = []
        failed_actions.set(failed)
        await processor._update_tracker_session(tracker, output)
        await processor._handle_message_with_tracker(user_message, tracker)
        await processor.run_action_extract_slots(output, tracker)
        await processor._run_prediction_loop(output, tracker)
        if failed:
            raise ActionFailed(f"could not run {', '.join(failed)}")
        await processor.save_tracker(tracker)


def _events_of(tracker: DialogueStateTracker, message_id: str) -> list[Event] | None:
    """The turn's events, its message first; None when the message has not been answered."""
    later: list[Event] = []
    for event in reversed(tracker.events):
        later.append(event)
        if isinstance(event, UserUttered):
            if event.message_id == message_id:
                return later[::-1]
            later = []
    return None


def _answer(events: Sequence[Event], decision: Decision | None) -> dict[str, Any]:
    said = next(event for event in events if isinstance(event, UserUttered))
    return {
        "replies": [_reply(event) for event in events if isinstance(event, BotUttered)],
        "understanding": {
            "text": said.text,
            "intent": _guess(said.intent),
            "intent_ranking": [_guess(guess) for guess in (said.parse_data.get("intent_ranking") or [])[:RANKING]],
            "entities": said.entities,
        },
        "responses": [event.metadata["utter_action"] for event in events if _is_response(event)],
        "actions": [event.action_name for event in events if isinstance(event, ActionExecuted)],
        "decision": decision.as_json() if decision else None,
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
