"""Exchange, repair and price protection, on every adapter."""

from datetime import timedelta
from decimal import Decimal

import pytest

from actions.backends.aftersales import ExchangeStatus, RepairStatus, Variant
from actions.backends.orders import Order, OrderStatus
from actions.backends.protocols import Shop
from actions.backends.refusals import Refusal
from core.errors import InvalidInput, NotFound
from tests.contracts.backends.shops import NOON, Drawn
from tests.contracts.backends.test_orders import NOT_NUMBERS, refused

NOT_DELIVERED = [
    (OrderStatus.PENDING_PAYMENT, Refusal.NOT_SHIPPED),
    (OrderStatus.PAID, Refusal.NOT_SHIPPED),
    (OrderStatus.IN_TRANSIT, Refusal.NOT_DELIVERED),
    (OrderStatus.CANCELLED, Refusal.ORDER_CLOSED),
    (OrderStatus.REFUNDING, Refusal.ALREADY_REQUESTED),
]


async def of(shop: Shop, member_id: str, status: OrderStatus) -> Order:
    """The newest order of a hand-shaped member in this state."""
    return next(order for order in await shop.orders.recent(member_id) if order.status is status)


async def dress(shop: Shop) -> tuple[Order, dict[str, Variant]]:
    """M0001's dress, and by name what it may become."""
    order = await of(shop, "M0001", OrderStatus.DELIVERED)
    (item,) = (await shop.exchanges.options("M0001", order.number)).items
    return order, {variant.name.removeprefix("栖木碎花连衣裙 "): variant for variant in item.variants}


async def test_somebody_elses_order_is_exactly_a_missing_one(shop: Shop, drawn: Drawn) -> None:
    stranger, foreign = drawn.order(OrderStatus.COMPLETED).stranger
    said = set()
    for number in (foreign, *NOT_NUMBERS):
        for call in (
            shop.exchanges.options(stranger, number),
            shop.exchanges.create(stranger, number, "FZ-4007", "FZ-4007-1", "大了", "k1"),
            shop.exchanges.progress(stranger, number),
            shop.repairs.warranty(stranger, number),
            shop.repairs.create(stranger, number, "JD-3001", "不通电", "k2"),
            shop.repairs.progress(stranger, number),
            shop.prices.check(stranger, number),
            shop.prices.claim(stranger, number, "k3"),
            shop.returns.quote(stranger, number),
            shop.members.check_coupons(stranger, number),
        ):
            with pytest.raises(NotFound) as caught:
                await call
            said.add((str(caught.value), caught.value.code))
    assert said == {("no such order of this member", "not_found")}


async def test_what_a_dress_may_become(shop: Shop) -> None:
    order, variants = await dress(shop)
    options = await shop.exchanges.options("M0001", order.number)
    assert options.eligible and order.delivered_at and options.deadline == order.delivered_at + timedelta(days=15)
    assert next(iter(variants)) == "雾蓝 M"  # the same again
    assert (variants["红色 M"].color, variants["红色 M"].size) == ("红色", "M")
    assert variants["雾蓝 L"].stock and not variants["雾蓝 XL"].stock


async def test_an_exchange_is_asked_for_once(shop: Shop) -> None:
    order, variants = await dress(shop)
    wish = ("M0001", order.number, "FZ-4007", variants["雾蓝 L"].sku, "大小不合适")
    request = await shop.exchanges.create(*wish, "m1:exchange")
    assert (request.status, request.wanted_name) == (ExchangeStatus.REQUESTED, "栖木碎花连衣裙 雾蓝 L")
    assert request.number == "HH" + order.number[2:]
    assert await shop.exchanges.create(*wish, "m1:exchange") == request
    assert await shop.exchanges.progress("M0001") == (request,)
    assert await shop.exchanges.progress("M0001", order.number) == (request,)
    assert (await refused(shop.exchanges.create(*wish, "m2:exchange"))).code == Refusal.IN_SERVICE
    assert (await shop.exchanges.options("M0001", order.number)).refusal == Refusal.IN_SERVICE
    assert (await shop.returns.eligibility("M0001", order.number)).refusal == Refusal.IN_SERVICE


async def test_what_is_sold_out_or_does_not_belong(shop: Shop) -> None:
    order, variants = await dress(shop)
    sold_out = shop.exchanges.create("M0001", order.number, "FZ-4007", variants["雾蓝 XL"].sku, "", "k1")
    assert (await refused(sold_out)).code == Refusal.OUT_OF_STOCK
    for sku, wanted in (("FZ-4007", "FZ-4001"), ("FZ-4001", "FZ-4001-1"), ("x", "y")):
        with pytest.raises(InvalidInput):
            await shop.exchanges.create("M0001", order.number, sku, wanted, "", "k2")
    assert await shop.exchanges.progress("M0001") == ()


