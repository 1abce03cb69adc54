"""The access token of a vendor's API: kept in Redis for all processes, fetched by one of them at a time."""

from collections.abc import Awaitable, Callable

from redis.asyncio import Redis
from redis.exceptions import RedisError

from connectors.protocol import TryAgain
from core.bus import PREFIX

EARLY_SECONDS = 300.0  # fetched anew before it runs out
FETCH_SECONDS = 15.0  # the longest that one process keeps the others waiting
PAUSE_SECONDS = 30  # between two fetches because the vendor refused a token

Fetch = Callable[[], Awaitable[tuple[str, float]]]
"""Asks the vendor: the token and for how many seconds it is good."""


class SharedToken:
    """`name` is the account's, e.g. `wecom:<corp id>:<agent id>`. Methods raise TryAgain, and what `fetch` raises."""

    def __init__(self, redis: Redis, name: str, fetch: Fetch) -> None:
        self._redis = redis
        self._key = f"{PREFIX}token:{name}"
        self._fetch = fetch

    async def get(self) -> str:
        try:
            return await self._stored() or await self._renewed(None)
        except RedisError as error:
            raise TryAgain(f"the shared token cannot be read: {error}") from error

    async def renew(self, refused: str) -> str:
        """Another token than the one that the vendor refused.

        A vendor that refuses every token is asked for one twice a minute at most: TryAgain in between.
        """
        try:
            return await self._renewed(refused)
        except RedisError as error:
            raise TryAgain(f"the shared token cannot be renewed: {error}") from error

    async def _renewed(self, refused: str | None) -> str:
        async with self._redis.lock(f"{self._key}:lock", timeout=FETCH_SECONDS, blocking_timeout=FETCH_SECONDS):
            stored = await self._stored()
            if stored and stored != refused:  # another process was faster
                return stored
            if refused and not await self._redis.set(f"{self._key}:refused", 1, nx=True, ex=PAUSE_SECONDS):
                raise TryAgain("the vendor refuses fresh access tokens", after=PAUSE_SECONDS)
            token, seconds = await self._fetch()
            await self._redis.set(self._key, token, px=int(max(seconds - EARLY_SECONDS, 1) * 1000))
            return token

    async def _stored(self) -> str | None:
        value = await self._redis.get(self._key)
        return value.decode() if isinstance(value, bytes) else value
