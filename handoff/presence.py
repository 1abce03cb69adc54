"""Which agents are there: who said so, and whose desk page gave a sign of life within a minute."""

from __future__ import annotations

import time

from redis.asyncio import Redis

CHOSEN = "kefu:desk:available"
SEEN = "kefu:desk:seen"
FRESH_SECONDS = 60
BEAT_SECONDS = 20
"""How often an open desk page gives a sign of life."""


class Presence:
    """The choice is kept while a page is reloaded or a laptop sleeps; only fresh agents count."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def choose(self, agent_id: str, available: bool) -> None:
        await self.beat(agent_id)
        if available:
            await self._redis.sadd(CHOSEN, agent_id)
        else:
            await self._redis.srem(CHOSEN, agent_id)

    async def beat(self, agent_id: str) -> None:
        await self._redis.zadd(SEEN, {agent_id: time.time()})

    async def chose(self, agent_id: str) -> bool:
        return bool(await self._redis.sismember(CHOSEN, agent_id))

    async def available(self) -> int:
        """How many agents are there for customers now."""
        seen = await self._redis.zrangebyscore(SEEN, time.time() - FRESH_SECONDS, "+inf")
        return sum(await self._redis.smismember(CHOSEN, seen)) if seen else 0
