"""Codes that WeCom gives for one message at an event: a welcome, or a word to who has just been queued."""

from redis.asyncio import Redis

from core.bus import PREFIX


class Codes:
    """One a customer, shared by all processes, good once and until it runs out. Methods raise Redis' errors."""

    def __init__(self, redis: Redis, channel: str) -> None:
        self._redis = redis
        self._prefix = f"{PREFIX}{channel}:code:"

    async def put(self, sender: str, code: str, seconds: float) -> None:
        await self._redis.set(self._prefix + sender, code, px=max(1, int(seconds * 1000)))

    async def take(self, sender: str) -> str | None:
        code = await self._redis.getdel(self._prefix + sender)
        return code.decode() if isinstance(code, bytes) else code
