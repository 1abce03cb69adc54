"""Dialogue state in Redis: one list of events a conversation, appended to.

Rasa's own Redis store blocks the server, and reads and rewrites the whole conversation at every save. Here a turn adds
its events in one transaction, all or none, and only the live session is kept: what came before a new session does not
bear on the dialogue any more (the transcript is the app's).
"""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from typing import Any

import redis.asyncio
from rasa.core.brokers.broker import EventBroker
from rasa.core.tracker_store import TrackerStore
from rasa.shared.core.constants import ACTION_LISTEN_NAME, ACTION_SESSION_START_NAME
from rasa.shared.core.domain import Domain
from rasa.shared.core.events import ActionExecuted, ActiveLoop, Event, SessionStarted, SlotSet
from rasa.shared.core.trackers import DialogueStateTracker

KEY_PREFIX = "kefu:tracker:"
_STORED = "kefu_stored_events"


class AppendingTrackerStore(TrackerStore):
    """Configured in endpoints.yml. Turns of one conversation must come one at a time: the channel sees to it.

    url: redis://, rediss:// or unix://
    expire_days: a conversation silent for that long is forgotten; later than a session expires, so nothing is lost.
    most_events: a longer session is shortened to its state and its last half, so that turns do not grow slower.
    hot: how many conversations stay in memory. Each is checked against Redis before it is used.

    Raises redis.RedisError when Redis cannot be reached: a turn that is not stored must not be answered.
    """

    def __init__(
        self,
        domain: Domain | None = None,
        event_broker: EventBroker | None = None,
        *,
        url: str = "",
        host: str | None = None,
        expire_days: float = 7,
        most_events: int = 120,
        hot: int = 2000,
        timeout_seconds: float = 5,
        **_: Any,
    ) -> None:
        super().__init__(domain, event_broker)
        # Rasa hands the `url` of endpoints.yml over as `host`.
        self._redis = redis.asyncio.from_url(url or host or "", decode_responses=True, socket_timeout=timeout_seconds)
        self._expire = int(expire_days * 86400)
        self._most_events = most_events
        self._hot: OrderedDict[str, DialogueStateTracker] = OrderedDict()
        self._most_hot = hot

    async def retrieve(self, sender_id: str) -> DialogueStateTracker | None:
        # Taken out, not shared: a turn that fails half-way leaves a tracker that nobody must see again.
        tracker = self._hot.pop(sender_id, None)
        if tracker is not None and await self._redis.llen(KEY_PREFIX + sender_id) == _stored(tracker):
            return tracker
        rows = await self._redis.lrange(KEY_PREFIX + sender_id, 0, -1)
        if not rows:
            return None
        return self._build(sender_id, [Event.from_parameters(json.loads(row)) for row in rows])

    async def save(self, tracker: DialogueStateTracker) -> None:
        events = list(tracker.events)
        new = events[_stored(tracker) :]
        if new:
            kept = self._shorten(tracker.sender_id, _live_session(events))
            shorter = len(kept) < len(events)
            await self._write(tracker.sender_id, kept if shorter else new, replace=shorter)
            if self.event_broker is not None:
                await self._stream_new_events(self.event_broker, new, tracker.sender_id)
            if shorter:
                tracker = self._build(tracker.sender_id, kept)
            setattr(tracker, _STORED, len(kept))
        if tracker.events:
            self._hot[tracker.sender_id] = tracker
            if len(self._hot) > self._most_hot:
                self._hot.popitem(last=False)

    async def _write(self, sender_id: str, events: Sequence[Event], *, replace: bool) -> None:
        """One transaction: a process killed here leaves the whole turn or nothing of it."""
        key = KEY_PREFIX + sender_id
        async with self._redis.pipeline(transaction=True) as turn:
            if replace:
                turn.delete(key)
            turn.rpush(key, *(json.dumps(event.as_dict(), ensure_ascii=False) for event in events))
            turn.expire(key, self._expire)
            await turn.execute()

    async def keys(self) -> Iterable[str]:
        return [key[len(KEY_PREFIX) :] async for key in self._redis.scan_iter(match=f"{KEY_PREFIX}*", count=1000)]

    async def close(self) -> None:
        await self._redis.close()

    def _build(self, sender_id: str, events: Sequence[Event | None]) -> DialogueStateTracker:
        tracker = self.init_tracker(sender_id)
        for event in events:
            if event is not None:
                tracker.update(event)
        setattr(tracker, _STORED, len(events))
        return tracker

    def _shorten(self, sender_id: str, events: list[Event]) -> list[Event]:
        """The same dialogue state with fewer events: slots and open form as events, then the last half as it was."""
        if len(events) <= self._most_events:
            return events
        # Cut where the bot was listening: between turns.
        cut = next(
            (
                index
                for index in range(len(events) - self._most_events // 2, len(events))
                if isinstance(events[index], ActionExecuted) and events[index].action_name == ACTION_LISTEN_NAME
            ),
            None,
        )
        if cut is None:
            return events
        before = self._build(sender_id, events[:cut])
        state: list[Event] = [
            SlotSet(name, slot.value, timestamp=events[cut].timestamp)
            for name, slot in before.slots.items()
            if slot.value != slot.initial_value
        ]
        if before.active_loop_name:
            state.append(ActiveLoop(before.active_loop_name, timestamp=events[cut].timestamp))
        return [*events[:2], *state, *events[cut:]]


def _stored(tracker: DialogueStateTracker) -> int:
    """How many of the tracker's events are in Redis."""
    return int(getattr(tracker, _STORED, 0))


def _live_session(events: list[Event]) -> list[Event]:
    """From the last start of a session on: `action_session_start`, `session_started`, …"""
    for index in range(len(events) - 1, 0, -1):
        before = events[index - 1]
        if isinstance(events[index], SessionStarted):
            starts_here = isinstance(before, ActionExecuted) and before.action_name == ACTION_SESSION_START_NAME
            return events[index - 1 if starts_here else index :]
    return events
