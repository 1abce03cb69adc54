"""Members: points, levels, coupons."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Protocol

from pydantic import AwareDatetime


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


_COUPON_LABELS = {
    CouponStatus.UPCOMING: "未到可用时间",
    CouponStatus.AVAILABLE: "可使用",
    CouponStatus.USED: "已使用",
    CouponStatus.EXPIRED: "已过期",
}
