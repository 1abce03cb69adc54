"""A small shop in memory, with the orders a test puts into it. It may be told to fail, and remembers what was done."""

import asyncio
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from actions.backends.aftersales import (
    ExchangeItem,
    ExchangeOptions,
    ExchangeRequest,
    ExchangeStatus,
    PriceCheck,
    PriceClaim,
    PriceItem,
    RepairRequest,
    RepairStatus,
    Variant,
    Warranty,
    WarrantyCheck,
)
from actions.backends.invoices import InvoiceDelivery, InvoiceProgress, InvoiceReceipt, InvoiceStatus
from actions.backends.members import Coupon, CouponCheck, CouponStatus, LevelBenefits, Member, PointsBalance, Redemption
from actions.backends.orders import (
    MaskedAddress,
    Order,
    OrderItem,
    OrderStatus,
    Shipment,
    ShipmentStatus,
    TrackPoint,
    UrgeReceipt,
)
from actions.backends.refusals import NotAllowed, Refusal
from actions.backends.returns import Refund, RefundQuote, ReturnEligibility, ReturnKind, ReturnRequest, ReturnStatus
from actions.services import Knowledge, Services, Tickets
from core.errors import NotFound, Unavailable
from tests.e2e.talk import RatingsInMemory

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


def services_of(shop: "FakeShop", knowledge: Knowledge, tickets: Tickets, **more: Any) -> Services:
    return Services(
        orders=shop,
        logistics=shop,
        returns=shop,
        exchanges=shop.exchanges,
        repairs=shop.repairs,
        prices=shop.prices,
        invoices=shop.invoices,
        members=shop.members,
        knowledge=knowledge,
        tickets=tickets,
        **{"ratings": RatingsInMemory(), **more},
    )


class FakeShop:
    """Orders, logistics and returns at once; the others stand beside. `orders_of`: by member, newest first."""

    def __init__(self, **orders_of: Iterable[Order]) -> None:
        self.orders_of = {member: list(orders) for member, orders in orders_of.items()}
        self.returns_of: dict[str, list[ReturnRequest]] = {}
        self.members = FakeMembers(self)
        self.exchanges = FakeExchanges(self)
        self.repairs = FakeRepairs(self)
        self.prices = FakePrices(self)
        self.invoices = FakeInvoices(self)
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
        return self.order(member_id, number)

    async def urge(self, member_id: str, number: str, idempotency_key: str) -> UrgeReceipt:
        await self.effect("urge", number, idempotency_key)
        return UrgeReceipt(number, NOW, NOW + timedelta(hours=24))

    async def cancel(self, member_id: str, number: str, reason: str, idempotency_key: str) -> Order:
        await self.effect("cancel", number, idempotency_key)
        return replace(self.order(member_id, number), status=OrderStatus.REFUNDING)

    async def change_address(self, member_id: str, number: str, address: str, idempotency_key: str) -> Order:
        await self.effect("change_address", number, address, idempotency_key)
        return self.order(member_id, number)

    async def track(self, member_id: str, order_number: str) -> Shipment:
        await self.work()
        found = self.order(member_id, order_number)
        if found.tracking_number is None or found.carrier is None:
            raise NotAllowed(Refusal.NOT_SHIPPED)
        point = TrackPoint(NOW - timedelta(hours=1), "杭州", "快件到达杭州转运中心")
        status = ShipmentStatus.IN_TRANSIT
        return Shipment(order_number, found.carrier, found.tracking_number, status, (point,), date(2026, 11, 12))

    async def eligibility(self, member_id: str, number: str) -> ReturnEligibility:
        await self.work()
        found = self.order(member_id, number)
        if refusal := self.refusals.get("eligibility"):
            return ReturnEligibility(number, False, refusal.code, NOW - timedelta(days=1))
        return ReturnEligibility(number, True, None, NOW + timedelta(days=5), found.amount)

    async def quote(self, member_id: str, number: str) -> RefundQuote:
        await self.work()
        paid, nothing = self.order(member_id, number).amount, Decimal("0.00")
        if refusal := self.refusals.get("quote"):
            raise refusal
        return RefundQuote(number, paid, "微信支付", paid, nothing, nothing, nothing, nothing)

    async def create(self, member_id: str, number: str, reason: str, idempotency_key: str) -> ReturnRequest:
        await self.effect("create", number, reason, idempotency_key)
        refund = Refund(self.order(member_id, number).amount, "微信支付", date(2026, 11, 17))
        made = ReturnRequest(
            "TH202611080001", number, ReturnKind.RETURN, ReturnStatus.REQUESTED, reason, NOW, NOW, refund
        )
        self.returns_of.setdefault(member_id, []).insert(0, made)
        return made

    async def progress(self, member_id: str, number: str | None = None) -> tuple[ReturnRequest, ...]:
        await self.work()
        requests = self.returns_of.get(member_id, [])
        return tuple(request for request in requests if number in {None, request.order_number})

    def order(self, member_id: str, number: str) -> Order:
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


