"""What the demo shop allows, as pure functions. Each gives the refusal, or None when the shop agrees."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal

from actions.backends.members import (
    Coupon,
    CouponCheck,
    CouponProblem,
    CouponStatus,
    PointsBalance,
    PointsEntry,
    PointsExpiry,
)
from actions.backends.orders import Order, OrderStatus
from actions.backends.refusals import NotAllowed, Refusal

SHANGHAI = timezone(timedelta(hours=8))
RETURN_WINDOW = timedelta(days=7)
EXCHANGE_WINDOW = timedelta(days=15)
PRICE_WINDOW = timedelta(days=7)
INVOICE_WITHIN = timedelta(days=1)
URGE_PAUSE = timedelta(hours=24)
SHIP_WITHIN = timedelta(hours=24)  # what the warehouse promises once it was urged
POINTS_STEP = 100  # so many points are one yuan
LATEST_ENTRIES = 20

ANYTHING = "全场通用"  # the scope of coupons for all goods

_CLOSED = {OrderStatus.CANCELLED, OrderStatus.REFUNDING, OrderStatus.REFUNDED}
_UNUSABLE = {
    CouponStatus.UPCOMING: CouponProblem.NOT_YET_VALID,
    CouponStatus.EXPIRED: CouponProblem.EXPIRED,
    CouponStatus.USED: CouponProblem.USED,
}
_NOT_GONE = {OrderStatus.PENDING_PAYMENT, OrderStatus.PAID}
_ON_ITS_WAY = {OrderStatus.SHIPPED, OrderStatus.IN_TRANSIT}


@dataclass(frozen=True)
class OrderFile:
    """An order with what only the shop knows of it."""

    order: Order
    payment: str
    urged_at: datetime | None
    returnable: bool  # every item of it
    coupon: Decimal  # what it took off
    points: Decimal  # yuan that points paid
    postage: Decimal
    price_protection: Decimal  # yuan that were paid back since
    in_service: bool  # being exchanged or repaired


@dataclass(frozen=True)
class LedgerRow:
    id: int
    at: datetime
    amount: int
    remaining: int
    reason: str
    expires_on: date | None


def refuse_urge(file: OrderFile, now: datetime) -> NotAllowed | None:
    status = file.order.status
    if status is OrderStatus.PENDING_PAYMENT:
        return NotAllowed(Refusal.NOT_PAID)
    if status in _CLOSED:
        return NotAllowed(Refusal.ORDER_CLOSED)
    if status is not OrderStatus.PAID:
        return NotAllowed(Refusal.ALREADY_SHIPPED)
    if file.urged_at and now - file.urged_at < URGE_PAUSE:
        return NotAllowed(Refusal.ALREADY_URGED, details={"urged_at": file.urged_at.isoformat()})
    return None


def refuse_change(file: OrderFile) -> NotAllowed | None:
    """Cancelling and changing the address: as long as nothing has left the warehouse."""
    status = file.order.status
    if status in _CLOSED:
        return NotAllowed(Refusal.ORDER_CLOSED)
    return None if status in _NOT_GONE else NotAllowed(Refusal.ALREADY_SHIPPED)


def refuse_invoice(file: OrderFile) -> NotAllowed | None:
    if file.order.status is OrderStatus.PENDING_PAYMENT:
        return NotAllowed(Refusal.NOT_PAID)
    if file.order.status in _CLOSED:
        return NotAllowed(Refusal.ORDER_CLOSED)
    return NotAllowed(Refusal.ALREADY_REQUESTED) if file.order.invoice_title else None


def return_deadline(order: Order) -> datetime | None:
    return order.delivered_at + RETURN_WINDOW if order.delivered_at else None


def refuse_return(file: OrderFile, now: datetime) -> NotAllowed | None:
    if refusal := refuse_service(file) or _too_late(return_deadline(file.order), now):
        return refusal
    return None if file.returnable else NotAllowed(Refusal.NOT_RETURNABLE)


def exchange_deadline(order: Order) -> datetime | None:
    return order.delivered_at + EXCHANGE_WINDOW if order.delivered_at else None


def refuse_exchange(file: OrderFile, now: datetime) -> NotAllowed | None:
    return refuse_service(file) or _too_late(exchange_deadline(file.order), now)


def price_deadline(order: Order) -> datetime | None:
    return order.paid_at + PRICE_WINDOW if order.paid_at else None


def refuse_price(file: OrderFile, difference: Decimal, now: datetime) -> NotAllowed | None:
    if file.order.status is OrderStatus.PENDING_PAYMENT:
        return NotAllowed(Refusal.NOT_PAID)
    if file.order.status in _CLOSED:
        return NotAllowed(Refusal.ORDER_CLOSED)
    if file.price_protection:
        return NotAllowed(Refusal.ALREADY_REQUESTED)
    if refusal := _too_late(price_deadline(file.order), now):
        return refusal
    return None if difference else NotAllowed(Refusal.NO_DIFFERENCE)


def refuse_quote(file: OrderFile) -> NotAllowed | None:
    if file.order.status is OrderStatus.PENDING_PAYMENT:
        return NotAllowed(Refusal.NOT_PAID)
    return NotAllowed(Refusal.ORDER_CLOSED) if file.order.status is OrderStatus.CANCELLED else None


def refuse_service(file: OrderFile) -> NotAllowed | None:
    """What follows a delivery needs one, and one thing at a time."""
    status = file.order.status
    if status in (OrderStatus.REFUNDING, OrderStatus.REFUNDED):
        return NotAllowed(Refusal.ALREADY_REQUESTED)
    if file.in_service:
        return NotAllowed(Refusal.IN_SERVICE)
    if status is OrderStatus.CANCELLED:
        return NotAllowed(Refusal.ORDER_CLOSED)
    if status in _NOT_GONE:
        return NotAllowed(Refusal.NOT_SHIPPED)
    return NotAllowed(Refusal.NOT_DELIVERED) if status in _ON_ITS_WAY or file.order.delivered_at is None else None


def _too_late(deadline: datetime | None, now: datetime) -> NotAllowed | None:
    if deadline is None or now <= deadline:
        return None
    return NotAllowed(Refusal.WINDOW_CLOSED, details={"deadline": deadline.isoformat()})


def warranty_until(delivered_at: datetime, months: int) -> date:
    """Last good day; the end of a shorter month stands for its missing days."""
    start = delivered_at.astimezone(SHANGHAI).date()
    year, month = divmod(start.month - 1 + months, 12)
    year, month = start.year + year, month + 1
    last = (date(year + month // 12, month % 12 + 1, 1) - timedelta(days=1)).day
    return date(year, month, min(start.day, last))


def shares(total: Decimal, weights: list[Decimal]) -> list[Decimal]:
    """`total` divided by weight into fen; what rounding leaves goes to the last."""
    whole = sum(weights)
    parts = [(total * weight / whole).quantize(Decimal("0.01")) for weight in weights[:-1]]
    return [*parts, total - sum(parts)]


def check_coupon(coupon: Coupon, goods: dict[str, Decimal] | None) -> CouponCheck:
    """`goods`: yuan by category of what it is to be used for; None: nothing yet."""
    if coupon.status is not CouponStatus.AVAILABLE:
        return CouponCheck(coupon, _UNUSABLE[coupon.status])
    if goods is None:
        return CouponCheck(coupon)
    in_scope = [amount for category, amount in goods.items() if coupon.scope in (ANYTHING, category)]
    if not in_scope:
        return CouponCheck(coupon, CouponProblem.WRONG_CATEGORY)
    missing = coupon.minimum - sum(in_scope)
    return CouponCheck(coupon, CouponProblem.BELOW_MINIMUM, missing) if missing > 0 else CouponCheck(coupon)


def balance(rows: Iterable[LedgerRow], today: date) -> PointsBalance:
    """The balance and the ledger that adds up to it: what lapsed unspent is shown as an entry of its own."""
    entries: list[PointsEntry] = []
    total, lapsing = 0, defaultdict[date, int](int)
    for row in rows:
        entries.append(PointsEntry(row.amount, row.reason, row.at, row.expires_on if row.amount > 0 else None))
        total += row.amount
        if not row.remaining or row.expires_on is None:
            continue
        if row.expires_on < today:
            midnight = datetime.combine(row.expires_on + timedelta(days=1), datetime.min.time(), SHANGHAI)
            entries.append(PointsEntry(-row.remaining, "积分过期", midnight))
            total -= row.remaining
        else:
            lapsing[row.expires_on] += row.remaining
    entries.sort(key=lambda entry: entry.at, reverse=True)
    expiries = tuple(PointsExpiry(amount, on) for on, amount in sorted(lapsing.items()))
    return PointsBalance(total, tuple(entries[:LATEST_ENTRIES]), expiries)


def spend(rows: Iterable[LedgerRow], points: int, today: date) -> dict[int, int]:
    """Take points from what lapses soonest. Gives the new `remaining` by row id; the caller checked the balance."""
    live = [row for row in rows if row.remaining and (row.expires_on is None or row.expires_on >= today)]
    live.sort(key=lambda row: (row.expires_on or date.max, row.id))
    left, changed = points, {}
    for row in live:
        if not left:
            break
        taken = min(left, row.remaining)
        changed[row.id] = row.remaining - taken
        left -= taken
    return changed
