"""Invoices, on every adapter."""

from datetime import timedelta

import pytest

from actions.backends.invoices import InvoiceStatus
from actions.backends.orders import OrderStatus
from actions.backends.protocols import Shop
from actions.backends.refusals import Refusal
from core.errors import InvalidInput, NotFound
from tests.contracts.backends.shops import NOON, Drawn
from tests.contracts.backends.test_orders import NOT_NUMBERS, refused


async def invoice_of(shop: Shop, member_id: str, status: InvoiceStatus) -> str:
    """The order of a hand-shaped member whose invoice is this far."""
    for order in await shop.orders.recent(member_id):
        if (await shop.invoices.progress(member_id, order.number)).status is status:
            return order.number
    raise LookupError(f"{member_id} has no invoice {status}")


async def test_an_invoice_is_asked_for_once(shop: Shop, drawn: Drawn) -> None:
    case = drawn.order(OrderStatus.COMPLETED)
    assert (await shop.invoices.progress(*case)).status is InvoiceStatus.NOT_REQUESTED
    receipt = await shop.invoices.request(*case, "杭州某某科技有限公司", "k")
    assert await shop.invoices.request(*case, "杭州某某科技有限公司", "k") == receipt
    order, progress = await shop.orders.get(*case), await shop.invoices.progress(*case)
    assert (receipt.amount, order.invoice_title) == (order.amount, "杭州某某科技有限公司")
    assert (progress.status, progress.title) == (InvoiceStatus.MAKING, "杭州某某科技有限公司")
    assert progress.expected_at == NOON + timedelta(days=1) and progress.sent_to is None
    assert (await refused(shop.invoices.request(*case, "个人", "other"))).code == Refusal.ALREADY_REQUESTED
    unpaid = shop.invoices.request(*drawn.order(OrderStatus.PENDING_PAYMENT), "个人", "k2")
    assert (await refused(unpaid)).code == Refusal.NOT_PAID


async def test_an_issued_invoice_is_sent_again(shop: Shop) -> None:
    number = await invoice_of(shop, "M0002", InvoiceStatus.ISSUED)
    progress = await shop.invoices.progress("M0002", number)
    assert progress.issued_at and progress.issued_at < NOON and progress.sent_to == "m0***@example.com"
    sent = await shop.invoices.resend("M0002", number, None, "k1")
    assert (sent.sent_to, sent.sent_at) == ("m0***@example.com", NOON)
    assert await shop.invoices.resend("M0002", number, None, "k1") == sent
    assert (await shop.invoices.resend("M0002", number, "gu.my@example.org", "k2")).sent_to == "gu***@example.org"
    with pytest.raises(InvalidInput):
        await shop.invoices.resend("M0002", number, "顾明远", "k3")


async def test_what_is_not_made_yet_is_not_sent(shop: Shop, drawn: Drawn) -> None:
    number = await invoice_of(shop, "M0003", InvoiceStatus.MAKING)
    refusal = await refused(shop.invoices.resend("M0003", number, None, "k1"))
    assert refusal.code == Refusal.NOT_ISSUED and refusal.details["expected_at"]
    never = shop.invoices.resend(*drawn.order(OrderStatus.COMPLETED), None, "k2")
    assert (await refused(never)).code == Refusal.NOT_REQUESTED


async def test_somebody_elses_invoice_does_not_exist(shop: Shop, drawn: Drawn) -> None:
    stranger, foreign = drawn.order(OrderStatus.COMPLETED).stranger
    for number in (foreign, *NOT_NUMBERS):
        for call in (
            shop.invoices.request(stranger, number, "某某公司", "k1"),
            shop.invoices.progress(stranger, number),
            shop.invoices.resend(stranger, number, None, "k2"),
        ):
            with pytest.raises(NotFound, match="no such order of this member"):
                await call
