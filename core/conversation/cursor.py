"""How far we have read at a vendor from which we pull. Moved only after what was read is stored."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from core.storage.tables import cursors

_INSERTS: dict[str, Any] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}


async def read(conn: AsyncConnection, name: str) -> str | None:
    """None where nothing has been read yet."""
    return (await conn.execute(select(cursors.c.value).where(cursors.c.name == name))).scalar_one_or_none()


async def names(conn: AsyncConnection, prefix: str) -> list[str]:
    """The names that begin so, without it."""
    found = await conn.execute(select(cursors.c.name).where(cursors.c.name.startswith(prefix, autoescape=True)))
    return [name.removeprefix(prefix) for name in found.scalars()]


async def do_move(conn: AsyncConnection, name: str, value: str) -> None:
    now = {"value": value, "updated_at": datetime.now(UTC)}
    insert = _INSERTS[conn.dialect.name](cursors).values(name=name, **now)
    await conn.execute(insert.on_conflict_do_update(index_elements=["name"], set_=now))
