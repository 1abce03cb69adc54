"""The ids under which we send to WeCom: it refuses one that it knows, and names one whose message fails late."""

import hashlib

import orjson
from redis.asyncio import Redis

from core.bus import PREFIX

KEEP_SECONDS = 4 * 24 * 3600  # WeCom lists what happened in the last three days


class Sent:
    """Kept in Redis. Methods raise its errors."""

    def __init__(self, redis: Redis, channel: str) -> None:
        self._redis = redis
        self._prefix = f"{PREFIX}{channel}:"

    async def fresh(self, msg_id: str) -> str:
        """The id, or another one where a message of this id has failed after WeCom took it."""
        while await self._redis.exists(self._failed(msg_id)):
            msg_id = derived(msg_id)
        return msg_id

    async def remember(self, msg_id: str, message_ids: tuple[str, ...]) -> None:
        await self._redis.set(self._messages(msg_id), orjson.dumps(message_ids), ex=KEEP_SECONDS)

    async def fail(self, msg_id: str) -> list[str]:
        """Which of our messages had gone out under it."""
        await self._redis.set(self._failed(msg_id), 1, ex=KEEP_SECONDS)
        known = await self._redis.get(self._messages(msg_id))
        return list(orjson.loads(known)) if known else []

    def _messages(self, msg_id: str) -> str:
        return f"{self._prefix}sent:{msg_id}"

    def _failed(self, msg_id: str) -> str:
        return f"{self._prefix}failed:{msg_id}"


def derived(*parts: str) -> str:
    """An id of 32 characters, always the same for the same parts."""
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]
