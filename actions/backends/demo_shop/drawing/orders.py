"""Orders in every state, each with a past that fits it: items, parcel, return."""

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from actions.backends.aftersales import ExchangeStatus, RepairStatus
from actions.backends.demo_shop import rules
from actions.backends.demo_shop.catalogue import Carrier, carriers, people, places, products
from actions.backends.demo_shop.drawing.customers import Customer
from actions.backends.demo_shop.drawing.journey import Journey, plan
from actions.backends.demo_shop.drawing.rows import Rows
from actions.backends.demo_shop.rows import fen, service_number
from actions.backends.orders import OrderStatus
from actions.backends.returns import ReturnKind, ReturnStatus

_TRIES = 60
_ASLEEP = range(2, 7)  # nobody orders at these hours

# Share of the orders, and how many hours ago such an order was placed.
_STATES: dict[OrderStatus, tuple[int, tuple[float, float]]] = {
    OrderStatus.PENDING_PAYMENT: (4, (0.5, 22)),
    OrderStatus.PAID: (8, (1, 30)),
    OrderStatus.SHIPPED: (5, (8, 50)),
    OrderStatus.IN_TRANSIT: (12, (16, 120)),
    OrderStatus.DELIVERED: (14, (50, 240)),
    OrderStatus.COMPLETED: (38, (350, 4300)),
    OrderStatus.CANCELLED: (6, (24, 4300)),
    OrderStatus.REFUNDING: (6, (140, 300)),
    OrderStatus.REFUNDED: (7, (500, 4300)),
}
_STAYED = {OrderStatus.PENDING_PAYMENT, OrderStatus.PAID, OrderStatus.CANCELLED}
_MONEY_BACK = {OrderStatus.REFUNDING, OrderStatus.REFUNDED}
_OPEN_RETURNS = (ReturnStatus.REQUESTED, ReturnStatus.APPROVED, ReturnStatus.RETURNING, ReturnStatus.REFUNDING)
_NEVER_SHIPPED = 0.4  # share of the refunds


