"""Members, their points and their coupons in the demo shop."""

import secrets
from collections import defaultdict
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import Row, bindparam, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from actions.backends.demo_shop import rules
from actions.backends.demo_shop.catalogue import level_at, levels, products
from actions.backends.demo_shop.lookup import read_file, require_member
from actions.backends.demo_shop.rows import fen, masked_phone, yuan
from actions.backends.demo_shop.store import Store
from actions.backends.demo_shop.tables import coupons, members, points_entries
from actions.backends.members import Coupon, CouponCheck, CouponStatus, LevelBenefits, Member, PointsBalance, Redemption
from actions.backends.refusals import NotAllowed, Refusal, no_such_member
from core.errors import InvalidInput

_COUPON_DAYS = 30
_LATEST_COUPONS = 50

_MEMBER = select(members).where(members.c.id == bindparam("member_id"))
_LEDGER = (
    select(points_entries)
    .where(points_entries.c.member_id == bindparam("member_id"))
    .order_by(points_entries.c.at, points_entries.c.id)
)
_COUPONS = (
    select(coupons)
    .where(coupons.c.member_id == bindparam("member_id"))
    .order_by(coupons.c.valid_until.desc())
    .limit(_LATEST_COUPONS)
)


class DemoMembers:
    def __init__(self, store: Store) -> None:
        self._store = store

    async def get(self, member_id: str) -> Member:
        async with self._store.read() as conn:
            row = (await conn.execute(_MEMBER, {"member_id": member_id})).one_or_none()
        if row is None:
            raise no_such_member()
        level, following = level_at(row.growth)
        return Member(
            id=row.id,
            name=row.name,
            level=level.name,
            vip=level.vip,
            growth=row.growth,
            joined_at=row.joined_at,
            next_level=following.name if following else None,
            growth_to_next=following.growth - row.growth if following else None,
            phone=masked_phone(row.phone),
        )

    async def benefits(self, member_id: str) -> tuple[LevelBenefits, ...]:
        async with self._store.read() as conn:
            await require_member(conn, member_id)
        return tuple(LevelBenefits(level.name, level.growth, level.benefits) for level in levels())

    async def points(self, member_id: str) -> PointsBalance:
        async with self._store.read() as conn:
            ledger = await _ledger(conn, member_id)
            if not ledger:
                await require_member(conn, member_id)
        return rules.balance(ledger, self._today())

    async def redeem(self, member_id: str, points: int, idempotency_key: str) -> Redemption:
        """Points become a coupon without a threshold."""
        if points <= 0:
            raise InvalidInput(f"{points} points cannot be redeemed; ask for a positive number")
        today = self._today()

        async def work(conn: AsyncConnection) -> Redemption:
            # The member's row is the lock of the ledger: two redemptions at once would spend the same points.
            if (await conn.execute(_MEMBER.with_for_update(), {"member_id": member_id})).first() is None:
                raise no_such_member()
            ledger = await _ledger(conn, member_id)
            balance = rules.balance(ledger, today).balance
            if points % rules.POINTS_STEP:
                raise NotAllowed(Refusal.POINTS_STEP, details={"step": str(rules.POINTS_STEP)})
            if points > balance:
                raise NotAllowed(Refusal.NOT_ENOUGH_POINTS, details={"balance": str(balance)})
            for entry_id, remaining in rules.spend(ledger, points, today).items():
                changed = update(points_entries).where(points_entries.c.id == entry_id)
                await conn.execute(changed.values(remaining=remaining))
            coupon = _points_coupon(points, today)
            await conn.execute(
                insert(points_entries).values(
                    member_id=member_id, at=self._store.clock(), amount=-points, remaining=0, reason=coupon.name
                )
            )
            await conn.execute(insert(coupons).values(coupon_row(member_id, coupon)))
            return Redemption(points, balance - points, coupon)

        return await self._store.once(Redemption, member_id, idempotency_key, ("redeem", points), work)

    async def coupons(self, member_id: str) -> tuple[Coupon, ...]:
        async with self._store.read() as conn:
            rows = (await conn.execute(_COUPONS, {"member_id": member_id})).all()
            if not rows:
                await require_member(conn, member_id)
        return tuple(sorted((_coupon(row, self._today()) for row in rows), key=_usable_first))

    async def check_coupons(self, member_id: str, number: str | None = None) -> tuple[CouponCheck, ...]:
        goods: dict[str, Decimal] | None = None
        if number is not None:
            async with self._store.read() as conn:
                file = await read_file(conn, member_id, number)
            goods = defaultdict(Decimal)
            for item in file.order.items:
                goods[products()[item.sku].category] += item.price * item.quantity
        return tuple(rules.check_coupon(coupon, goods) for coupon in await self.coupons(member_id))

    def _today(self) -> date:
        return self._store.clock().astimezone(rules.SHANGHAI).date()


def coupon_row(member_id: str, coupon: Coupon) -> dict[str, Any]:
    return {
        "code": coupon.code,
        "member_id": member_id,
        "name": coupon.name,
        "value_fen": fen(coupon.value),
        "minimum_fen": fen(coupon.minimum),
        "scope": coupon.scope,
        "valid_from": coupon.valid_from,
        "valid_until": coupon.valid_until,
    }


async def _ledger(conn: AsyncConnection, member_id: str) -> list[rules.LedgerRow]:
    rows = await conn.execute(_LEDGER, {"member_id": member_id})
    return [rules.LedgerRow(row.id, row.at, row.amount, row.remaining, row.reason, row.expires_on) for row in rows]


def _points_coupon(points: int, today: date) -> Coupon:
    value = Decimal(points // rules.POINTS_STEP)
    return Coupon(
        code="PT" + secrets.token_hex(6).upper(),
        name=f"积分兑换 {value} 元券",
        value=value.quantize(Decimal("0.01")),
        minimum=Decimal("0.00"),
        scope="全场通用",
        status=CouponStatus.AVAILABLE,
        valid_from=today,
        valid_until=today + timedelta(days=_COUPON_DAYS),
    )


def _coupon(row: Row[Any], today: date) -> Coupon:
    return Coupon(
        code=row.code,
        name=row.name,
        value=yuan(row.value_fen),
        minimum=yuan(row.minimum_fen),
        scope=row.scope,
        status=_status(row, today),
        valid_from=row.valid_from,
        valid_until=row.valid_until,
        order_number=row.order_number,
    )


def _status(row: Row[Any], today: date) -> CouponStatus:
    if row.used_at:
        return CouponStatus.USED
    if row.valid_until < today:
        return CouponStatus.EXPIRED
    return CouponStatus.UPCOMING if row.valid_from > today else CouponStatus.AVAILABLE


def _usable_first(coupon: Coupon) -> tuple[bool, int]:
    usable = coupon.status is CouponStatus.AVAILABLE
    day = coupon.valid_until.toordinal()
    return not usable, day if usable else -day
