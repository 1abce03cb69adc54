"""Transactions on SQLite (WAL) or PostgreSQL, one code path."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, event
from sqlalchemy.engine import ExceptionContext, make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from core.crypto import Cipher
from core.errors import InvalidInput, SettingsError
from core.storage.flush import Flusher
from core.storage.sqlite import connector

NUL_IN_TEXT = "22021"  # SQLSTATE character_not_in_repertoire
MIGRATIONS = Path(__file__).parent / "migrations"
DRIVERS = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+asyncpg", "postgres": "postgresql+asyncpg"}


class Database:
    """`begin()` writes, `connect()` reads, each statement by itself. `data_key` opens the sealed columns.

    On SQLite a write transaction takes the write lock at once (BEGIN IMMEDIATE): a read that later wants to write
    cannot be told «busy» half-way. What is committed is then flushed to disk, together with what others committed
    meanwhile (`flush`): what is accepted must survive a power cut.
    """

    def __init__(self, url: str, data_key: str, *, pool_size: int = 8) -> None:
        self.engine: AsyncEngine = _engine(url, pool_size)
        self.engine.dialect.kefu_cipher = Cipher(data_key)  # type: ignore[attr-defined]
        is_sqlite = self.engine.dialect.name == "sqlite"
        # SQLite has one writer. Waiting here in order beats its own way, which is to sleep and ask again.
        self._writer = asyncio.Lock() if is_sqlite else nullcontext()
        self._flusher = Flusher(Path(self.engine.url.database or "")) if is_sqlite else None

    @asynccontextmanager
    async def begin(self, *, durable: bool = True) -> AsyncIterator[AsyncConnection]:
        """A write transaction: committed at the end, rolled back on an error.

        One that is not `durable` does not wait for the disk: for what a power cut may undo, since it is done again.
        """
        async with self._writer, self.engine.connect() as conn:
            await conn.execution_options(kefu_write=True)
            async with conn.begin():
                if not durable and conn.dialect.name == "postgresql":
                    await conn.exec_driver_sql("SET LOCAL synchronous_commit TO OFF")
                yield conn
        if durable and self._flusher:
            await self._flusher.flush()

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[AsyncConnection]:
        """A connection for reading. One statement does not see what the one before saw, as by PostgreSQL's default."""
        async with self.engine.connect() as conn:
            yield conn

    async def migrate(self) -> None:
        """Bring the tables to the newest version (Alembic)."""
        async with self._writer, self.engine.connect() as conn:
            if conn.dialect.name == "sqlite":
                # SQLite changes a table by replacing it. With foreign keys on, dropping the old one would drop all
                # that hangs on its rows; the switch has no effect inside a transaction.
                await conn.exec_driver_sql("PRAGMA foreign_keys=OFF")
                await conn.commit()
            await conn.execution_options(kefu_write=True)
            try:
                async with conn.begin():
                    await conn.run_sync(_upgrade)
            finally:
                if conn.dialect.name == "sqlite":
                    await conn.execution_options(kefu_write=False)
                    await conn.exec_driver_sql("PRAGMA foreign_keys=ON")

    async def close(self) -> None:
        if self._flusher:
            await self._flusher.close()
        await self.engine.dispose()


def _engine(url: str, pool_size: int) -> AsyncEngine:
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise SettingsError(f"KEFU_DATABASE_URL is not a database URL: {error}") from None
    backend = parsed.get_backend_name()
    if backend not in DRIVERS:
        raise SettingsError(f"KEFU_DATABASE_URL names {backend!r}; use sqlite or postgresql")
    parsed = parsed.set(drivername=DRIVERS[backend])
    if backend != "sqlite":
        engine = create_async_engine(parsed, pool_size=pool_size, max_overflow=pool_size, pool_pre_ping=True)
        event.listen(engine.sync_engine, "handle_error", _refuse_unstorable)
        return engine
    if not parsed.database or parsed.database == ":memory:":
        raise SettingsError("KEFU_DATABASE_URL must name a file for SQLite: sqlite:///path/to/kefu.db")
    Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
    engine = create_async_engine(parsed, pool_size=pool_size, async_creator=connector(parsed.database))
    event.listen(engine.sync_engine, "connect", _prepare_sqlite)
    event.listen(engine.sync_engine, "begin", _begin_sqlite)
    return engine


def _refuse_unstorable(failed: ExceptionContext) -> InvalidInput | None:
    """PostgreSQL keeps no NUL in a text (SQLite does): somebody sent one, so it is their error and not ours."""
    if getattr(failed.original_exception, "sqlstate", None) == NUL_IN_TEXT:
        return InvalidInput("内容里有不能保存的字符（NUL）")
    return None


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # the driver must not begin by itself; `_begin_sqlite` does
    # Flushing, and moving the log into the database, are the flusher's: a commit does not stop for them.
    for pragma in ("journal_mode=WAL", "foreign_keys=ON", "synchronous=NORMAL", "wal_autocheckpoint=0"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(conn: Connection) -> None:
    if conn.get_execution_options().get("kefu_write"):
        conn.exec_driver_sql("BEGIN IMMEDIATE")


def _upgrade(conn: Connection) -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = conn
    command.upgrade(config, "head")
