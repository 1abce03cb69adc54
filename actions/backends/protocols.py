"""What the bot may ask of a shop's systems, as plain data and async Protocols.

Every call names the member whose data it may touch. Somebody else's order behaves exactly as a missing one.

Every method may raise
    NotFound       no such member, or no such order of this member
    Unavailable    the backend is down, slow or answers nonsense; nothing is known about the effect
Calls with an effect may also raise
    NotAllowed     the shop refuses; `.code` says why (see `Refusal`)
    InvalidInput   the argument can never be right (empty address, zero points)
    KeyReused      the idempotency key was used for a different request
and are safe to repeat with the same idempotency key: the first result is given again, nothing happens twice.

Money is `Decimal` yuan with two places. Datetimes are aware; show them in the customer's zone.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Protocol

from pydantic import AwareDatetime

from actions.backends.aftersales import Exchanges, Prices, Repairs
from core.errors import Conflict, InvalidInput, NotFound


class Refusal(StrEnum):
    """Machine codes that `NotAllowed` carries. A shop's own system may send further ones."""

    NOT_PAID = "not_paid"
    NOT_SHIPPED = "not_shipped"
    NOT_DELIVERED = "not_delivered"
    ALREADY_SHIPPED = "already_shipped"
    ALREADY_URGED = "already_urged"  # details: urged_at
    ALREADY_REQUESTED = "already_requested"  # a return, refund or invoice for this order exists
    IN_SERVICE = "in_service"  # the order is being exchanged or repaired
    ORDER_CLOSED = "order_closed"  # cancelled, refunding or refunded
    WINDOW_CLOSED = "window_closed"  # too late for a return; details: deadline
    NOT_RETURNABLE = "not_returnable"  # such goods are never taken back
    NOT_ENOUGH_POINTS = "not_enough_points"  # details: balance
    POINTS_STEP = "points_step"  # points are redeemed in steps; details: step
    OUT_OF_STOCK = "out_of_stock"  # of the wanted size or colour
    NOT_REPAIRABLE = "not_repairable"  # such goods have no repair service
    NO_DIFFERENCE = "no_difference"  # the price has not fallen
    NOT_REQUESTED = "not_requested"  # no invoice was asked for
    NOT_ISSUED = "not_issued"  # the invoice is still being made; details: expected_at


class NotAllowed(Conflict):
    """The shop's rules refuse. `code` is a `Refusal` value or the shop's own; `details` are strings to show."""

    def __init__(self, code: str, message: str = "", details: Mapping[str, str] | None = None) -> None:
        super().__init__(message or f"the shop refuses: {code}")
        self.code = str(code)
        self.details: Mapping[str, str] = dict(details or {})


class KeyReused(Conflict):
    """An idempotency key came again with a different request: the caller makes its keys wrongly."""

    code = "idempotency_key_reused"


_LONGEST_KEY = 128


def check_key(key: str) -> str:
    """The idempotency key, if it can be one: 1 to 128 printable ASCII characters."""
    if not 0 < len(key) <= _LONGEST_KEY or not key.isascii() or not key.isprintable():
        raise InvalidInput(f"an idempotency key is 1 to {_LONGEST_KEY} printable ASCII characters, not {key!r}")
    return key


def no_such_order() -> NotFound:
    """The same words whether the order is missing or somebody else's."""
    return NotFound("no such order of this member")


def no_such_member() -> NotFound:
    return NotFound("no such member")


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


class ReturnKind(StrEnum):
    RETURN = "return"  # goods come back
    REFUND_ONLY = "refund_only"  # nothing was shipped, money goes back

    @property
    def label(self) -> str:
        return _KIND_LABELS[self]


class ReturnStatus(StrEnum):
    REQUESTED = "requested"
    APPROVED = "approved"
    RETURNING = "returning"
    REFUNDING = "refunding"
    REFUNDED = "refunded"
    REJECTED = "rejected"

    @property
    def label(self) -> str:
        return _RETURN_LABELS[self]


