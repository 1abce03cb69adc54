"""After-sales cases (returns, exchanges, repairs) of the demo shop: the same questions, asked of one table each."""

from typing import Any

from sqlalchemy import Row, Table, bindparam, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from actions.backends.demo_shop.lookup import read_file, require_member

_LATEST = 10


class Cases:
    """Statements are built once: making one costs more than running it."""

    def __init__(self, table: Table) -> None:
        newest_first = select(table).order_by(table.c.created_at.desc(), table.c.number.desc()).limit(_LATEST)
        self._of_member = newest_first.where(table.c.member_id == bindparam("member_id"))
        self._of_order = self._of_member.where(table.c.order_number == bindparam("number"))
        self._count = select(func.count()).select_from(table).where(table.c.order_number == bindparam("number"))

    async def latest(self, conn: AsyncConnection, member_id: str, number: str | None) -> list[Row[Any]]:
        """The newest ones of a member, or of one order, newest first. Raises NotFound for a member or order that is
        not there, rather than saying that it has none."""
        query = self._of_member if number is None else self._of_order
        rows = list((await conn.execute(query, {"member_id": member_id, "number": number})).all())
        if not rows and number is None:
            await require_member(conn, member_id)
        elif not rows and number is not None:
            await read_file(conn, member_id, number)
        return rows

    async def count(self, conn: AsyncConnection, number: str) -> int:
        """How many an order has had."""
        return int((await conn.execute(self._count, {"number": number})).scalar_one())
