"""Which customers have the app open: in Redis, so that every process knows. It fades by itself."""

import asyncio
import hashlib
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

FADES_SECONDS = 60
TOGETHER = 200

logger = structlog.get_logger()


class Presence:
    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._open: Counter[str] = Counter()

    @asynccontextmanager
    async def here(self, sender: str) -> AsyncIterator[None]:
        """The customer's socket is open as long as the block runs, whether Redis is there to note it or not."""
        self._open[sender] += 1
        try:
            with _without_redis():
                await self._redis.set(_key(sender), b"1", ex=FADES_SECONDS)
            yield
        finally:
            self._open[sender] -= 1
            if not self._open[sender]:
                del self._open[sender]
                with _without_redis():
                    await self._redis.delete(_key(sender))

    async def run(self) -> None:
        """Say again and again who is here: one loop for all, for a timer of each socket's own costs more."""
        while True:
            await asyncio.sleep(FADES_SECONDS / 2)
            with _without_redis():
                await self.renew()

    async def renew(self) -> None:
        senders = list(self._open)
        for start in range(0, len(senders), TOGETHER):
            pipeline = self._redis.pipeline(transaction=False)
            for sender in senders[start : start + TOGETHER]:
                pipeline.set(_key(sender), b"1", ex=FADES_SECONDS)
            await pipeline.execute()

    async def is_here(self, sender: str) -> bool:
        return bool(await self._redis.exists(_key(sender)))


@contextmanager
def _without_redis() -> Iterator[None]:
    try:
        yield
    except RedisError as error:
        logger.warning("nobody is seen to be here while Redis is away", error=str(error))


def _key(sender: str) -> str:
    return f"kefu:app:here:{hashlib.sha256(sender.encode()).hexdigest()[:32]}"
