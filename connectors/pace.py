"""How fast a vendor is called, by all processes together: counted in Redis with `limits`."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator

import structlog
from limits import RateLimitItem, RateLimitItemPerMinute, RateLimitItemPerSecond
from limits.aio.storage import Storage
from limits.aio.strategies import FixedWindowRateLimiter
from redis.exceptions import RedisError

from connectors.protocol import Pace, TryAgain

logger = structlog.get_logger()


class Gate:
    """One channel's. `place` bounds how many customers are served at once, `pass_through` how fast parcels go."""

    def __init__(self, channel: str, pace: Pace, storage: Storage) -> None:
        self._channel = channel
        self._together: RateLimitItem = RateLimitItemPerSecond(max(1, int(pace.per_second)))
        self._each: RateLimitItem = RateLimitItemPerMinute(pace.per_customer_per_minute)
        self._limiter = FixedWindowRateLimiter(storage)
        self._places = asyncio.Semaphore(pace.at_once)

    @contextlib.asynccontextmanager
    async def place(self) -> AsyncIterator[None]:
        async with self._places:
            yield

    async def pass_through(self, sender: str) -> None:
        """Wait for the channel's turn. Raises TryAgain when this customer has had enough for now."""
        if wait := await self._wait(self._each, "delivery", self._channel, sender):
            raise TryAgain("enough for one customer in a minute", everybody=False, after=wait)
        while wait := await self._wait(self._together, "delivery", self._channel):
            await asyncio.sleep(wait)

    async def _wait(self, item: RateLimitItem, *whose: str) -> float:
        """Count one; seconds until there is room, or 0 if there was. Without Redis the vendor has to count alone."""
        try:
            if await self._limiter.hit(item, *whose):
                return 0.0
            window = await self._limiter.get_window_stats(item, *whose)
        except RedisError as error:
            logger.warning("nothing paces delivery while Redis is away", error=str(error))
            return 0.0
        return max(0.01, window.reset_time - time.time())