class OrderDrawing:
    """Adds to `rows`, in the order of the calls. `midnight` is the moment that all states are true at."""

    def __init__(self, rng: random.Random, midnight: datetime, rows: Rows) -> None:
        self._rng = rng
        self._midnight = midnight
        self._rows = rows
        self._numbers: set[str] = set()
        self._coupons: list[tuple[str, dict[str, Any]]] = []

    def wished(self, customer: Customer, wish: dict[str, Any]) -> None:
        """An order as heroes.yml describes it; with a carrier it was shipped."""
        carrier = carriers()[wish["carrier"]] if "carrier" in wish else None
        status = OrderStatus(wish["status"])
        order = self._order(customer, status, wish["skus"], wish["age_hours"], carrier, wish.get("from"), wish)
        if order is None:
            raise ValueError(f"heroes.yml: no {status} order of {customer.id} is {wish['age_hours']} hours old")
        if coupon := wish.get("coupon"):
            self._coupons.append((coupon, order))
        self._service(order, wish)

    def any(self, customer: Customer) -> None:
        """A random order, or none when no such parcel to this customer fits."""
        shares = [share for share, _ in _STATES.values()]
        status = self._rng.choices(list(_STATES), shares)[0]
        category = self._rng.choice(sorted({product.category for product in products().values()}))
        shelf = [product.sku for product in products().values() if product.category == category]
        skus = self._rng.choices(shelf, k=self._rng.choice((1, 1, 1, 2, 2, 3)))
        shipped = status not in _STAYED
        if status in _MONEY_BACK and self._rng.random() < _NEVER_SHIPPED:
            shipped = False
        carrier = self._rng.choice(list(carriers().values())) if shipped else None
        self._order(customer, status, skus, _STATES[status][1], carrier)

    def _order(
        self,
        customer: Customer,
        status: OrderStatus,
        skus: Sequence[str],
        age_hours: Sequence[float],
        carrier: Carrier | None,
        origin: str | None = None,
        wish: Mapping[str, Any] | None = None,
    ) -> dict[str, Any] | None:
        origin = origin or self._rng.choice([place.city for place in places().values() if place.warehouse])
        for _ in range(_TRIES):
            created = self._midnight - timedelta(hours=self._rng.uniform(*age_hours))
            paid = created + timedelta(seconds=self._rng.randint(20, 900))
            journey = plan(self._rng, paid, places()[origin], customer.place, carrier) if carrier else None
            if created.hour not in _ASLEEP and (journey is None or self._fits(status, journey)):
                break
        else:
            return None
        number = self._number(created)
        basket = Counter(skus)
        unpaid = status in (OrderStatus.PENDING_PAYMENT, OrderStatus.CANCELLED)
        row: dict[str, Any] = {
            "number": number,
            "member_id": customer.id,
            "status": status,
            **_paid(sum(fen(products()[sku].price) * quantity for sku, quantity in basket.items()), wish or {}),
            "payment": self._rng.choice(people()["payments"]),
            "receiver": customer.name,
            "phone": customer.phone,
            "address": customer.address,
            "created_at": created,
            "paid_at": None if unpaid else paid,
            "shipped_at": None,
            "delivered_at": None,
            "carrier": None,
            "tracking_number": None,
            "eta": None,
            "invoice_title": None,
            "invoice_requested_at": None,
        }
        self._rows["orders"].append(row)
        self._items(number, basket)
        if journey and carrier:
            digits = self._rng.randrange(10 ** (carrier.digits - 1), 10**carrier.digits)
            row["shipped_at"] = journey.shipped_at
            row["delivered_at"] = journey.delivered_at if journey.delivered_at < self._midnight else None
            row["carrier"] = carrier.name
            row["tracking_number"] = f"{carrier.prefix}{digits}"
            row["eta"] = journey.eta
            self._track(number, journey)
        if status in _MONEY_BACK:
            self._return(row, ReturnStatus.REFUNDING if wish else self._rng.choice(_OPEN_RETURNS))
        return row

    def paid_with(self, customer: Customer) -> dict[str, dict[str, Any]]:
        """The orders of a customer that were paid with a coupon, by its name."""
        return {coupon: order for coupon, order in self._coupons if order["member_id"] == customer.id}

    def _fits(self, status: OrderStatus, journey: Journey) -> bool:
        """Whether a parcel on this journey is in this state at midnight."""
        now, since = self._midnight, self._midnight - journey.delivered_at
        match status:
            case OrderStatus.SHIPPED:
                return journey.steps[0].at < now < journey.departed_at
            case OrderStatus.IN_TRANSIT:
                return journey.departed_at < now < journey.delivered_at
            case OrderStatus.DELIVERED:
                return timedelta(hours=3) < since < timedelta(days=5)  # may still be returned for two days
            case OrderStatus.COMPLETED:
                return since > rules.RETURN_WINDOW
            case OrderStatus.REFUNDING:
                return since > timedelta(hours=30)
            case _:
                return since > timedelta(days=10)

    def _number(self, created: datetime) -> str:
        while True:
            number = f"KF{created:%Y%m%d}{self._rng.randrange(10000):04}"
            if number not in self._numbers:
                self._numbers.add(number)
                return number

    def _items(self, number: str, basket: Counter[str]) -> None:
        for line, (sku, quantity) in enumerate(basket.items(), start=1):
            product = products()[sku]
            self._rows["order_items"].append(
                {
                    "order_number": number,
                    "line": line,
                    "sku": sku,
                    "name": product.name,
                    "quantity": quantity,
                    "price_fen": fen(product.price),
                    "returnable": product.returnable,
                }
            )

    def _track(self, number: str, journey: Journey) -> None:
        for seq, step in enumerate(journey.steps, start=1):
            if step.at < self._midnight:
                self._rows["track_points"].append(
                    {
                        "order_number": number,
                        "seq": seq,
                        "at": step.at,
                        "city": step.city,
                        "status": step.status,
                        "text": step.text,
                    }
                )

    def _service(self, order: dict[str, Any], wish: Mapping[str, Any]) -> None:
        """What was asked for since: an invoice, an exchange, a repair."""
        if invoice := wish.get("invoice"):
            order["invoice_title"] = "个人"
            order["invoice_requested_at"] = self._midnight - timedelta(hours=4 if invoice == "making" else 96)
        product = products()[wish["skus"][0]]
        asked = self._midnight - timedelta(hours=50)
        common = {
            "order_number": order["number"],
            "member_id": order["member_id"],
            "name": product.name,
            "created_at": asked,
            "updated_at": asked + timedelta(hours=30),
        }
        if wanted := wish.get("exchange"):
            like = next(v for v in product.variants if all(getattr(v, k) == value for k, value in wanted.items()))
            number = service_number("HH", order["number"], 0)
            request = {"number": number, "wanted_name": like.name, "reason": "大小不合适"}
            self._rows["exchanges"].append({**common, **request, "status": ExchangeStatus.RETURNING})
        if fault := wish.get("repair"):
            number = service_number("WX", order["number"], 0)
            self._rows["repairs"].append(
                {**common, "number": number, "fault": fault, "free": True, "pickup_on": asked.date()}
                | {"status": RepairStatus.REPAIRING}
            )

    def _return(self, order: dict[str, Any], open_status: ReturnStatus) -> None:
        came_back = order["delivered_at"] is not None
        since: datetime = order["delivered_at"] or order["paid_at"]
        asked = since + min(timedelta(days=4), self._midnight - since) * self._rng.uniform(0.2, 0.7)
        updated = asked + min(timedelta(days=4), self._midnight - asked) * self._rng.uniform(0.2, 0.9)
        refunded = order["status"] is OrderStatus.REFUNDED
        status = ReturnStatus.REFUNDED if refunded else open_status if came_back else ReturnStatus.REFUNDING
        self._rows["returns"].append(
            {
                "number": service_number("TH", order["number"], 0),
                "order_number": order["number"],
                "member_id": order["member_id"],
                "kind": ReturnKind.RETURN if came_back else ReturnKind.REFUND_ONLY,
                "status": status,
                "reason": self._rng.choice(people()["return_reasons"]) if came_back else "不想要了",
                "created_at": asked,
                "updated_at": updated,
                "amount_fen": order["amount_fen"] - (order["postage_fen"] if came_back else 0),
                "method": order["payment"],
                "expected_on": None if refunded else (self._midnight + timedelta(days=2)).date(),
                "refunded_at": updated if refunded else None,
            }
        )


def _paid(goods_fen: int, wish: Mapping[str, Any]) -> dict[str, int]:
    """What the goods cost, and what postage, a coupon and points made of it."""
    kinds = {kind["name"]: fen(Decimal(kind["value"])) for kind in people()["coupons"]}
    postage, points = fen(Decimal(wish.get("postage", 0))), wish.get("points", 0)
    coupon = kinds[wish["coupon"]] if "coupon" in wish else 0
    return {
        "amount_fen": goods_fen + postage - coupon - points,  # a point is a fen
        "postage_fen": postage,
        "coupon_fen": coupon,
        "points_fen": points,
    }
