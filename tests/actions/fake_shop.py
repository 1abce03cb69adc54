"""A small shop in memory, with the orders a test puts into it. It may be told to fail, and remembers what was done."""

import asyncio
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from actions.backends.protocols import (
    Coupon,
    CouponStatus,
    InvoiceReceipt,
    MaskedAddress,
    Member,
    NotAllowed,
    Order,
    OrderItem,
    OrderStatus,
    PointsBalance,
    Redemption,
    Refund,
    Refusal,
    ReturnEligibility,
    ReturnKind,
    ReturnRequest,
    ReturnStatus,
    Shipment,
    ShipmentStatus,
    TrackPoint,
    UrgeReceipt,
)
from core.errors import NotFound, Unavailable

NOW = datetime(2026, 11, 10, 4, 0, tzinfo=UTC)
"""Noon in the shop."""
ADDRESS = MaskedAddress("林**", "138****2201", "浙江省杭州市西湖区****")
COUPON = Coupon(
    "C1",
    "5 元无门槛券",
    Decimal("5.00"),
    Decimal("0.00"),
    "全场通用",
    CouponStatus.AVAILABLE,
    date(2026, 11, 1),
    date(2026, 12, 9),
)


def order(tail: str, status: OrderStatus, *items: str, days_ago: int = 2, amount: str = "128.00") -> Order:
    """An order KF202611…<tail> of the goods named."""
    created = NOW - timedelta(days=days_ago)
    shipped = status not in {OrderStatus.PENDING_PAYMENT, OrderStatus.PAID, OrderStatus.CANCELLED}
    received = status in {OrderStatus.DELIVERED, OrderStatus.COMPLETED}
    return Order(
        number=f"KF20261108{tail}",
        status=status,
        items=tuple(OrderItem(f"S{i}", name, 1, Decimal(amount)) for i, name in enumerate(items or ("纸尿裤",))),
        amount=Decimal(amount),
        created_at=created,
        ship_to=ADDRESS,
        paid_at=None if status is OrderStatus.PENDING_PAYMENT else created,
        shipped_at=created + timedelta(hours=5) if shipped else None,
        delivered_at=created + timedelta(days=1) if received else None,
        carrier="顺丰" if shipped else None,
        tracking_number=f"SF10000000{tail}" if shipped else None,
    )


class FakeShop:
    """Orders, logistics and returns at once; `members` stands beside. `orders_of`: by member, newest first."""

    def __init__(self, **orders_of: Iterable[Order]) -> None:
        self.orders_of = {member: list(orders) for member, orders in orders_of.items()}
        self.returns_of: dict[str, list[ReturnRequest]] = {}
        self.members = FakeMembers(self)
        self.refusals: dict[str, NotAllowed] = {}
        """By method name: what it refuses with."""
        self.down = False
        self.seconds = 0.0
        self.done: list[tuple[str, ...]] = []

    async def recent(self, member_id: str, limit: int = 5) -> tuple[Order, ...]:
        await self.work()
        if member_id not in self.orders_of:
            raise NotFound("no such member")
        return tuple(self.orders_of[member_id][:limit])

    async def get(self, member_id: str, number: str) -> Order:
        await self.work()
        return self._order(member_id, number)

    async def urge(self, member_id: str, number: str, idempotency_key: str) -> UrgeReceipt:
        await self.effect("urge", number, idempotency_key)
        return UrgeReceipt(number, NOW, NOW + timedelta(hours=24))

    async def cancel(self, member_id: str, number: str, reason: str, idempotency_key: str) -> Order:
        await self.effect("cancel", number, idempotency_key)
        return replace(self._order(member_id, number), status=OrderStatus.REFUNDING)

    async def change_address(self, member_id: str, number: str, address: str, idempotency_key: str) -> Order:
        await self.effect("change_address", number, address, idempotency_key)
        return self._order(member_id, number)

    async def request_invoice(self, member_id: str, number: str, title: str, idempotency_key: str) -> InvoiceReceipt:
        await self.effect("request_invoice", number, title, idempotency_key)
        return InvoiceReceipt(number, title, self._order(member_id, number).amount, NOW)

    async def track(self, member_id: str, order_number: str) -> Shipment:
        await self.work()
        found = self._order(member_id, order_number)
        if found.tracking_number is None or found.carrier is None:
            raise NotAllowed(Refusal.NOT_SHIPPED)
        point = TrackPoint(NOW - timedelta(hours=1), "杭州", "快件到达杭州转运中心")
        status = ShipmentStatus.IN_TRANSIT
        return Shipment(order_number, found.carrier, found.tracking_number, status, (point,), date(2026, 11, 12))

    async def eligibility(self, member_id: str, number: str) -> ReturnEligibility:
        await self.work()
        found = self._order(member_id, number)
        if refusal := self.refusals.get("eligibility"):
            return ReturnEligibility(number, False, refusal.code, NOW - timedelta(days=1))
        return ReturnEligibility(number, True, None, NOW + timedelta(days=5), found.amount)

    async def create(self, member_id: str, number: str, reason: str, idempotency_key: str) -> ReturnRequest:
        await self.effect("create", number, reason, idempotency_key)
        refund = Refund(self._order(member_id, number).amount, "微信支付", date(2026, 11, 17))
        made = ReturnRequest(
            "TH202611080001", number, ReturnKind.RETURN, ReturnStatus.REQUESTED, reason, NOW, NOW, refund
        )
        self.returns_of.setdefault(member_id, []).insert(0, made)
        return made

    async def progress(self, member_id: str, number: str | None = None) -> tuple[ReturnRequest, ...]:
        await self.work()
        requests = self.returns_of.get(member_id, [])
        return tuple(request for request in requests if number in {None, request.order_number})

    def _order(self, member_id: str, number: str) -> Order:
        for found in self.orders_of.get(member_id, []):
            if found.number == number:
                return found
        raise NotFound("no such order")

    async def effect(self, name: str, *arguments: str) -> None:
        await self.work()
        if refusal := self.refusals.get(name):
            raise refusal
        self.done.append((name, *arguments))

    async def work(self) -> None:
        if self.seconds:
            await asyncio.sleep(self.seconds)
        if self.down:
            raise Unavailable("the shop is down")


class FakeMembers:
    def __init__(self, shop: FakeShop) -> None:
        self._shop = shop
        self.balance = PointsBalance(860, ())
        self.member = Member("M1", "林晓雨", "银卡", False, 2350, NOW, next_level="金卡", growth_to_next=2650)
        self.owned: tuple[Coupon, ...] = (COUPON,)

    async def get(self, member_id: str) -> Member:
        await self._shop.work()
        return self.member

    async def points(self, member_id: str) -> PointsBalance:
        await self._shop.work()
        return self.balance

    async def redeem(self, member_id: str, points: int, idempotency_key: str) -> Redemption:
        await self._shop.effect("redeem", str(points), idempotency_key)
        return Redemption(points, self.balance.balance - points, COUPON)

    async def coupons(self, member_id: str) -> tuple[Coupon, ...]:
        await self._shop.work()
        return self.owned
