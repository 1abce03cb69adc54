"""Returns, on every adapter."""

from datetime import datetime, timedelta

import pytest

from actions.backends.orders import OrderStatus
from actions.backends.protocols import Shop
from actions.backends.refusals import NotAllowed, Refusal
from actions.backends.returns import ReturnKind, ReturnStatus
from core.errors import InvalidInput
from tests.contracts.backends.shops import Drawn


async def test_a_fresh_delivery_may_be_returned(shop: Shop, drawn: Drawn) -> None:
    case = drawn.order(OrderStatus.DELIVERED, returnable=True)
    order, answer = await shop.orders.get(*case), await shop.returns.eligibility(*case)
    assert answer.eligible and answer.refusal is None and answer.amount == order.amount
    assert order.delivered_at is not None and answer.deadline == order.delivered_at + timedelta(days=7)


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (OrderStatus.PENDING_PAYMENT, Refusal.NOT_SHIPPED),
        (OrderStatus.PAID, Refusal.NOT_SHIPPED),
        (OrderStatus.IN_TRANSIT, Refusal.NOT_DELIVERED),
        (OrderStatus.COMPLETED, Refusal.WINDOW_CLOSED),
        (OrderStatus.CANCELLED, Refusal.ORDER_CLOSED),
        (OrderStatus.REFUNDING, Refusal.ALREADY_REQUESTED),
        (OrderStatus.REFUNDED, Refusal.ALREADY_REQUESTED),
    ],
)
async def test_what_may_not_be_returned_says_why(shop: Shop, drawn: Drawn, status: OrderStatus, code: Refusal) -> None:
    case = drawn.order(status)
    answer = await shop.returns.eligibility(*case)
    assert (answer.eligible, answer.refusal) == (False, code)
    with pytest.raises(NotAllowed) as caught:
        await shop.returns.create(*case, "不想要了", "k")
    assert caught.value.code == code
    if code is Refusal.WINDOW_CLOSED:
        assert (
            answer.deadline is not None and datetime.fromisoformat(caught.value.details["deadline"]) == answer.deadline
        )


async def test_some_goods_are_never_taken_back(shop: Shop, drawn: Drawn) -> None:
    case = drawn.order(OrderStatus.DELIVERED, returnable=False)
    assert (await shop.returns.eligibility(*case)).refusal == Refusal.NOT_RETURNABLE


async def test_a_return_is_made_once(shop: Shop, drawn: Drawn) -> None:
    case = drawn.order(OrderStatus.DELIVERED, returnable=True)
    request = await shop.returns.create(*case, "尺码不合适", "m1:return")
    assert (request.kind, request.status) == (ReturnKind.RETURN, ReturnStatus.REQUESTED)
    assert await shop.returns.create(*case, "尺码不合适", "m1:return") == request
    assert await shop.returns.progress(*case) == (request,)
    assert (await shop.returns.progress(case[0]))[0] == request
    assert (await shop.orders.get(*case)).status is OrderStatus.REFUNDING
    with pytest.raises(NotAllowed) as caught:
        await shop.returns.create(*case, "尺码不合适", "m2:return")
    assert caught.value.code == Refusal.ALREADY_REQUESTED


async def test_a_return_needs_a_reason(shop: Shop, drawn: Drawn) -> None:
    with pytest.raises(InvalidInput):
        await shop.returns.create(*drawn.order(OrderStatus.DELIVERED, returnable=True), " ", "k")


async def test_progress_comes_newest_first(shop: Shop) -> None:
    requests = await shop.returns.progress("M0003")
    assert [request.status for request in requests] == [ReturnStatus.REFUNDING, ReturnStatus.REFUNDED]
    assert requests[0].refund.expected_on is not None and requests[0].refund.refunded_at is None
    assert requests[1].refund.refunded_at is not None
    assert await shop.returns.progress("M0003", requests[1].order_number) == requests[1:]


async def test_an_order_without_a_return_has_no_progress(shop: Shop, drawn: Drawn) -> None:
    assert await shop.returns.progress(*drawn.order(OrderStatus.PAID)) == ()


@pytest.mark.parametrize("status", [OrderStatus.PAID, OrderStatus.DELIVERED, OrderStatus.REFUNDED])
@pytest.mark.parametrize("member_id", ["M0001", "M0002", "M0003"])
async def test_the_refundable_amount_comes_about(shop: Shop, member_id: str, status: OrderStatus) -> None:
    for order in await shop.orders.recent(member_id):
        if order.status is not status:
            continue
        quote = await shop.returns.quote(member_id, order.number)
        assert quote.amount == quote.goods - quote.coupon - quote.points + quote.postage_back
        assert order.amount == quote.goods - quote.coupon - quote.points + quote.postage
        assert quote.postage_back == (0 if order.shipped_at else quote.postage)
        assert sum(item.amount for item in quote.items) == quote.goods - quote.coupon - quote.points
        assert quote.points_back == quote.points * 100


async def test_a_coupon_and_points_come_off_what_is_refunded(shop: Shop) -> None:
    (order,) = [order for order in await shop.orders.recent("M0001") if order.status is OrderStatus.DELIVERED]
    quote = await shop.returns.quote("M0001", order.number)
    assert [str(part) for part in (quote.goods, quote.coupon, quote.points, quote.amount)] == [
        "279.00",
        "20.00",
        "5.00",
        "254.00",
    ]
    assert (await shop.returns.create("M0001", order.number, "不喜欢", "k")).refund.amount == quote.amount


async def test_postage_stays_once_something_was_sent(shop: Shop) -> None:
    (refunded,) = [order for order in await shop.orders.recent("M0003") if order.status is OrderStatus.REFUNDED]
    quote = await shop.returns.quote("M0003", refunded.number)
    assert (str(quote.postage), str(quote.postage_back)) == ("8.00", "0.00")
    (request,) = await shop.returns.progress("M0003", refunded.number)
    assert request.refund.amount == quote.amount


@pytest.mark.parametrize(
    ("status", "code"),
    [(OrderStatus.PENDING_PAYMENT, Refusal.NOT_PAID), (OrderStatus.CANCELLED, Refusal.ORDER_CLOSED)],
)
async def test_nothing_paid_nothing_back(shop: Shop, drawn: Drawn, status: OrderStatus, code: Refusal) -> None:
    with pytest.raises(NotAllowed) as caught:
        await shop.returns.quote(*drawn.order(status))
    assert caught.value.code == code
