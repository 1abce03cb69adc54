"""How fast a vendor is called, by all processes together: counted in Redis with `limits`."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator

from limits import RateLimitItem, RateLimitItemPerMinute, RateLimitItemPerSecond
from limits.aio.storage import Storage
from limits.aio.strategies import FixedWindowRateLimiter

from connectors.protocol import Pace, TryAgain


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
        if not await self._limiter.hit(self._each, "delivery", self._channel, sender):
            after = await self._seconds_left(self._each, "delivery", self._channel, sender)
            raise TryAgain("enough for one customer in a minute", everybody=False, after=after)
        while not await self._limiter.hit(self._together, "delivery", self._channel):
            await asyncio.sleep(await self._seconds_left(self._together, "delivery", self._channel))

    async def _seconds_left(self, item: RateLimitItem, *whose: str) -> float:
        window = await self._limiter.get_window_stats(item, *whose)
        return max(0.01, window.reset_time - time.time())
