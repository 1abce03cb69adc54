"""How long a push waits for its answer: not at all while nobody gets one, so that pushes are acknowledged at once."""

import time
from collections.abc import Awaitable, Callable

SHORT_SECONDS = 0.5  # most turns are over by then
LONG_WAITS = 3  # pushes that may wait longer at the same time
PAUSE_SECONDS = 10.0

Wait = Callable[[float], Awaitable[bool]]
"""Waits for the answer for so many seconds; whether it is there."""


class Patience:
    """Everybody waits a little and a few wait longer. When no answer comes to anybody, nobody waits for a while."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._waiting_long = 0
        self._answered_at = 0.0
        self._paused_until = 0.0

    @property
    def is_over(self) -> bool:
        """Nobody waits now."""
        return self._clock() < self._paused_until

    async def wait(self, wait: Wait, seconds: float) -> bool:
        """Whether the answer came in at most `seconds`."""
        began = self._clock()
        came = await wait(min(seconds, SHORT_SECONDS))
        if not came and seconds > SHORT_SECONDS and self._waiting_long < LONG_WAITS:
            came = await self._wait_long(wait, seconds - SHORT_SECONDS)
        if came:
            self._answered_at = self._clock()
            self._paused_until = 0.0
        elif self._answered_at < began:
            self._paused_until = self._clock() + PAUSE_SECONDS
        return came

    async def _wait_long(self, wait: Wait, seconds: float) -> bool:
        self._waiting_long += 1
        try:
            return await wait(seconds)
        finally:
            self._waiting_long -= 1
