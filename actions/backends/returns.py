"""Goods that come back, and the money for them."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Protocol

from pydantic import AwareDatetime


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


_KIND_LABELS = {ReturnKind.RETURN: "退货退款", ReturnKind.REFUND_ONLY: "仅退款"}


_RETURN_LABELS = {
    ReturnStatus.REQUESTED: "待审核",
    ReturnStatus.APPROVED: "待寄回",
    ReturnStatus.RETURNING: "寄回途中",
    ReturnStatus.REFUNDING: "退款处理中",
    ReturnStatus.REFUNDED: "已退款",
    ReturnStatus.REJECTED: "已驳回",
}
