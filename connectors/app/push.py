"""The push hook: the app's own server is told when an answer waits for a customer whose app is closed.

It gets `{"sender", "messages": [{"id", "seq", "author", "text"}]}`, signed (`connectors/hook.py`), and pushes
in its own way (APNs, FCM, a vendor's). The messages stay in the outbox until the app has seen them.
"""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from connectors.app.customer import CHANNEL
from connectors.app.presence import Presence
from core.conversation import outbox
from core.conversation.message import Message
from core.errors import Unavailable
from core.storage.database import Database

LOOK_SECONDS = 2.0
PATIENCE_SECONDS = 3.0  # an open app has shown it by then
REMEMBERED_SECONDS = 3 * 24 * 3600
PREVIEW = 100  # characters

logger = structlog.get_logger()


class PushHook:
    def __init__(
        self, database: Database, redis: Redis, presence: Presence, hook: Callable[[dict[str, Any]], Awaitable[None]]
    ) -> None:
        self._database = database
        self._redis = redis
        self._presence = presence
        self._hook = hook

    async def run(self) -> None:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            try:
                await self.look()
            except RedisError as error:
                logger.warning("no pushes while Redis is away", error=str(error))

    async def look(self) -> None:
        """Tell of every message that nobody has been told of, once."""
        until = datetime.now(UTC) - timedelta(seconds=PATIENCE_SECONDS)
        since = until - timedelta(seconds=REMEMBERED_SECONDS)
        async with self._database.connect() as conn:
            unseen = await outbox.unseen(conn, CHANNEL, since, until)
        waiting: dict[str, list[Message]] = defaultdict(list)
        for message in unseen:
            waiting[message.sender].append(message)
        for sender, messages in waiting.items():
            if not await self._presence.is_here(sender):
                await self._tell(sender, [m for m in messages if await self._is_new(m)])

    async def _is_new(self, message: Message) -> bool:
        return bool(await self._redis.set(_key(message), b"1", ex=REMEMBERED_SECONDS, nx=True))

    async def _tell(self, sender: str, messages: Sequence[Message]) -> None:
        if not messages:
            return
        told = [{"id": m.id, "seq": m.seq, "author": m.author, "text": (m.text or "")[:PREVIEW]} for m in messages]
        try:
            await self._hook({"sender": sender, "messages": told})
        except Unavailable as error:
            logger.warning("the push hook failed; it is called again", error=error.message)
            await self._redis.delete(*map(_key, messages))


def _key(message: Message) -> str:
    return f"kefu:app:pushed:{message.id}"