@pytest.mark.parametrize(("status", "code"), NOT_DELIVERED)
async def test_service_needs_a_delivery(shop: Shop, drawn: Drawn, status: OrderStatus, code: Refusal) -> None:
    case = drawn.order(status)
    assert (await shop.exchanges.options(*case)).refusal == code
    assert (await refused(shop.exchanges.create(*case, "FZ-4007", "FZ-4007-1", "大了", "a"))).code == code
    assert (await shop.repairs.warranty(*case)).refusal == code
    assert (await refused(shop.repairs.create(*case, "JD-3001", "不通电", "b"))).code == code


async def test_after_fifteen_days_nothing_is_exchanged(shop: Shop) -> None:
    old = await of(shop, "M0001", OrderStatus.COMPLETED)
    options = await shop.exchanges.options("M0001", old.number)
    assert options.refusal == Refusal.WINDOW_CLOSED and options.deadline and options.deadline < NOON
    late = shop.exchanges.create("M0001", old.number, "JD-3009", "JD-3009", "", "k")
    assert (await refused(late)).code == Refusal.WINDOW_CLOSED


async def test_an_exchange_under_way_shows_how_far_it_is(shop: Shop) -> None:
    (request,) = await shop.exchanges.progress("M0003")
    assert (request.status, request.wanted_name) == (ExchangeStatus.RETURNING, "远山防泼水冲锋衣 军绿 M")


async def test_a_repair_within_the_warranty(shop: Shop) -> None:
    order = await of(shop, "M0001", OrderStatus.COMPLETED)
    (cooker,) = (await shop.repairs.warranty("M0001", order.number)).items
    assert cooker.covered and order.delivered_at
    assert (cooker.until.year, cooker.until.month) == (order.delivered_at.year + 1, order.delivered_at.month)
    wish = ("M0001", order.number, cooker.sku, "煮饭夹生")
    request = await shop.repairs.create(*wish, "m1:repair")
    assert (request.status, request.free, request.fault) == (RepairStatus.REQUESTED, True, "煮饭夹生")
    assert request.number == "WX" + order.number[2:] and request.pickup_on == (NOON + timedelta(days=1)).date()
    assert await shop.repairs.create(*wish, "m1:repair") == request
    assert await shop.repairs.progress("M0001", order.number) == (request,)
    assert (await refused(shop.repairs.create(*wish, "m2:repair"))).code == Refusal.IN_SERVICE


async def test_clothes_are_not_repaired(shop: Shop) -> None:
    order, _ = await dress(shop)
    assert (await shop.repairs.warranty("M0001", order.number)).refusal == Refusal.NOT_REPAIRABLE
    torn = shop.repairs.create("M0001", order.number, "FZ-4007", "拉链坏了", "k")
    assert (await refused(torn)).code == Refusal.NOT_REPAIRABLE


async def test_a_repair_needs_a_fault_and_a_piece_of_the_order(shop: Shop) -> None:
    order = await of(shop, "M0001", OrderStatus.COMPLETED)
    for sku, fault in (("JD-3009", " "), ("JD-3009", "坏" * 201), ("JD-3001", "不通电")):
        with pytest.raises(InvalidInput):
            await shop.repairs.create("M0001", order.number, sku, fault, "k")


async def test_a_repair_under_way_shows_how_far_it_is(shop: Shop) -> None:
    (request,) = await shop.repairs.progress("M0002")
    assert (request.status, request.fault) == (RepairStatus.REPAIRING, "开机有异响")


async def test_the_difference_is_claimed_once(shop: Shop) -> None:
    order, _ = await dress(shop)
    check = await shop.prices.check("M0001", order.number)
    assert order.paid_at and check.eligible and check.deadline == order.paid_at + timedelta(days=7)
    assert check.difference == Decimal("30.00")
    assert [(item.paid, item.now) for item in check.items] == [(Decimal("279.00"), Decimal("249.00"))]
    claim = await shop.prices.claim("M0001", order.number, "m1:price")
    assert (claim.amount, claim.claimed_at) == (Decimal("30.00"), NOON)
    assert await shop.prices.claim("M0001", order.number, "m1:price") == claim
    assert (await refused(shop.prices.claim("M0001", order.number, "m2:price"))).code == Refusal.ALREADY_REQUESTED
    assert (await shop.returns.quote("M0001", order.number)).price_protection == Decimal("30.00")


async def test_nothing_fell_or_too_late(shop: Shop) -> None:
    same = next(order for order in await shop.orders.recent("M0002") if order.status is OrderStatus.DELIVERED)
    assert (await shop.prices.check("M0002", same.number)).refusal == Refusal.NO_DIFFERENCE
    old = await of(shop, "M0001", OrderStatus.COMPLETED)
    assert (await shop.prices.check("M0001", old.number)).refusal == Refusal.WINDOW_CLOSED
    unpaid = await of(shop, "M0001", OrderStatus.PENDING_PAYMENT)
    assert (await refused(shop.prices.claim("M0001", unpaid.number, "k"))).code == Refusal.NOT_PAID
