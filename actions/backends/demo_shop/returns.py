"""Returns and refunds in the demo shop."""

from datetime import datetime, timedelta
from decimal import Decimal

from sqlalchemy import insert, update
from sqlalchemy.ext.asyncio import AsyncConnection

from actions.backends.demo_shop import rules
from actions.backends.demo_shop.cases import Cases
from actions.backends.demo_shop.lookup import read_file
from actions.backends.demo_shop.rows import fen, return_request, service_number
from actions.backends.demo_shop.store import Store
from actions.backends.demo_shop.tables import orders, returns
from actions.backends.orders import OrderStatus
from actions.backends.returns import (
    Refund,
    RefundQuote,
    RefundShare,
    ReturnEligibility,
    ReturnKind,
    ReturnRequest,
    ReturnStatus,
)
from core.errors import InvalidInput

_LONGEST_REASON = 200
_REFUND_DAYS = {ReturnKind.RETURN: 7, ReturnKind.REFUND_ONLY: 3}

_CASES = Cases(returns)


class DemoReturns:
    def __init__(self, store: Store) -> None:
        self._store = store

    async def eligibility(self, member_id: str, number: str) -> ReturnEligibility:
        async with self._store.read() as conn:
            file = await read_file(conn, member_id, number)
        deadline = rules.return_deadline(file.order)
        if refusal := rules.refuse_return(file, self._store.clock()):
            return ReturnEligibility(number, False, refusal.code, deadline)
        return ReturnEligibility(number, True, None, deadline, quote(file).amount)

    async def quote(self, member_id: str, number: str) -> RefundQuote:
        async with self._store.read() as conn:
            file = await read_file(conn, member_id, number)
        if refusal := rules.refuse_quote(file):
            raise refusal
        return quote(file)

    async def create(self, member_id: str, number: str, reason: str, idempotency_key: str) -> ReturnRequest:
        reason = reason.strip()
        if not 0 < len(reason) <= _LONGEST_REASON:
            raise InvalidInput(f"reason has {len(reason)} characters; 1 to {_LONGEST_REASON} are right")
        now = self._store.clock()

        async def work(conn: AsyncConnection) -> ReturnRequest:
            file = await read_file(conn, member_id, number, lock=True)
            if refusal := rules.refuse_return(file, now):
                raise refusal
            return await open_return(conn, member_id, file, ReturnKind.RETURN, ReturnStatus.REQUESTED, reason, now)

        return await self._store.once(ReturnRequest, member_id, idempotency_key, ("return", number, reason), work)

    async def progress(self, member_id: str, number: str | None = None) -> tuple[ReturnRequest, ...]:
        async with self._store.read() as conn:
            rows = await _CASES.latest(conn, member_id, number)
        return tuple(return_request(row) for row in rows)


def quote(file: rules.OrderFile) -> RefundQuote:
    """Before anything was sent the postage comes back too; a coupon and points came off each line by its price."""
    order, sent = file.order, file.order.shipped_at is not None
    prices = [item.price * item.quantity for item in order.items]
    lines = zip(order.items, prices, rules.shares(file.coupon, prices), rules.shares(file.points, prices), strict=True)
    goods, postage_back = sum(prices, Decimal("0.00")), Decimal("0.00") if sent else file.postage
    return RefundQuote(
        order_number=order.number,
        amount=goods - file.coupon - file.points + postage_back - file.price_protection,
        method=file.payment,
        goods=goods,
        coupon=file.coupon,
        points=file.points,
        postage=file.postage,
        postage_back=postage_back,
        price_protection=file.price_protection,
        points_back=int(file.points * rules.POINTS_STEP),
        items=tuple(
            RefundShare(item.sku, item.name, item.quantity, price, coupon, points)
            for item, price, coupon, points in lines
        ),
    )


async def open_return(
    conn: AsyncConnection,
    member_id: str,
    file: rules.OrderFile,
    kind: ReturnKind,
    status: ReturnStatus,
    reason: str,
    now: datetime,
) -> ReturnRequest:
    """Store the request and put its order into refunding. The order is locked by the caller."""
    order = file.order
    earlier = await _CASES.count(conn, order.number)
    expected = (now + timedelta(days=_REFUND_DAYS[kind])).astimezone(rules.SHANGHAI).date()
    request = ReturnRequest(
        number=service_number("TH", order.number, earlier),
        order_number=order.number,
        kind=kind,
        status=status,
        reason=reason,
        created_at=now,
        updated_at=now,
        refund=Refund(quote(file).amount, file.payment, expected),
    )
    await conn.execute(insert(returns).values(return_row(member_id, request)))
    await conn.execute(update(orders).where(orders.c.number == order.number).values(status=OrderStatus.REFUNDING))
    return request


def return_row(member_id: str, request: ReturnRequest) -> dict[str, object]:
    return {
        "number": request.number,
        "order_number": request.order_number,
        "member_id": member_id,
        "kind": request.kind,
        "status": request.status,
        "reason": request.reason,
        "created_at": request.created_at,
        "updated_at": request.updated_at,
        "amount_fen": fen(request.refund.amount),
        "method": request.refund.method,
        "expected_on": request.refund.expected_on,
        "refunded_at": request.refund.refunded_at,
    }