class InvoiceStatus(StrEnum):
    NOT_REQUESTED = "not_requested"
    MAKING = "making"
    ISSUED = "issued"


class CouponStatus(StrEnum):
    UPCOMING = "upcoming"
    AVAILABLE = "available"
    USED = "used"
    EXPIRED = "expired"

    @property
    def label(self) -> str:
        return _COUPON_LABELS[self]


class CouponProblem(StrEnum):
    """Why a coupon cannot be used."""

    NOT_YET_VALID = "not_yet_valid"
    EXPIRED = "expired"
    USED = "used"
    BELOW_MINIMUM = "below_minimum"
    WRONG_CATEGORY = "wrong_category"


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
class InvoiceReceipt:
    order_number: str
    title: str
    amount: Decimal
    requested_at: AwareDatetime


@dataclass(frozen=True)
class InvoiceProgress:
    order_number: str
    status: InvoiceStatus
    amount: Decimal  # on the invoice, or what it would be
    title: str | None = None
    requested_at: AwareDatetime | None = None
    expected_at: AwareDatetime | None = None  # when it is made at the latest
    issued_at: AwareDatetime | None = None
    sent_to: str | None = None  # masked: li***@example.com
    link: str | None = None


@dataclass(frozen=True)
class InvoiceDelivery:
    order_number: str
    sent_to: str  # masked
    sent_at: AwareDatetime
    link: str | None = None


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


@dataclass(frozen=True)
class ReturnEligibility:
    order_number: str
    eligible: bool
    refusal: str | None = None  # a `Refusal` value when not eligible
    deadline: AwareDatetime | None = None  # last moment for a request, once delivered
    amount: Decimal = Decimal("0.00")  # what would be refunded


@dataclass(frozen=True)
class Refund:
    amount: Decimal
    method: str  # 微信支付
    expected_on: date | None = None
    refunded_at: AwareDatetime | None = None


@dataclass(frozen=True)
class ReturnRequest:
    number: str
    order_number: str
    kind: ReturnKind
    status: ReturnStatus
    reason: str
    created_at: AwareDatetime
    updated_at: AwareDatetime
    refund: Refund


@dataclass(frozen=True)
class RefundShare:
    """One line of an order: what comes back when only it is returned."""

    sku: str
    name: str
    quantity: int
    goods: Decimal
    coupon: Decimal
    points: Decimal

    @property
    def amount(self) -> Decimal:
        return self.goods - self.coupon - self.points


@dataclass(frozen=True)
class RefundQuote:
    """How the refundable amount comes about: goods - coupon - points + postage_back - price_protection = amount."""

    order_number: str
    amount: Decimal
    method: str  # 微信支付
    goods: Decimal
    coupon: Decimal  # what coupons took off
    points: Decimal  # what points paid for
    postage: Decimal  # paid for sending
    postage_back: Decimal  # of it, what is refunded: all before sending, nothing after
    price_protection: Decimal = Decimal("0.00")  # paid back before
    points_back: int = 0  # points that return to the account
    items: tuple[RefundShare, ...] = ()


@dataclass(frozen=True)
class Member:
    id: str
    name: str
    level: str  # as customers know it: 金卡
    vip: bool
    growth: int
    joined_at: AwareDatetime
    next_level: str | None = None
    growth_to_next: int | None = None
    phone: str | None = None  # masked


@dataclass(frozen=True)
class PointsEntry:
    amount: int  # negative: spent or expired
    reason: str
    at: AwareDatetime
    expires_on: date | None = None


@dataclass(frozen=True)
class PointsExpiry:
    amount: int
    expires_on: date  # last good day


@dataclass(frozen=True)
class PointsBalance:
    balance: int
    entries: tuple[PointsEntry, ...]  # newest first, the latest few
    expiries: tuple[PointsExpiry, ...] = ()  # of the balance, what lapses when; soonest first

    @property
    def expiring(self) -> int:
        """What lapses next."""
        return self.expiries[0].amount if self.expiries else 0

    @property
    def expires_on(self) -> date | None:
        return self.expiries[0].expires_on if self.expiries else None


