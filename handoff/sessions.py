"""Who is signed in, and how often somebody tried: server-side, in Redis, gone by themselves."""

from __future__ import annotations

import hashlib
import secrets

from redis.asyncio import Redis

from core.errors import TooMany

IDLE_SECONDS = 8 * 3600
WINDOW_SECONDS = 300
TRIES_PER_ACCOUNT = 5
TRIES_PER_ADDRESS = 30


class Sessions:
    """A session ends by `close`, or when nothing was asked for eight hours. Redis holds only a hash of the token."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def open(self, agent_id: str) -> str:
        """The token for the cookie."""
        token = secrets.token_urlsafe(32)
        await self._redis.set(_session_key(token), agent_id, ex=IDLE_SECONDS)
        return token

    async def agent_id(self, token: str) -> str | None:
        """Whose session it is; being asked keeps it alive."""
        agent_id = await self._redis.getex(_session_key(token), ex=IDLE_SECONDS)
        return agent_id.decode() if isinstance(agent_id, bytes) else agent_id

    async def close(self, token: str) -> None:
        await self._redis.delete(_session_key(token))


class LoginThrottle:
    """A few tries per account and address, more per address, in a window of five minutes."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def count(self, username: str, address: str) -> None:
        """Count a try before the password is looked at, so that tries side by side are counted too. Raises TooMany."""
        limits = {_try_key(username, address): TRIES_PER_ACCOUNT, _try_key("", address): TRIES_PER_ADDRESS}
        async with self._redis.pipeline(transaction=True) as pipe:
            for key in limits:
                pipe.set(key, 0, ex=WINDOW_SECONDS, nx=True)
                pipe.incr(key)
            counts = (await pipe.execute())[1::2]
        if any(count > limit for count, limit in zip(counts, limits.values(), strict=True)):
            raise TooMany("登录尝试太多次了，请五分钟后再试")

    async def forget(self, username: str, address: str) -> None:
        """After a login that went well."""
        await self._redis.delete(_try_key(username, address))


def _session_key(token: str) -> str:
    return f"kefu:desk:session:{_hash(token)}"


def _try_key(username: str, address: str) -> str:
    return f"kefu:desk:tries:{_hash(f'{username.strip()} {address}')}"


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
