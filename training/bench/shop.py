"""Members of the demo shop who are a bench's alone, each with orders that every form can be about.

The shop's tables are another room's: only the columns that a bench fills or reads are named here.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

from sqlalchemy import Integer, String, column, insert, select, table
from sqlalchemy.engine import Engine, create_engine

from core.storage.types import UtcDateTime

FormName = Literal["invoice", "return", "address"]

GOODS = (("MY-1008", "星河婴儿纱布浴巾"), ("MY-1001", "云朵超薄纸尿裤 L 码 54 片"))  # as the shop sells them

_TIMES = ("created_at", "paid_at", "shipped_at", "delivered_at")
_FEN = ("amount_fen", "postage_fen", "coupon_fen", "points_fen")
_WORDS = ("number", "member_id", "status", "payment", "receiver", "phone", "address", "invoice_title")
_MEMBERS = table(
    "members",
    *(column(name, String) for name in ("id", "name", "phone", "email")),
    column("growth", Integer),
    column("joined_at", UtcDateTime()),
)
_ORDERS = table(
    "orders",
    *(column(name, String) for name in _WORDS),
    *(column(name, Integer) for name in _FEN),
    *(column(name, UtcDateTime()) for name in _TIMES),
)
_ITEMS = table(
    "order_items",
    *(column(name, String) for name in ("order_number", "sku", "name")),
    *(column(name, Integer) for name in ("line", "quantity", "price_fen", "returnable")),
)
_RETURNS = table("returns", *(column(name, String) for name in ("order_number", "member_id", "reason")))


@dataclass(frozen=True)
class Shopper:
    """`order` is the one they will write about; `others` stay as they are."""

    member_id: str
    order: str
    others: tuple[str, ...]


class BenchShop:
    """The demo shop's database, beside the running product."""

    def __init__(self, var_dir: Path) -> None:
        self._engine: Engine = create_engine(f"sqlite:///{var_dir / 'demo_shop.db'}", connect_args={"timeout": 30})
        self._run = int(time.time()) % 10**7

    def close(self) -> None:
        self._engine.dispose()

    def new_shoppers(self, forms: Sequence[FormName]) -> list[Shopper]:
        """One for each form, with two orders that it can be about."""
        shoppers = [
            Shopper(f"B{self._run:07}{place:04}", self._number(place, 0), (self._number(place, 1),))
            for place in range(len(forms))
        ]
        now = datetime.now(UTC)
        members, orders, items = [], [], []
        for shopper, form in zip(shoppers, forms, strict=True):
            members.append(_member(shopper.member_id, now))
            for place, number in enumerate((shopper.order, *shopper.others)):
                orders.append(_order(number, shopper.member_id, form, now - timedelta(hours=place)))
                items.append(_item(number, *GOODS[place]))
        with self._engine.begin() as conn:
            for into, rows in ((_MEMBERS, members), (_ORDERS, orders), (_ITEMS, items)):
                conn.execute(insert(into), rows)
        return shoppers

    def changed_by(self, mark: str) -> list[tuple[str, str]]:
        """(member, order) of everything of these shoppers that bears a mark."""
        bearing, ours = "%" + mark + "%", f"B{self._run:07}%"
        orders = select(_ORDERS.c.member_id, _ORDERS.c.number).where(
            _ORDERS.c.member_id.like(ours), _ORDERS.c.invoice_title.like(bearing) | _ORDERS.c.address.like(bearing)
        )
        returns = select(_RETURNS.c.member_id, _RETURNS.c.order_number).where(
            _RETURNS.c.member_id.like(ours), _RETURNS.c.reason.like(bearing)
        )
        with self._engine.connect() as conn:
            return [(row[0], row[1]) for query in (orders, returns) for row in conn.execute(query)]

    def _number(self, place: int, which: int) -> str:
        return f"KF{self._run:07}{place:04}{which}"


def _member(member_id: str, now: datetime) -> dict[str, object]:
    email = f"{member_id.lower()}@example.com"
    joined = now - timedelta(days=400)
    return {"id": member_id, "name": "测试", "phone": "", "email": email, "growth": 0, "joined_at": joined}


def _order(number: str, member_id: str, form: FormName, now: datetime) -> dict[str, object]:
    """Paid and not sent where the address is to be changed, else delivered yesterday."""
    is_here = form != "address"
    return {
        "number": number,
        "member_id": member_id,
        "status": "delivered" if is_here else "paid",
        "payment": "微信支付",
        "receiver": "测试",
        "phone": "13800000000",
        "address": "浙江省杭州市余杭区文一西路1号",
        "invoice_title": None,
        **dict.fromkeys(_FEN, 0),
        "amount_fen": 9900,
        "created_at": now - timedelta(days=4),
        "paid_at": now - timedelta(days=4),
        "shipped_at": now - timedelta(days=3) if is_here else None,
        "delivered_at": now - timedelta(days=1) if is_here else None,
    }


def _item(number: str, sku: str, name: str) -> dict[str, object]:
    return {
        "order_number": number,
        "line": 1,
        "sku": sku,
        "name": name,
        "quantity": 1,
        "price_fen": 9900,
        "returnable": 1,
    }