@dataclass(frozen=True)
class LevelBenefits:
    level: str
    growth: int  # at which the level begins
    benefits: tuple[str, ...]  # 积分 1.5 倍


@dataclass(frozen=True)
class Coupon:
    code: str
    name: str
    value: Decimal
    minimum: Decimal  # 满 minimum 减 value; 0.00: no threshold
    scope: str  # 全场通用, 美妆
    status: CouponStatus
    valid_from: date
    valid_until: date  # last day included
    order_number: str | None = None  # that it was used for


@dataclass(frozen=True)
class CouponCheck:
    coupon: Coupon
    problem: str | None = None  # a `CouponProblem` value, or the shop's own; None: it can be used
    missing: Decimal | None = None  # to the minimum, when the goods cost less


@dataclass(frozen=True)
class Redemption:
    points: int
    balance: int
    coupon: Coupon


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


class Returns(Protocol):
    async def eligibility(self, member_id: str, number: str) -> ReturnEligibility: ...

    async def quote(self, member_id: str, number: str) -> RefundQuote:
        """What comes back for the whole order, also once it is refunding or refunded.

        Raises `NotAllowed(not_paid)` and `NotAllowed(order_closed)` when there is nothing to give back."""
        ...

    async def create(self, member_id: str, number: str, reason: str, idempotency_key: str) -> ReturnRequest: ...

    async def progress(self, member_id: str, number: str | None = None) -> tuple[ReturnRequest, ...]:
        """Of one order, or the member's latest; newest first, empty when there is none."""
        ...


class Invoices(Protocol):
    async def request(self, member_id: str, number: str, title: str, idempotency_key: str) -> InvoiceReceipt: ...

    async def progress(self, member_id: str, number: str) -> InvoiceProgress: ...

    async def resend(self, member_id: str, number: str, email: str | None, idempotency_key: str) -> InvoiceDelivery:
        """To the address on file when `email` is None. Raises `NotAllowed(not_requested | not_issued)`."""
        ...


class Members(Protocol):
    async def get(self, member_id: str) -> Member: ...

    async def benefits(self, member_id: str) -> tuple[LevelBenefits, ...]:
        """Of every level, the lowest first; `get` tells which one is the member's."""
        ...

    async def points(self, member_id: str) -> PointsBalance: ...

    async def redeem(self, member_id: str, points: int, idempotency_key: str) -> Redemption: ...

    async def coupons(self, member_id: str) -> tuple[Coupon, ...]:
        """Usable ones first, soonest to expire first; then upcoming, used and expired ones."""
        ...

    async def check_coupons(self, member_id: str, number: str | None = None) -> tuple[CouponCheck, ...]:
        """Each coupon and why it cannot be used: for this order's goods, or at all when no order is named."""
        ...


class Shop(Protocol):
    """One shop's systems, opened together and closed together."""

    @property
    def orders(self) -> Orders: ...

    @property
    def logistics(self) -> Logistics: ...

    @property
    def returns(self) -> Returns: ...

    @property
    def exchanges(self) -> Exchanges: ...

    @property
    def repairs(self) -> Repairs: ...

    @property
    def prices(self) -> Prices: ...

    @property
    def invoices(self) -> Invoices: ...

    @property
    def members(self) -> Members: ...

    async def close(self) -> None: ...


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
_KIND_LABELS = {ReturnKind.RETURN: "退货退款", ReturnKind.REFUND_ONLY: "仅退款"}
_RETURN_LABELS = {
    ReturnStatus.REQUESTED: "待审核",
    ReturnStatus.APPROVED: "待寄回",
    ReturnStatus.RETURNING: "寄回途中",
    ReturnStatus.REFUNDING: "退款处理中",
    ReturnStatus.REFUNDED: "已退款",
    ReturnStatus.REJECTED: "已驳回",
}
_COUPON_LABELS = {
    CouponStatus.UPCOMING: "未到可用时间",
    CouponStatus.AVAILABLE: "可使用",
    CouponStatus.USED: "已使用",
    CouponStatus.EXPIRED: "已过期",
}
