"""What may follow a delivery besides a return: exchange, repair, price protection. Rules as in `protocols`."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Protocol

from pydantic import AwareDatetime

NOTHING = Decimal("0.00")


class ExchangeStatus(StrEnum):
    REQUESTED = "requested"
    APPROVED = "approved"
    RETURNING = "returning"
    SENT = "sent"
    DONE = "done"
    REJECTED = "rejected"

    @property
    def label(self) -> str:
        return _EXCHANGE_LABELS[self]


class RepairStatus(StrEnum):
    REQUESTED = "requested"
    PICKED_UP = "picked_up"
    QUOTED = "quoted"  # not covered: the customer has to agree to the price
    REPAIRING = "repairing"
    SENT = "sent"
    DONE = "done"

    @property
    def label(self) -> str:
        return _REPAIR_LABELS[self]


@dataclass(frozen=True)
class Variant:
    sku: str
    name: str  # with its colour and size, as the shop sells it
    stock: int
    color: str | None = None
    size: str | None = None


@dataclass(frozen=True)
class ExchangeItem:
    """A piece of an order, and what it may become: the same again first, then its other colours and sizes."""

    sku: str
    name: str
    variants: tuple[Variant, ...]


@dataclass(frozen=True)
class ExchangeOptions:
    order_number: str
    eligible: bool
    refusal: str | None = None  # a `Refusal` value when not eligible
    deadline: AwareDatetime | None = None  # last moment for a request, once delivered
    items: tuple[ExchangeItem, ...] = ()


@dataclass(frozen=True)
class ExchangeRequest:
    number: str
    order_number: str
    name: str
    wanted_name: str
    reason: str
    status: ExchangeStatus
    created_at: AwareDatetime
    updated_at: AwareDatetime
    carrier: str | None = None  # of the new piece, once it was sent
    tracking_number: str | None = None


@dataclass(frozen=True)
class Warranty:
    sku: str
    name: str
    until: date  # last day included
    covered: bool  # today; otherwise the repair is paid for


@dataclass(frozen=True)
class WarrantyCheck:
    order_number: str
    eligible: bool
    refusal: str | None = None
    items: tuple[Warranty, ...] = ()  # what can be repaired at all


@dataclass(frozen=True)
class RepairRequest:
    number: str
    order_number: str
    name: str
    fault: str
    status: RepairStatus
    free: bool
    created_at: AwareDatetime
    updated_at: AwareDatetime
    pickup_on: date | None = None


@dataclass(frozen=True)
class PriceItem:
    sku: str
    name: str
    quantity: int
    paid: Decimal  # of one piece
    now: Decimal


@dataclass(frozen=True)
class PriceCheck:
    order_number: str
    eligible: bool
    refusal: str | None = None
    deadline: AwareDatetime | None = None
    difference: Decimal = NOTHING  # what a claim would bring
    items: tuple[PriceItem, ...] = ()


@dataclass(frozen=True)
class PriceClaim:
    order_number: str
    amount: Decimal
    method: str  # 微信支付
    claimed_at: AwareDatetime
    expected_on: date | None = None


class Exchanges(Protocol):
    async def options(self, member_id: str, number: str) -> ExchangeOptions: ...

    async def create(
        self, member_id: str, number: str, sku: str, wanted_sku: str, reason: str, idempotency_key: str
    ) -> ExchangeRequest:
        """`sku` of the order becomes `wanted_sku`; `reason` may be empty. InvalidInput when they do not belong."""
        ...

    async def progress(self, member_id: str, number: str | None = None) -> tuple[ExchangeRequest, ...]:
        """Of one order, or the member's latest; newest first, empty when there is none."""
        ...


class Repairs(Protocol):
    async def warranty(self, member_id: str, number: str) -> WarrantyCheck: ...

    async def create(
        self, member_id: str, number: str, sku: str, fault: str, idempotency_key: str
    ) -> RepairRequest: ...

    async def progress(self, member_id: str, number: str | None = None) -> tuple[RepairRequest, ...]:
        """Of one order, or the member's latest; newest first, empty when there is none."""
        ...


class Prices(Protocol):
    """Price protection: what was paid against what the shop asks now."""

    async def check(self, member_id: str, number: str) -> PriceCheck: ...

    async def claim(self, member_id: str, number: str, idempotency_key: str) -> PriceClaim:
        """Once an order."""
        ...


_EXCHANGE_LABELS = {
    ExchangeStatus.REQUESTED: "待审核",
    ExchangeStatus.APPROVED: "待寄回",
    ExchangeStatus.RETURNING: "寄回途中",
    ExchangeStatus.SENT: "新货已寄出",
    ExchangeStatus.DONE: "换货完成",
    ExchangeStatus.REJECTED: "已驳回",
}
_REPAIR_LABELS = {
    RepairStatus.REQUESTED: "等待上门取件",
    RepairStatus.PICKED_UP: "已取件，送修途中",
    RepairStatus.QUOTED: "已报价，等您确认",
    RepairStatus.REPAIRING: "维修中",
    RepairStatus.SENT: "已修好寄回",
    RepairStatus.DONE: "维修完成",
}
