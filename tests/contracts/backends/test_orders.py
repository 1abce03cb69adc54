"""Orders and parcels, on every adapter."""

from datetime import datetime
from typing import Any

import pytest

from actions.backends.orders import OrderStatus, ShipmentStatus
from actions.backends.protocols import Shop
from actions.backends.refusals import KeyReused, NotAllowed, Refusal
from actions.backends.returns import ReturnKind, ReturnStatus
from core.errors import InvalidInput, NotFound
from tests.contracts.backends.shops import Drawn

NOT_NUMBERS = ("KF209901010000", "", "..", "../M0001", "不知道", "a/b", "x' or '1'='1", "K" * 200, "KF\n1")


async def refused(call: Any) -> NotAllowed:
    with pytest.raises(NotAllowed) as caught:
        await call
    return caught.value


async def test_recent_orders_come_newest_first(shop: Shop) -> None:
    orders = await shop.orders.recent("M0001")
    assert [order.status for order in orders] == [
        OrderStatus.PENDING_PAYMENT,
        OrderStatus.IN_TRANSIT,
        OrderStatus.DELIVERED,
        OrderStatus.COMPLETED,
    ]
    assert [order.created_at for order in orders] == sorted((o.created_at for o in orders), reverse=True)
    assert await shop.orders.recent("M0001", limit=2) == orders[:2]


async def test_an_order_is_the_same_alone_and_in_the_list(shop: Shop) -> None:
    for order in await shop.orders.recent("M0002"):
        assert await shop.orders.get("M0002", order.number) == order
        assert order.created_at.tzinfo is not None


async def test_an_order_shows_no_whole_name_phone_or_address(shop: Shop) -> None:
    order = (await shop.orders.recent("M0001", 1))[0]
    assert order.ship_to.receiver == "林**"
    assert order.ship_to.phone[3:7] == "****"
    assert order.ship_to.region.startswith("浙江省杭州市") and order.ship_to.region.endswith("****")


@pytest.mark.parametrize("limit", [0, -1, 51])
async def test_a_limit_out_of_range_is_invalid(shop: Shop, limit: int) -> None:
    with pytest.raises(InvalidInput):
        await shop.orders.recent("M0001", limit)


async def test_an_unknown_member_is_not_found(shop: Shop) -> None:
    for call in (shop.orders.recent("M9999"), shop.orders.recent("../M0001"), shop.returns.progress("M9999")):
        with pytest.raises(NotFound, match="no such member"):
            await call


async def test_somebody_elses_order_is_exactly_a_missing_one(shop: Shop, drawn: Drawn) -> None:
    stranger, foreign = drawn.order(OrderStatus.PAID).stranger
    said = set()
    for number in (foreign, *NOT_NUMBERS):
        calls = (
            shop.orders.get(stranger, number),
            shop.orders.urge(stranger, number, "k1"),
            shop.orders.cancel(stranger, number, "不想要了", "k2"),
            shop.orders.change_address(stranger, number, "上海市徐汇区漕溪北路 1 号", "k3"),
            shop.logistics.track(stranger, number),
            shop.returns.eligibility(stranger, number),
            shop.returns.create(stranger, number, "不想要了", "k5"),
            shop.returns.progress(stranger, number),
        )
        for call in calls:
            with pytest.raises(NotFound) as caught:
                await call
            said.add((type(caught.value), str(caught.value), caught.value.code))
    assert said == {(NotFound, "no such order of this member", "not_found")}


async def test_a_stranger_changes_nothing(shop: Shop, drawn: Drawn) -> None:
    case = drawn.order(OrderStatus.PAID)
    before = await shop.orders.get(*case)
    for effect in (
        shop.orders.cancel(*case.stranger, "不想要了", "a"),
        shop.orders.change_address(*case.stranger, "上海市徐汇区漕溪北路 1 号", "b"),
    ):
        with pytest.raises(NotFound):
            await effect
    assert await shop.orders.get(*case) == before


async def test_urging_what_is_paid(shop: Shop, drawn: Drawn) -> None:
    case = drawn.order(OrderStatus.PAID)
    receipt = await shop.orders.urge(*case, "m1:urge")
    assert receipt.order_number == case[1] and receipt.ship_by is not None and receipt.ship_by > receipt.urged_at
    assert await shop.orders.urge(*case, "m1:urge") == receipt
    refusal = await refused(shop.orders.urge(*case, "m2:urge"))
    assert (
        refusal.code == Refusal.ALREADY_URGED
        and datetime.fromisoformat(refusal.details["urged_at"]) == receipt.urged_at
    )


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (OrderStatus.PENDING_PAYMENT, Refusal.NOT_PAID),
        (OrderStatus.SHIPPED, Refusal.ALREADY_SHIPPED),
        (OrderStatus.COMPLETED, Refusal.ALREADY_SHIPPED),
        (OrderStatus.CANCELLED, Refusal.ORDER_CLOSED),
        (OrderStatus.REFUNDING, Refusal.ORDER_CLOSED),
    ],
)
async def test_urging_anything_else_is_refused(shop: Shop, drawn: Drawn, status: OrderStatus, code: Refusal) -> None:
    assert (await refused(shop.orders.urge(*drawn.order(status), "k"))).code == code