class FakeExchanges:
    """A piece comes in its own size M, in L, and in red; XL is sold out."""

    def __init__(self, shop: FakeShop) -> None:
        self._shop = shop
        self.requests: list[ExchangeRequest] = []

    async def options(self, member_id: str, number: str) -> ExchangeOptions:
        await self._shop.work()
        found = self._shop.order(member_id, number)
        if refusal := self._shop.refusals.get("options"):
            return ExchangeOptions(number, False, refusal.code, NOW - timedelta(days=1))
        items = tuple(ExchangeItem(item.sku, item.name, _variants(item)) for item in found.items)
        return ExchangeOptions(number, True, None, NOW + timedelta(days=5), items)

    async def create(
        self, member_id: str, number: str, sku: str, wanted_sku: str, reason: str, idempotency_key: str
    ) -> ExchangeRequest:
        await self._shop.effect("exchange", number, sku, wanted_sku, reason, idempotency_key)
        status = ExchangeStatus.REQUESTED
        return ExchangeRequest("HH202611080001", number, sku, wanted_sku, reason, status, NOW, NOW)

    async def progress(self, member_id: str, number: str | None = None) -> tuple[ExchangeRequest, ...]:
        await self._shop.work()
        return tuple(request for request in self.requests if number in {None, request.order_number})


def _variants(item: OrderItem) -> tuple[Variant, ...]:
    kinds = (("雾蓝", "M", 5), ("雾蓝", "L", 3), ("雾蓝", "XL", 0), ("红色", "M", 2))
    return tuple(
        Variant(f"{item.sku}-{n}" if n else item.sku, f"{item.name} {color} {size}", stock, color, size)
        for n, (color, size, stock) in enumerate(kinds)
    )


class FakeRepairs:
    def __init__(self, shop: FakeShop) -> None:
        self._shop = shop
        self.covered = True
        self.requests: list[RepairRequest] = []

    async def warranty(self, member_id: str, number: str) -> WarrantyCheck:
        await self._shop.work()
        found = self._shop.order(member_id, number)
        if refusal := self._shop.refusals.get("warranty"):
            return WarrantyCheck(number, False, refusal.code)
        items = tuple(Warranty(item.sku, item.name, date(2027, 11, 9), self.covered) for item in found.items)
        return WarrantyCheck(number, True, None, items)

    async def create(self, member_id: str, number: str, sku: str, fault: str, idempotency_key: str) -> RepairRequest:
        await self._shop.effect("repair", number, sku, fault, idempotency_key)
        status, pickup_on = RepairStatus.REQUESTED, date(2026, 11, 11)
        return RepairRequest("WX202611080001", number, sku, fault, status, self.covered, NOW, NOW, pickup_on)

    async def progress(self, member_id: str, number: str | None = None) -> tuple[RepairRequest, ...]:
        await self._shop.work()
        return tuple(request for request in self.requests if number in {None, request.order_number})


class FakePrices:
    """Everything has become ten yuan cheaper."""

    def __init__(self, shop: FakeShop) -> None:
        self._shop = shop

    async def check(self, member_id: str, number: str) -> PriceCheck:
        await self._shop.work()
        found = self._shop.order(member_id, number)
        items = tuple(PriceItem(i.sku, i.name, i.quantity, i.price, i.price - 10) for i in found.items)
        if refusal := self._shop.refusals.get("check"):
            return PriceCheck(number, False, refusal.code, NOW - timedelta(days=1), items=items)
        return PriceCheck(number, True, None, NOW + timedelta(days=3), Decimal("10.00") * len(items), items)

    async def claim(self, member_id: str, number: str, idempotency_key: str) -> PriceClaim:
        await self._shop.effect("claim", number, idempotency_key)
        return PriceClaim(number, Decimal("10.00"), "微信支付", NOW, date(2026, 11, 13))


class FakeInvoices:
    def __init__(self, shop: FakeShop) -> None:
        self._shop = shop
        self.status = InvoiceStatus.NOT_REQUESTED

    async def request(self, member_id: str, number: str, title: str, idempotency_key: str) -> InvoiceReceipt:
        await self._shop.effect("request_invoice", number, title, idempotency_key)
        return InvoiceReceipt(number, title, self._shop.order(member_id, number).amount, NOW)

    async def progress(self, member_id: str, number: str) -> InvoiceProgress:
        await self._shop.work()
        amount = self._shop.order(member_id, number).amount
        if self.status is InvoiceStatus.NOT_REQUESTED:
            return InvoiceProgress(number, self.status, amount)
        issued = NOW if self.status is InvoiceStatus.ISSUED else None
        sent_to = "li***@example.com" if issued else None
        return InvoiceProgress(number, self.status, amount, "个人", NOW, NOW + timedelta(days=1), issued, sent_to)

    async def resend(self, member_id: str, number: str, email: str | None, idempotency_key: str) -> InvoiceDelivery:
        await self._shop.effect("resend", number, email or "", idempotency_key)
        return InvoiceDelivery(number, "li***@example.com", NOW)


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

    async def benefits(self, member_id: str) -> tuple[LevelBenefits, ...]:
        await self._shop.work()
        return (LevelBenefits("银卡", 1000, ("积分 1.2 倍",)), LevelBenefits("金卡", 5000, ("积分 1.5 倍",)))

    async def check_coupons(self, member_id: str, number: str | None = None) -> tuple[CouponCheck, ...]:
        await self._shop.work()
        return tuple(CouponCheck(coupon) for coupon in self.owned)
