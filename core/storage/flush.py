"""Commits made durable, many at once.

A commit of SQLite writes its log (WAL) to the system's memory; what survives a power cut is what was flushed from there
to the disk, and a flush takes milliseconds however much it takes along. With `synchronous=FULL` every commit flushes
for itself, one after the other. Here commits only write (`synchronous=NORMAL`), and who must be sure waits for a flush
that began after: everybody who came while one was under way shares the next. The log's records carry checksums and are
read back in order, so what follows a flushed one cannot harm it.
"""

import asyncio
import os
import sqlite3
import time
from pathlib import Path

CHECKPOINT_SECONDS = 5.0  # so often the log is moved into the database, if there is anything in it


class Flusher:
    """For one database file. Waits in a thread, so the event loop goes on."""

    def __init__(self, database: Path) -> None:
        self._database = database
        self._log = database.with_name(f"{database.name}-wal")
        self._log_number = 0  # its inode: a new log is flushed with its folder
        self._checkpointed = time.monotonic()
        self._current: asyncio.Task[None] | None = None
        self._next: asyncio.Task[None] | None = None

    async def flush(self) -> None:
        """Returns once everything that was committed before the call is on disk. Raises OSError."""
        if self._next is None:
            self._next = asyncio.create_task(self._follow(self._current))
        await asyncio.shield(self._next)

    async def close(self) -> None:
        """Wait for what is under way."""
        under_way = [task for task in (self._current, self._next) if task]
        await asyncio.gather(*under_way, return_exceptions=True)

    async def _follow(self, current: asyncio.Task[None] | None) -> None:
        if current:
            await asyncio.wait([current])
        self._current, self._next = self._next, None
        await asyncio.to_thread(self._flush)

    def _flush(self) -> None:
        try:
            log = os.open(self._log, os.O_RDONLY)
        except FileNotFoundError:
            return  # nothing was committed, or all of it is in the database already
        try:
            os.fsync(log)
            number = os.fstat(log).st_ino
        finally:
            os.close(log)
        if number != self._log_number:
            self._flush_folder()
            self._log_number = number
        if time.monotonic() > self._checkpointed + CHECKPOINT_SECONDS:
            self._checkpoint()
            self._checkpointed = time.monotonic()

    def _flush_folder(self) -> None:
        folder = os.open(self._database.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def _checkpoint(self) -> None:
        """Passive: it waits for nobody, and moves what no reader holds up."""
        connection = sqlite3.connect(self._database, timeout=0)
        try:
            connection.execute("PRAGMA wal_checkpoint(PASSIVE)")
        except sqlite3.OperationalError:
            pass  # somebody else does it now
        finally:
            connection.close()
