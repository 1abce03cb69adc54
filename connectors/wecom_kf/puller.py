"""Fetches what happened at an account (`kf/sync_msg`): stored first, then the cursor moves. Nothing is lost between."""

import asyncio
import contextlib
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import structlog
from redis.exceptions import RedisError

from connectors.protocol import DeliveryFailed
from connectors.wecom.client import WeComClient
from connectors.wecom.errors import Refused
from core.bus import PREFIX, Bus
from core.conversation import cursor
from core.storage.database import Database

NOTHING_READ = ""
LIMIT = 1000
TOKEN_SECONDS = 590.0  # WeCom's ten minutes
BAD_TOKEN = 95007
TURN_SECONDS = 60.0  # for a page; another process waits so long for its turn
RETRY_SECONDS = 1.0  # doubled with each failure
LONGEST_RETRY_SECONDS = 60.0

logger = structlog.get_logger()


class Take(Protocol):
    async def __call__(self, items: Sequence[dict[str, Any]], *, is_new_account: bool) -> None:
        """Store what a page lists. `is_new_account`: it is read for the first time, so there may be old things."""
        ...


@dataclass(frozen=True, slots=True)
class _Token:
    value: str
    until: float  # time.monotonic()


class Puller:
    """One process at a time reads an account, so that what it lists stays in order."""

    def __init__(
        self, channel: str, client: WeComClient, database: Database, bus: Bus, take: Take, poll_seconds: float
    ) -> None:
        self._channel = channel
        self._cursors = f"{channel}:"
        self._client = client
        self._database = database
        self._bus = bus
        self._take = take
        self._poll_seconds = poll_seconds
        self._tokens: dict[str, _Token] = {}
        self._accounts: set[str] = set()
        self._due: set[str] = set()
        self._woken = asyncio.Event()
        self._failures = 0

    async def wake(self, account: str, token: str) -> None:
        """Something happened at an account. Once this returns it will be read, whatever dies.

        Without the token of the callback WeCom takes few calls.
        """
        if account not in self._accounts:
            async with self._database.begin() as conn:
                if await cursor.read(conn, self._cursors + account) is None:
                    await cursor.do_move(conn, self._cursors + account, NOTHING_READ)
            self._accounts.add(account)
        self._tokens[account] = _Token(token, time.monotonic() + TOKEN_SECONDS)
        self._due.add(account)
        self._woken.set()

    async def run(self) -> None:
        """Read until cancelled: what is due, again after failures, and everything now and then."""
        self._due |= await self._known()
        while True:
            due, self._due = self._due, set()
            failed = {account for account in sorted(due) if not await self._pull(account)}
            if (task := asyncio.current_task()) and task.cancelling():
                raise asyncio.CancelledError  # it came while a library was giving something back, and got lost there
            self._due |= failed
            self._failures = self._failures if failed else 0
            retry = min(LONGEST_RETRY_SECONDS, RETRY_SECONDS * 2.0 ** min(self._failures, 16))
            try:
                async with asyncio.timeout(retry if failed else self._poll_seconds):
                    await self._woken.wait()
            except TimeoutError:
                self._failures += 1
                self._due |= failed or await self._known()
            self._woken.clear()

    async def _known(self) -> set[str]:
        async with self._database.connect() as conn:
            self._accounts |= set(await cursor.names(conn, self._cursors))
        return set(self._accounts)

    async def _pull(self, account: str) -> bool:
        """Read an account to its end; whether that worked."""
        lock = self._bus.redis.lock(
            f"{PREFIX}{self._cursors}{account}:lock", timeout=TURN_SECONDS, blocking_timeout=TURN_SECONDS
        )
        try:
            async with lock:
                async with self._database.connect() as conn:
                    read = await cursor.read(conn, self._cursors + account) or NOTHING_READ
                is_new = read == NOTHING_READ
                following = await self._read_page(account, read, is_new)
                while following:
                    await lock.reacquire()
                    following = await self._read_page(account, following, is_new)
        except (DeliveryFailed, RedisError) as error:
            logger.warning("an account is not read", channel=self._channel, account=account, error=str(error))
            return False
        return True

    async def _read_page(self, account: str, read: str, is_new_account: bool) -> str | None:
        """Where to go on; None at the end."""
        page = await self._page(account, read)
        items = [item for item in page.get("msg_list") or () if isinstance(item, dict)]
        await self._take(items, is_new_account=is_new_account)
        following = str(page.get("next_cursor") or "")
        if following in ("", read):
            return None
        async with self._database.begin() as conn:
            await cursor.do_move(conn, self._cursors + account, following)
        return following if page.get("has_more") else None

    async def _page(self, account: str, read: str) -> dict[str, Any]:
        asked: dict[str, Any] = {"open_kfid": account, "limit": LIMIT, "voice_format": 0}
        if read:
            asked["cursor"] = read
        token = self._tokens.get(account)
        if token and token.until > time.monotonic():
            with contextlib.suppress(Refused):
                return await self._with_token(account, asked, token)
        return await self._client.call("kf/sync_msg", asked)

    async def _with_token(self, account: str, asked: dict[str, Any], token: _Token) -> dict[str, Any]:
        try:
            return await self._client.call("kf/sync_msg", asked | {"token": token.value})
        except Refused as error:
            if error.errcode == BAD_TOKEN and self._tokens.get(account) is token:
                del self._tokens[account]
            raise
