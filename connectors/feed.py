"""What happens in a conversation, as it happens: for who stays connected, and comes back where they were."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Literal

from core.bus import Bus
from core.conversation import transcript
from core.storage.database import Database

LOOK_AGAIN_SECONDS = 30.0

OwnerState = Callable[[str], Awaitable[dict[str, Any]]]


@dataclass(frozen=True, slots=True)
class Item:
    """`data` is a message as `Message.as_json` has it, who is typing, who speaks with the customer now, or nothing.

    `moved` is the last item: the customer was linked to another conversation, which has to be read anew.
    """

    kind: Literal["message", "typing", "owner", "moved"]
    data: dict[str, Any]


class Feed:
    def __init__(self, database: Database, bus: Bus, owner_state: OwnerState) -> None:
        self._database = database
        self._bus = bus
        self._owner_state = owner_state

    async def follow(self, conversation_id: str, cursor: int) -> AsyncIterator[Item]:
        """Messages after the seq `cursor`, then whatever comes. Nothing is missed: the bus only says «look again»."""
        async with self._bus.subscribe(f"conversation.{conversation_id}") as events:
            pending: dict[str, Any] = {"kind": "look"}
            while True:
                match pending.get("kind"):
                    case "typing":
                        yield Item("typing", {"author": pending["author"]})
                    case "owner":
                        yield Item("owner", await self._owner_state(conversation_id))
                    case "moved":
                        yield Item("moved", {})
                        return
                    case _:
                        newer = await self._newer(conversation_id, cursor, pending.get("messages"))
                        while newer:
                            for message in newer:
                                cursor = message["seq"]
                                yield Item("message", message)
                            is_page = len(newer) >= transcript.LIMIT  # more may wait behind it
                            newer = await self._newer(conversation_id, cursor, None) if is_page else []
                try:
                    async with asyncio.timeout(LOOK_AGAIN_SECONDS):
                        _topic, pending = await anext(events)
                except TimeoutError:
                    pending = {"kind": "look"}  # an event may have been lost with the bus

    async def _newer(
        self, conversation_id: str, cursor: int, told: list[dict[str, Any]] | None
    ) -> list[dict[str, Any]]:
        """Messages after the cursor: those the event carries if they follow on it, else from the database."""
        if told is None or (told and told[0]["seq"] > cursor + 1):
            async with self._database.connect() as conn:
                told = [
                    m.as_json() for m in await transcript.read(conn, conversation_id, after=cursor, for_customer=True)
                ]
        return [message for message in told if message["seq"] > cursor]
