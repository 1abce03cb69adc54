"""Orders and their parcels."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Protocol

from pydantic import AwareDatetime


class OrderStatus(StrEnum):
    PENDING_PAYMENT = "pending_payment"
    PAID = "paid"
    SHIPPED = "shipped"
    IN_TRANSIT = "in_transit"
    DELIVERED = "delivered"
    COMPLETED = "completed"
    CANCELLED = "cancelled"
    REFUNDING = "refunding"
    REFUNDED = "refunded"

    @property
    def label(self) -> str:
        return _ORDER_LABELS[self]


class ShipmentStatus(StrEnum):
    PICKED_UP = "picked_up"
    IN_TRANSIT = "in_transit"
    OUT_FOR_DELIVERY = "out_for_delivery"
    DELIVERED = "delivered"

    @property
    def label(self) -> str:
        return _SHIPMENT_LABELS[self]


@dataclass(frozen=True)
class OrderItem:
    sku: str
    name: str
    quantity: int
    price: Decimal  # of one piece


@dataclass(frozen=True)
class MaskedAddress:
    """Enough for the customer to recognise it, not enough for anybody else to use it."""

    receiver: str  # 林**
    phone: str  # 138****2201
    region: str  # 浙江省杭州市西湖区****


@dataclass(frozen=True)
class Order:
    number: str
    status: OrderStatus
    items: tuple[OrderItem, ...]
    amount: Decimal
    created_at: AwareDatetime
    ship_to: MaskedAddress
    paid_at: AwareDatetime | None = None
    shipped_at: AwareDatetime | None = None
    delivered_at: AwareDatetime | None = None
    carrier: str | None = None
    tracking_number: str | None = None
    invoice_title: str | None = None

    @property
    def status_label(self) -> str:
        return self.status.label

    @property
    def title(self) -> str:
        """What a person calls the order: its first item and how many kinds there are."""
        first = self.items[0].name if self.items else self.number
        return first if len(self.items) < 2 else f"{first}等{len(self.items)}件商品"


@dataclass(frozen=True)
class UrgeReceipt:
    order_number: str
    urged_at: AwareDatetime
    ship_by: AwareDatetime | None = None  # promised by the warehouse


@dataclass(frozen=True)
class TrackPoint:
    at: AwareDatetime
    city: str
    text: str


@dataclass(frozen=True)
class Shipment:
    order_number: str
    carrier: str
    tracking_number: str
    status: ShipmentStatus
    points: tuple[TrackPoint, ...]  # newest first
    eta: date | None = None

    @property
    def latest(self) -> TrackPoint | None:
        return self.points[0] if self.points else None


class Orders(Protocol):
    async def recent(self, member_id: str, limit: int = 5) -> tuple[Order, ...]:
        """Newest first. `limit` 1..50."""
        ...

    async def get(self, member_id: str, number: str) -> Order: ...

    async def urge(self, member_id: str, number: str, idempotency_key: str) -> UrgeReceipt: ...

    async def cancel(self, member_id: str, number: str, reason: str, idempotency_key: str) -> Order: ...

    async def change_address(self, member_id: str, number: str, address: str, idempotency_key: str) -> Order: ...


class Logistics(Protocol):
    async def track(self, member_id: str, order_number: str) -> Shipment:
        """Raises `NotAllowed(not_shipped)` when the order is this member's but nothing is on its way."""
        ...


_ORDER_LABELS = {
    OrderStatus.PENDING_PAYMENT: "待付款",
    OrderStatus.PAID: "待发货",
    OrderStatus.SHIPPED: "已发货",
    OrderStatus.IN_TRANSIT: "运输中",
    OrderStatus.DELIVERED: "已签收",
    OrderStatus.COMPLETED: "已完成",
    OrderStatus.CANCELLED: "已取消",
    OrderStatus.REFUNDING: "退款中",
    OrderStatus.REFUNDED: "已退款",
}


_SHIPMENT_LABELS = {
    ShipmentStatus.PICKED_UP: "已揽收",
    ShipmentStatus.IN_TRANSIT: "运输中",
    ShipmentStatus.OUT_FOR_DELIVERY: "派送中",
    ShipmentStatus.DELIVERED: "已签收",
}
