"""SQLite under an event loop, without a change of threads for every call.

aiosqlite hands each call to a thread and waits for it: some eighty times a turn here, which cost more than SQLite's own
work of tens of microseconds. So calls run where they are made. Two things must not be done there: to sleep for another
process's lock (SQLite answers «busy» at once, and it is asked again from the event loop), and to wait for the disk
(`flush` does, in a thread).

It stands on `aiosqlite.Connection._execute`, through which every call of that library goes (its version is pinned).
"""

import asyncio
import sqlite3
import time
from collections.abc import Awaitable, Callable
from typing import Any

import aiosqlite

ASK_AGAIN_SECONDS = 0.005


class LoopConnection(aiosqlite.Connection):
    lock_seconds = 30.0
    """How long a call waits for another's lock."""

    async def _execute(self, fn: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        deadline = time.monotonic() + self.lock_seconds
        while True:
            try:
                return fn(*args, **kwargs)
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                    raise
            await asyncio.sleep(ASK_AGAIN_SECONDS)


def connector(
    path: str, *, lock_seconds: float = LoopConnection.lock_seconds
) -> Callable[[], Awaitable[aiosqlite.Connection]]:
    """For SQLAlchemy's `async_creator`. Its commits must not wait for the disk (`synchronous=NORMAL`)."""

    async def connect() -> aiosqlite.Connection:
        connection = LoopConnection(
            lambda: sqlite3.connect(path, timeout=0, check_same_thread=False), iter_chunk_size=64
        )
        connection.lock_seconds = lock_seconds
        connection._thread.daemon = True  # as SQLAlchemy does: an unclosed connection must not hold the process
        return await connection

    return connect
