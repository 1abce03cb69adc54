"""Fills a database with the demo shop."""

from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import insert, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from actions.backends.demo_shop import rules
from actions.backends.demo_shop.catalogue import heroes
from actions.backends.demo_shop.drawing import draw
from actions.backends.demo_shop.store import insert_or_ignore, let_readers_in, open_engine, write_transaction
from actions.backends.demo_shop.tables import metadata, seeds

_NAME = "demo-2"  # changes with the tables and with what is drawn: older data are replaced
_LOCK = 0x4B454655  # any number of our own; two seedings at once must not both make the tables


@dataclass(frozen=True)
class DemoMember:
    member_id: str
    name: str
    level: str
    note: str


def demo_members() -> tuple[DemoMember, ...]:
    """Those worth logging in as, each with what it shows."""
    return tuple(DemoMember(hero["id"], hero["name"], hero["level"], hero["note"]) for hero in heroes())


async def seed(url: str, anchor: date | None = None) -> bool:
    """Make the tables and fill them; False when that was done before. All or nothing. What an older version of this
    shop left in them is dropped: it is a demo, and nobody's data.

    `anchor` is the day that the data is fresh on: today in China unless given. The first seeding fixes it.
    """
    anchor = anchor or datetime.now(rules.SHANGHAI).date()
    engine = open_engine(url)
    try:
        async with write_transaction(engine) as conn:
            seeded = await _fill(conn, anchor)
        await let_readers_in(engine)
        return seeded
    finally:
        await engine.dispose()


async def is_seeded(url: str) -> bool:
    """Whether this very shop is there. Raises sqlalchemy.exc.DBAPIError where there are no tables."""
    engine = open_engine(url)
    try:
        async with engine.connect() as conn:
            return (await conn.execute(select(seeds).where(seeds.c.name == _NAME))).first() is not None
    finally:
        await engine.dispose()


async def _fill(conn: AsyncConnection, anchor: date) -> bool:
    if conn.dialect.name == "postgresql":
        await conn.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
    await conn.run_sync(seeds.create, checkfirst=True)
    if (await conn.execute(select(seeds).where(seeds.c.name != _NAME))).first():
        await conn.run_sync(metadata.drop_all)
    await conn.run_sync(metadata.create_all)
    claimed = await conn.execute(insert_or_ignore(conn, seeds).values(name=_NAME, anchor=anchor))
    if claimed.rowcount != 1:
        return False
    rows = draw(anchor)
    for table in metadata.sorted_tables:
        if rows.get(table.name):
            await conn.execute(insert(table), rows[table.name])
    return True
