"""Waiting for the answer to one message, for channels that can give it at once."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from core.conversation.message import Message
from core.conversation.states import DONE


async def answered(events: AsyncIterator[tuple[str, dict[str, Any]]], message: Message, seconds: float) -> bool:
    """Wait until the turn of `message` is over; False when it is not in time. The replies stay in the outbox.

    `events` is a subscription to the conversation that began before the message was announced.
    """
    if message.status == DONE:
        return True
    try:
        async with asyncio.timeout(seconds):
            async for _topic, data in events:
                if data.get("reply_to") == message.id:
                    return True
    except TimeoutError:
        pass
    return False
