"""Draws the demo shop's data: pure, and the same for the same anchor day.

All dates are counted back from the midnight that begins the anchor day, so that nothing lies in the future.
"""

import random
from collections import defaultdict
from datetime import date, datetime, time
from typing import Any

from actions.backends.demo_shop import rules
from actions.backends.demo_shop.catalogue import heroes
from actions.backends.demo_shop.drawing.customers import draw_customers
from actions.backends.demo_shop.drawing.orders import OrderDrawing
from actions.backends.demo_shop.drawing.rows import Rows
from actions.backends.demo_shop.drawing.wallet import draw_coupons, draw_ledger

MEMBERS = 200
ORDERS = 1500
_SEED = 20260101


def draw(anchor: date) -> Rows:
    """Rows by table name."""
    rng = random.Random(_SEED)
    midnight = datetime.combine(anchor, time(), rules.SHANGHAI)
    rows: Rows = defaultdict(list)
    customers = draw_customers(rng, midnight, MEMBERS, rows)
    shaped = {hero["id"]: hero for hero in heroes()}
    others = [customer for customer in customers if customer.id not in shaped]
    drawing = OrderDrawing(rng, midnight, rows)
    for customer in customers:
        for wish in shaped.get(customer.id, {}).get("orders", ()):
            drawing.wished(customer, wish)
    while len(rows["orders"]) < ORDERS:
        drawing.any(rng.choice(others))
    orders_of = defaultdict(list)
    for order in rows["orders"]:
        orders_of[order["member_id"]].append(order)
    for customer in customers:
        hero = shaped.get(customer.id, {})
        draw_ledger(rng, midnight, customer, orders_of[customer.id], hero.get("points"), rows)
        draw_coupons(rng, midnight, customer, hero, drawing.paid_with(customer), rows)
    return {name: [_whole_seconds(row) for row in table] for name, table in rows.items()}


def _whole_seconds(row: dict[str, Any]) -> dict[str, Any]:
    return {k: v.replace(microsecond=0) if isinstance(v, datetime) else v for k, v in row.items()}
