"""Finding a member's own orders. The owner is part of every question, so that somebody else's order costs and says the
same as a missing one."""

from sqlalchemy import bindparam, exists, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from actions.backends.aftersales import ExchangeStatus, RepairStatus
from actions.backends.demo_shop.rows import order_files
from actions.backends.demo_shop.rules import OrderFile
from actions.backends.demo_shop.tables import exchanges, members, order_items, orders, price_claims, repairs
from actions.backends.refusals import no_such_member, no_such_order

# Built once: making a statement costs more than running it.
THIS_ORDER = (orders.c.number == bindparam("number")) & (orders.c.member_id == bindparam("member_id"))
_ITEMS = [c for c in order_items.c if c.name != "order_number"]
_SINCE = (  # what happened to the order since
    or_(
        exists().where(
            exchanges.c.order_number == orders.c.number,
            exchanges.c.status.not_in((ExchangeStatus.DONE, ExchangeStatus.REJECTED)),
        ),
        exists().where(repairs.c.order_number == orders.c.number, repairs.c.status != RepairStatus.DONE),
    ).label("in_service"),
    func.coalesce(
        select(price_claims.c.amount_fen).where(price_claims.c.order_number == orders.c.number).scalar_subquery(), 0
    ).label("price_protection_fen"),
)
_ONE = select(orders, *_SINCE, *_ITEMS).join(order_items).where(THIS_ORDER).order_by(order_items.c.line)
_ONE_LOCKED = _ONE.with_for_update(of=orders)  # SQLite has locked the whole database already
_LATEST = (
    select(orders, *_SINCE)
    .where(orders.c.member_id == bindparam("member_id"))
    .order_by(orders.c.created_at.desc())
    .limit(bindparam("limit"))
    .subquery()
)
_RECENT = (
    select(_LATEST, *_ITEMS)
    .join(order_items, order_items.c.order_number == _LATEST.c.number)
    .order_by(_LATEST.c.created_at.desc(), _LATEST.c.number, order_items.c.line)
)
_MEMBER = select(members.c.id).where(members.c.id == bindparam("member_id"))


async def read_file(conn: AsyncConnection, member_id: str, number: str, *, lock: bool = False) -> OrderFile:
    query = _ONE_LOCKED if lock else _ONE
    rows = (await conn.execute(query, {"member_id": member_id, "number": number})).all()
    if not rows:
        raise no_such_order()
    return order_files(rows)[0]


async def read_recent(conn: AsyncConnection, member_id: str, limit: int) -> list[OrderFile]:
    rows = (await conn.execute(_RECENT, {"member_id": member_id, "limit": limit})).all()
    if not rows:
        await require_member(conn, member_id)
    return order_files(rows)


async def require_member(conn: AsyncConnection, member_id: str) -> None:
    """For answers that may be empty: a member without any is not a missing member."""
    if (await conn.execute(_MEMBER, {"member_id": member_id})).first() is None:
        raise no_such_member()
