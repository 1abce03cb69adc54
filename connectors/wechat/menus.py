"""Buttons as WeChat's menus of choices (msgmenu): it sends back a short id, so what an id stands for is kept here."""

import hashlib

from redis.asyncio import Redis

from core.bus import PREFIX
from core.conversation.message import Button

KEPT_SECONDS = 7 * 24 * 3600
ID_CHARACTERS = 16


class Menus:
    def __init__(self, app_id: str, redis: Redis) -> None:
        self._prefix = f"{PREFIX}wechat:{app_id}:menu:"
        self._redis = redis

    async def ids(self, buttons: tuple[Button, ...]) -> list[str]:
        """An id for each button; the same payload always has the same one."""
        pipeline = self._redis.pipeline(transaction=False)
        for button in buttons:
            pipeline.set(self._prefix + _short(button.payload), button.payload, ex=KEPT_SECONDS)
        await pipeline.execute()
        return [_short(button.payload) for button in buttons]

    async def payload(self, menu_id: str) -> str | None:
        """What was pressed; None for what we never sent, or too long ago: its title is then read as if typed."""
        if len(menu_id) != ID_CHARACTERS:
            return None
        found = await self._redis.get(self._prefix + menu_id)
        return found.decode() if isinstance(found, bytes) else None


def _short(payload: str) -> str:
    return hashlib.sha256(payload.encode()).hexdigest()[:ID_CHARACTERS]
