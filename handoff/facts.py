"""What the desk shows about a customer. The roof wires `CustomerFacts` to the shop's systems."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Protocol

from pydantic import BaseModel, ConfigDict


class _Plain(BaseModel):
    model_config = ConfigDict(frozen=True)


class MemberFacts(_Plain):
    member_id: str
    name: str
    level: str
    vip: bool
    phone: str | None = None
    """Masked."""
    growth: int | None = None


class OrderFacts(_Plain):
    number: str
    title: str
    status: str
    status_label: str
    amount: Decimal
    created_at: datetime
    carrier: str | None = None
    tracking_number: str | None = None


class CouponFacts(_Plain):
    name: str
    value: Decimal
    minimum: Decimal
    valid_until: date


class Facts(_Plain):
    member: MemberFacts | None = None
    orders: tuple[OrderFacts, ...] = ()
    """The latest few, newest first."""
    coupons: tuple[CouponFacts, ...] = ()
    """Those that can be used."""
    points: int | None = None


class CustomerFacts(Protocol):
    async def read(self, member_id: str) -> Facts:
        """Raises core.errors.Unavailable when the shop's systems are down, NotFound for an unknown member."""
        ...
