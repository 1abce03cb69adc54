"""What became of the parcels we sent: one that reached the vendor is not sent again after a crash."""

import contextlib
import enum
from collections.abc import AsyncIterator

from redis.asyncio import Redis
from redis.exceptions import RedisError

from connectors.protocol import DeliveryFailed, TryAgain
from connectors.wecom.client import Unanswered
from core.bus import PREFIX

KEEP_SECONDS = 3 * 24 * 3600  # longer than a message waits


class Attempt(enum.Enum):
    FIRST = ""
    UNSURE = "sent"
    """Sent before, and nobody knows whether it arrived: we died, or the answer got lost."""
    ARRIVED = "arrived"


class Attempts:
    """Notes in Redis that a parcel is sent, before it goes, and what became of it."""

    def __init__(self, redis: Redis, channel: str) -> None:
        self._redis = redis
        self._prefix = f"{PREFIX}attempt:{channel}:"

    @contextlib.asynccontextmanager
    async def of(self, name: str) -> AsyncIterator[Attempt]:
        """`async with attempts.of(…) as attempt: …send…`: what is known from before of the parcel of this name.

        Leaving without an error notes that it has arrived; with one, that it has not, unless nobody can know. Raises
        TryAgain.
        """
        key = self._prefix + name
        try:
            before = await self._redis.set(key, Attempt.UNSURE.value, nx=True, get=True, ex=KEEP_SECONDS)
            attempt = Attempt(before.decode() if isinstance(before, bytes) else "")
            try:
                yield attempt
            except Unanswered:
                raise
            except DeliveryFailed:
                await self._redis.delete(key)
                raise
            await self._redis.set(key, Attempt.ARRIVED.value, ex=KEEP_SECONDS)
        except RedisError as error:
            raise TryAgain(f"it cannot be noted what is sent: {error}") from error
