"""The demo shop's database: connections within a time budget, and effects that take place once."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import orjson
from sqlalchemy import Connection, event, select, update
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.engine import make_url
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from actions.backends.codec import decode, encode
from actions.backends.demo_shop.tables import done
from actions.backends.refusals import KeyReused, check_key
from core.errors import SettingsError, Unavailable
from core.storage.database import DRIVERS
from core.storage.sqlite import connector

T = TypeVar("T")


def now_utc() -> datetime:
    return datetime.now(UTC)


class Store:
    """`url` names SQLite (aiosqlite) or PostgreSQL (asyncpg). A call that takes longer than `budget` seconds is given
    up with Unavailable, as is one to a database that is not there."""

    def __init__(self, url: str, *, budget: float = 2.5, clock: Callable[[], datetime] = now_utc) -> None:
        # SQLite gives up on a lock by itself, before we give up on SQLite: its thread cannot be interrupted.
        self.engine = open_engine(url, lock_seconds=budget * 0.8)
        self.clock = clock
        self._budget = budget

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """SQLite: without a transaction, each statement sees the newest state. One thread hop less."""
        with _translated():
            async with asyncio.timeout(self._budget), self.engine.connect() as conn:
                yield conn

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        with _translated():
            async with asyncio.timeout(self._budget), write_transaction(self.engine) as conn:
                yield conn

    async def once(
        self,
        kind: type[T],
        member_id: str,
        key: str,
        request: tuple[Any, ...],
        work: Callable[[AsyncConnection], Awaitable[T]],
    ) -> T:
        """Do the work in a transaction, or give the result it gave when this key came first.

        What is refused leaves no trace, so that the same key may try again. Raises KeyReused when the key came with
        a different request.
        """
        check_key(key)
        asked = orjson.dumps(request).decode()
        async with self.write() as conn:
            # Claiming first makes a second transaction with the same key wait for the end of this one.
            if not await self._claim(conn, member_id, key, asked):
                row = (await conn.execute(select(done.c.request, done.c.result).where(_is(member_id, key)))).one()
                if row.request != asked:
                    raise KeyReused(f"idempotency key {key!r} was used for another request")
                return decode(kind, row.result)
            result = await work(conn)
            stored = encode(kind, result).decode()
            await conn.execute(update(done).where(_is(member_id, key)).values(result=stored))
            return result

    async def _claim(self, conn: AsyncConnection, member_id: str, key: str, request: str) -> bool:
        claim = insert_or_ignore(conn, done).values(member_id=member_id, key=key, request=request, at=self.clock())
        return (await conn.execute(claim)).rowcount == 1

    async def close(self) -> None:
        await self.engine.dispose()


def open_engine(url: str, *, lock_seconds: float = 30.0) -> AsyncEngine:
    parsed = make_url(url)
    backend = parsed.get_backend_name()
    if backend not in DRIVERS:
        raise SettingsError(f"KEFU_DEMO_SHOP_URL names {backend!r}; use sqlite or postgresql")
    parsed = parsed.set(drivername=DRIVERS[backend])
    if backend != "sqlite":
        return create_async_engine(parsed, pool_pre_ping=True)
    if not parsed.database:
        raise SettingsError("KEFU_DEMO_SHOP_URL must name a file for SQLite: sqlite:///path/to/demo_shop.db")
    Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
    creator = connector(parsed.database, lock_seconds=lock_seconds)
    engine = create_async_engine(parsed, async_creator=creator)
    event.listen(engine.sync_engine, "connect", _prepare_sqlite)
    event.listen(engine.sync_engine, "begin", _begin_sqlite)
    return engine


@asynccontextmanager
async def write_transaction(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    async with engine.connect() as conn:
        await conn.execution_options(demo_shop_write=True)
        async with conn.begin():
            yield conn


async def let_readers_in(engine: AsyncEngine) -> None:
    """SQLite: switch the file to WAL, for good, so that a write does not stop the reads.

    Switching does not wait for a lock. When somebody holds one, the next who seeds will switch.
    """
    if engine.dialect.name == "sqlite":
        with suppress(OperationalError):
            async with engine.connect() as conn:
                await conn.exec_driver_sql("PRAGMA journal_mode=WAL")


def insert_or_ignore(conn: AsyncConnection, table: Any) -> Any:
    insert = sqlite_insert if conn.dialect.name == "sqlite" else postgresql_insert
    return insert(table).on_conflict_do_nothing()


@contextmanager
def _translated() -> Iterator[None]:
    """A database that is down, locked or slow is Unavailable; mistakes of ours (bad SQL) stay what they are."""
    try:
        yield
    except (OperationalError, InterfaceError, PoolTimeout, OSError) as error:
        raise Unavailable("the demo shop's database did not answer") from error


def _is(member_id: str, key: str) -> Any:
    return (done.c.member_id == member_id) & (done.c.key == key)


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # the driver must not begin by itself; `_begin_sqlite` does
    for pragma in ("synchronous=NORMAL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(conn: Connection) -> None:
    if conn.get_execution_options().get("demo_shop_write", False):
        conn.exec_driver_sql("BEGIN IMMEDIATE")
