"""How data reads in a sentence: times in Chinese local time, money without idle zeros, an order as one short line."""

from collections.abc import Mapping
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal

from actions.backends.orders import Order

SHOP_TIME = timezone(timedelta(hours=8))
_TITLE_LENGTH = 14
_UNKNOWN = "—"

Button = Mapping[str, str]


def moment(at: datetime | None) -> str:
    return f"{at.astimezone(SHOP_TIME):%m-%d %H:%M}" if at else _UNKNOWN


def day(on: date | datetime | None) -> str:
    if on is None:
        return _UNKNOWN
    local = on.astimezone(SHOP_TIME) if isinstance(on, datetime) else on
    return f"{local.month}月{local.day}日"


def near_day(on: date | None, today: date) -> str:
    """今天 and 明天 read better than a date."""
    days = (on - today).days if on else None
    return {0: "今天", 1: "明天"}.get(days, day(on)) if days is not None else _UNKNOWN


def money(amount: Decimal) -> str:
    return f"¥{amount:.2f}".removesuffix(".00")


def short(name: str) -> str:
    """A product's name cut between two words if there is a place, for buttons and sentences."""
    if len(name) <= _TITLE_LENGTH:
        return name
    head, space, _ = name[:_TITLE_LENGTH].rpartition(" ")
    return head if space and len(head) >= _TITLE_LENGTH // 2 else name[: _TITLE_LENGTH - 1] + "…"


def order_title(order: Order) -> str:
    """11-08 花王纸尿裤等2件 ¥128"""
    pieces = sum(item.quantity for item in order.items)
    name = short(order.items[0].name) if order.items else order.number
    several = f"等{pieces}件" if len(order.items) > 1 else ""
    return f"{order.created_at.astimezone(SHOP_TIME):%m-%d} {name}{several} {money(order.amount)}"


def order_button(order: Order) -> dict[str, str]:
    """What `shown_orders` keeps of an order, enough to show it again without asking the backend."""
    return {"order_number": order.number, "title": f"{order_title(order)} {order.status_label}"}
