"""Members, points and coupons, on every adapter."""

import asyncio
from decimal import Decimal

import pytest

from actions.backends.members import CouponProblem, CouponStatus, Redemption
from actions.backends.orders import OrderStatus
from actions.backends.protocols import Shop
from actions.backends.refusals import NotAllowed, Refusal
from core.errors import InvalidInput, NotFound


async def test_a_member_has_a_level(shop: Shop) -> None:
    ordinary, vip = await shop.members.get("M0001"), await shop.members.get("M0002")
    assert (ordinary.name, ordinary.level, ordinary.vip) == ("林晓雨", "普通", False)
    assert (ordinary.next_level, ordinary.growth_to_next) == ("银卡", 1000 - ordinary.growth)
    assert (vip.level, vip.vip, vip.next_level, vip.growth_to_next) == ("钻石", True, None, None)
    assert vip.phone is not None and vip.phone[3:7] == "****"


async def test_an_unknown_member_is_not_found(shop: Shop) -> None:
    for call in (
        shop.members.get("M9999"),
        shop.members.points("M9999"),
        shop.members.coupons("M9999"),
        shop.members.redeem("M9999", 100, "k"),
        shop.members.get("../M0001"),
    ):
        with pytest.raises(NotFound, match="no such member"):
            await call


async def test_points_add_up(shop: Shop) -> None:
    points = await shop.members.points("M0002")
    assert points.balance == 12680 == sum(entry.amount for entry in points.entries)
    assert 0 < points.expiring <= points.balance and points.expires_on is not None
    assert [entry.at for entry in points.entries] == sorted((e.at for e in points.entries), reverse=True)


async def test_redeeming_makes_a_coupon_once(shop: Shop) -> None:
    done = await shop.members.redeem("M0002", 1000, "m1:redeem")
    assert (done.points, done.balance, done.coupon.value) == (1000, 11680, Decimal("10.00"))
    assert await shop.members.redeem("M0002", 1000, "m1:redeem") == done
    points = await shop.members.points("M0002")
    assert points.balance == 11680 and points.entries[0].amount == -1000
    assert done.coupon in await shop.members.coupons("M0002")


async def test_too_many_points_are_refused(shop: Shop) -> None:
    with pytest.raises(NotAllowed) as caught:
        await shop.members.redeem("M0001", 900, "k")
    assert caught.value.code == Refusal.NOT_ENOUGH_POINTS and caught.value.details == {"balance": "860"}


async def test_points_are_redeemed_in_steps(shop: Shop) -> None:
    with pytest.raises(NotAllowed) as caught:
        await shop.members.redeem("M0001", 150, "k")
    assert caught.value.code == Refusal.POINTS_STEP and caught.value.details == {"step": "100"}


@pytest.mark.parametrize("points", [0, -100])
async def test_points_must_be_positive(shop: Shop, points: int) -> None:
    with pytest.raises(InvalidInput):
        await shop.members.redeem("M0001", points, "k")


async def test_a_key_at_the_same_time_takes_effect_once(shop: Shop) -> None:
    done = await asyncio.gather(*(shop.members.redeem("M0002", 500, "same") for _ in range(5)))
    assert len({result.coupon.code for result in done}) == 1
    assert (await shop.members.points("M0002")).balance == 12180


async def test_points_are_never_spent_twice(shop: Shop) -> None:
    wishes = [shop.members.redeem("M0001", 300, f"k{n}") for n in range(5)]
    results = await asyncio.gather(*wishes, return_exceptions=True)
    assert sum(isinstance(result, Redemption) for result in results) == 2
    assert sum(isinstance(result, NotAllowed) for result in results) == 3
    assert (await shop.members.points("M0001")).balance == 260


async def test_usable_coupons_come_first(shop: Shop) -> None:
    coupons = await shop.members.coupons("M0002")
    order = [CouponStatus.AVAILABLE] * 4
    assert [coupon.status for coupon in coupons[:4]] == order
    assert {coupon.status for coupon in coupons[4:]} == {CouponStatus.USED, CouponStatus.EXPIRED}
    assert [c.valid_until for c in coupons[:4]] == sorted(c.valid_until for c in coupons[:4])


async def test_points_lapse_soonest_first_and_add_up(shop: Shop) -> None:
    points = await shop.members.points("M0002")
    assert sum(lapse.amount for lapse in points.expiries) == points.balance
    days = [lapse.expires_on for lapse in points.expiries]
    assert days == sorted(set(days)) and (points.expiring, points.expires_on) == (points.expiries[0].amount, days[0])


async def test_every_level_has_its_benefits(shop: Shop) -> None:
    levels = await shop.members.benefits("M0001")
    assert [level.level for level in levels] == ["普通", "银卡", "金卡", "钻石"]
    assert [level.growth for level in levels] == [0, 1000, 5000, 20000]
    assert "生日券 50 元" in levels[-1].benefits
    with pytest.raises(NotFound, match="no such member"):
        await shop.members.benefits("M9999")


async def test_why_a_coupon_cannot_be_used(shop: Shop) -> None:
    (unpaid,) = [o for o in await shop.orders.recent("M0001") if o.status is OrderStatus.PENDING_PAYMENT]
    alone = {check.coupon.name: check.problem for check in await shop.members.check_coupons("M0001")}
    checks = {check.coupon.code: check for check in await shop.members.check_coupons("M0001", unpaid.number)}
    usable = {c.coupon.name: c for c in checks.values() if c.coupon.status is CouponStatus.AVAILABLE}
    assert usable["会员日 10 元无门槛券"].problem is None
    assert usable["全场满 199 减 20"].problem == CouponProblem.BELOW_MINIMUM
    assert usable["全场满 199 减 20"].missing == Decimal("199.00") - unpaid.amount
    assert usable["母婴满 149 减 15"].problem == CouponProblem.WRONG_CATEGORY and not alone["母婴满 149 减 15"]
    assert alone["年货节满 399 减 60"] == CouponProblem.NOT_YET_VALID
    problems = {check.coupon.status: check.problem for check in checks.values()}
    assert problems[CouponStatus.USED] == CouponProblem.USED
    assert problems[CouponStatus.EXPIRED] == CouponProblem.EXPIRED


async def test_a_used_coupon_names_its_order(shop: Shop) -> None:
    (dress,) = [o for o in await shop.orders.recent("M0001") if o.status is OrderStatus.DELIVERED]
    used = [c for c in await shop.members.coupons("M0001") if c.status is CouponStatus.USED]
    assert [(c.name, c.order_number) for c in used] == [("全场满 199 减 20", dress.number)]
