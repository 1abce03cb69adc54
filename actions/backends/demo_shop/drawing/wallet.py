"""Points ledgers that add up, and coupons in every state."""

import random
from collections.abc import Iterable, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from actions.backends.demo_shop import rules
from actions.backends.demo_shop.catalogue import people
from actions.backends.demo_shop.drawing.customers import Customer
from actions.backends.demo_shop.drawing.rows import Rows
from actions.backends.demo_shop.rows import fen
from actions.backends.orders import OrderStatus

_BONUSES = ((5, "每日签到"), (10, "连续签到 7 天"), (30, "晒单评价"), (50, "完善资料"))
_SPENT_BY_HEROES = 200
_STATES = {"available": 45, "used": 25, "expired": 30}


def draw_ledger(
    rng: random.Random,
    midnight: datetime,
    customer: Customer,
    orders: Iterable[dict[str, Any]],
    balance: int | None,
    rows: Rows,
) -> None:
    """Earnings and one spending. What is left of each earning is worked out by the shop's own rule. `balance`: what
    it must come to, for the hand-shaped."""
    earned: list[tuple[datetime, int, str]] = [
        (order["delivered_at"] + timedelta(hours=1), order["amount_fen"] // 100, f"订单 {order['number']} 奖励")
        for order in orders
        if order["status"] is OrderStatus.COMPLETED
    ]
    earned += [
        (midnight - timedelta(days=rng.uniform(1, 150)), *rng.choice(_BONUSES)) for _ in range(rng.randint(1, 5))
    ]
    last_year = _morning(rng, midnight.year - 1)
    if balance is None:
        earned.append((last_year, 100 + customer.growth // rng.randint(4, 9), "上年度消费奖励"))
        if rng.random() < 0.3:
            earned.append((_morning(rng, midnight.year - 2), rng.randint(20, 400), "消费奖励"))
        spent = rng.choice((0, 0, 100, 200, 500))
    else:
        spent = _SPENT_BY_HEROES
        earned.append((last_year, balance + spent - sum(amount for _, amount, _ in earned), "上年度消费奖励"))
    ledger = [
        rules.LedgerRow(index, at, amount, amount, reason, date(at.year + 1, 12, 31))
        for index, (at, amount, reason) in enumerate(sorted(earned))
    ]
    left = {row.id: row.remaining for row in ledger}
    spent_at = midnight - timedelta(hours=rng.uniform(2, 20))
    entries = [(row.at, row.amount, row.reason, row.expires_on) for row in ledger]
    if spent and spent <= rules.balance(ledger, spent_at.date()).balance:
        left |= rules.spend(ledger, spent, spent_at.date())
        entries.append((spent_at, -spent, f"积分兑换 {spent // rules.POINTS_STEP} 元券", None))
    rows["points_entries"] += [
        {
            "member_id": customer.id,
            "at": at,
            "amount": amount,
            "remaining": left.get(index, 0),
            "reason": reason,
            "expires_on": expires_on,
        }
        for index, (at, amount, reason, expires_on) in enumerate(entries)
    ]


def draw_coupons(
    rng: random.Random,
    midnight: datetime,
    customer: Customer,
    hero: Mapping[str, Any],
    used_for: Mapping[str, dict[str, Any]],
    rows: Rows,
) -> None:
    """`used_for`: orders by the coupon they were paid with."""
    usable = hero.get("coupons")
    kinds = {kind["name"]: kind for kind in people()["coupons"]}
    common = [name for name, kind in kinds.items() if not kind.get("season")]
    if usable is None:
        states = rng.choices(list(_STATES), list(_STATES.values()), k=rng.randint(3, 7))
        wanted = [(rng.choice(common), state) for state in states]
    else:
        wanted = [(name, "available") for name in usable]
        wanted += [(name, "used") for name in used_for or [rng.choice(common)]]
        wanted += [(rng.choice(common), "expired")]
        wanted += [(name, "upcoming") for name in hero.get("upcoming", ())]
    today = midnight.date()
    for name, state in wanted:
        kind = kinds[name]
        length = timedelta(days=kind["days"])
        until = today + timedelta(days=_days_left(rng, state, kind["days"]))
        used = datetime.combine(until, time(rng.randint(9, 22)), rules.SHANGHAI) - length * 0.4
        order = used_for.get(name) if state == "used" else None
        if order:
            used, until = order["created_at"], order["created_at"].date() + length / 2
        rows["coupons"].append(
            {
                "code": f"C{rng.randrange(16**11):011X}",
                "member_id": customer.id,
                "name": name,
                "value_fen": fen(Decimal(kind["value"])),
                "minimum_fen": fen(Decimal(kind["minimum"])),
                "scope": kind["scope"],
                "valid_from": until - length,
                "valid_until": until,
                "used_at": used if state == "used" else None,
                "order_number": order["number"] if order else None,
            }
        )


def _days_left(rng: random.Random, state: str, days: int) -> int:
    if state == "upcoming":
        return days + rng.randint(5, 12)
    return rng.randint(3, days - 1) if state == "available" else -rng.randint(1, 80)


def _morning(rng: random.Random, year: int) -> datetime:
    return datetime(year, 6, rng.randint(1, 28), 10, tzinfo=rules.SHANGHAI)