async def test_cancelling_an_unpaid_order(shop: Shop, drawn: Drawn) -> None:
    case = drawn.order(OrderStatus.PENDING_PAYMENT)
    assert (await shop.orders.cancel(*case, "拍错了", "k")).status is OrderStatus.CANCELLED
    assert (await shop.orders.get(*case)).status is OrderStatus.CANCELLED
    assert await shop.returns.progress(*case) == ()


async def test_cancelling_a_paid_order_gives_the_money_back_once(shop: Shop, drawn: Drawn) -> None:
    case = drawn.order(OrderStatus.PAID)
    order = await shop.orders.cancel(*case, "拍错了", "m1:cancel")
    assert order.status is OrderStatus.REFUNDING
    assert await shop.orders.cancel(*case, "拍错了", "m1:cancel") == order
    assert await shop.orders.get(*case) == order
    (refund,) = await shop.returns.progress(*case)
    assert (refund.kind, refund.status) == (ReturnKind.REFUND_ONLY, ReturnStatus.REFUNDING)
    assert refund.refund.amount == order.amount and refund.reason == "拍错了"
    assert (await refused(shop.orders.cancel(*case, "拍错了", "m2:cancel"))).code == Refusal.ORDER_CLOSED


@pytest.mark.parametrize("status", [OrderStatus.SHIPPED, OrderStatus.IN_TRANSIT, OrderStatus.DELIVERED])
async def test_what_has_left_is_not_cancelled_and_keeps_its_address(
    shop: Shop, drawn: Drawn, status: OrderStatus
) -> None:
    case = drawn.order(status)
    assert (await refused(shop.orders.cancel(*case, "不想要了", "a"))).code == Refusal.ALREADY_SHIPPED
    change = shop.orders.change_address(*case, "上海市徐汇区漕溪北路 1 号", "b")
    assert (await refused(change)).code == Refusal.ALREADY_SHIPPED


async def test_changing_the_address_before_shipping(shop: Shop, drawn: Drawn) -> None:
    case = drawn.order(OrderStatus.PAID)
    before = await shop.orders.get(*case)
    order = await shop.orders.change_address(*case, "  上海市徐汇区漕溪北路 18 号 2 楼 ", "k")
    assert order.ship_to.region == "上海市徐汇区****"
    assert order.ship_to.receiver == before.ship_to.receiver
    assert await shop.orders.change_address(*case, "上海市徐汇区漕溪北路 18 号 2 楼", "k") == order
    assert await shop.orders.get(*case) == order


@pytest.mark.parametrize("address", ["", "   ", "路" * 201])
async def test_an_impossible_address_is_invalid(shop: Shop, drawn: Drawn, address: str) -> None:
    with pytest.raises(InvalidInput):
        await shop.orders.change_address(*drawn.order(OrderStatus.PAID), address, "k")


async def test_a_key_is_for_one_request(shop: Shop, drawn: Drawn) -> None:
    case = drawn.order(OrderStatus.PAID)
    await shop.orders.change_address(*case, "上海市徐汇区漕溪北路 1 号", "k")
    with pytest.raises(KeyReused):
        await shop.orders.change_address(*case, "上海市徐汇区漕溪北路 2 号", "k")
    with pytest.raises(KeyReused):
        await shop.orders.cancel(*case, "不想要了", "k")


@pytest.mark.parametrize("key", ["", "k" * 129, "钥匙", "a\r\nX-Evil: 1"])
async def test_what_cannot_be_a_key_is_invalid(shop: Shop, drawn: Drawn, key: str) -> None:
    with pytest.raises(InvalidInput):
        await shop.orders.urge(*drawn.order(OrderStatus.PAID), key)


async def test_a_refusal_leaves_its_key_free(shop: Shop, drawn: Drawn) -> None:
    case = drawn.order(OrderStatus.SHIPPED)
    for _ in range(2):
        assert (await refused(shop.orders.cancel(*case, "不想要了", "k"))).code == Refusal.ALREADY_SHIPPED


async def test_a_parcel_on_its_way(shop: Shop, drawn: Drawn) -> None:
    case = drawn.order(OrderStatus.IN_TRANSIT)
    parcel, order = await shop.logistics.track(*case), await shop.orders.get(*case)
    assert (parcel.carrier, parcel.tracking_number) == (order.carrier, order.tracking_number)
    assert [point.at for point in parcel.points] == sorted((p.at for p in parcel.points), reverse=True)
    assert parcel.status in (ShipmentStatus.IN_TRANSIT, ShipmentStatus.OUT_FOR_DELIVERY)
    assert parcel.latest == parcel.points[0] and parcel.eta is not None


async def test_a_delivered_parcel(shop: Shop, drawn: Drawn) -> None:
    case = drawn.order(OrderStatus.DELIVERED)
    parcel = await shop.logistics.track(*case)
    assert parcel.status is ShipmentStatus.DELIVERED and "已签收" in parcel.points[0].text
    assert parcel.points[0].at == (await shop.orders.get(*case)).delivered_at


async def test_no_parcel_before_shipping(shop: Shop, drawn: Drawn) -> None:
    assert (await refused(shop.logistics.track(*drawn.order(OrderStatus.PAID)))).code == Refusal.NOT_SHIPPED
