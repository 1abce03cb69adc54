"""Returns, on every adapter."""

from datetime import datetime, timedelta

import pytest

from actions.backends.protocols import NotAllowed, OrderStatus, Refusal, ReturnKind, ReturnStatus, Shop
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
