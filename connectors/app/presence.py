"""Which customers have the app open: in Redis, so that every process knows. It fades by itself."""

import hashlib

from redis.asyncio import Redis

FADES_SECONDS = 60


class Presence:
    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def here(self, sender: str) -> None:
        """The customer's socket is open; said again at least every FADES_SECONDS."""
        await self._redis.set(_key(sender), b"1", ex=FADES_SECONDS)

    async def gone(self, sender: str) -> None:
        await self._redis.delete(_key(sender))

    async def is_here(self, sender: str) -> bool:
        return bool(await self._redis.exists(_key(sender)))


def _key(sender: str) -> str:
    return f"kefu:app:here:{hashlib.sha256(sender.encode()).hexdigest()[:32]}"
