"""What the demo shop allows, as pure functions. Each gives the refusal, or None when the shop agrees."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone

from actions.backends.protocols import NotAllowed, Order, OrderStatus, PointsBalance, PointsEntry, Refusal

SHANGHAI = timezone(timedelta(hours=8))
RETURN_WINDOW = timedelta(days=7)
URGE_PAUSE = timedelta(hours=24)
SHIP_WITHIN = timedelta(hours=24)  # what the warehouse promises once it was urged
POINTS_STEP = 100  # so many points are one yuan
LATEST_ENTRIES = 20

_CLOSED = {OrderStatus.CANCELLED, OrderStatus.REFUNDING, OrderStatus.REFUNDED}
_NOT_GONE = {OrderStatus.PENDING_PAYMENT, OrderStatus.PAID}
_ON_ITS_WAY = {OrderStatus.SHIPPED, OrderStatus.IN_TRANSIT}


@dataclass(frozen=True)
class OrderFile:
    """An order with what only the shop knows of it."""

    order: Order
    payment: str
    urged_at: datetime | None
    returnable: bool  # every item of it


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
    status, deadline = file.order.status, return_deadline(file.order)
    if status in (OrderStatus.REFUNDING, OrderStatus.REFUNDED):
        return NotAllowed(Refusal.ALREADY_REQUESTED)
    if status is OrderStatus.CANCELLED:
        return NotAllowed(Refusal.ORDER_CLOSED)
    if status in _NOT_GONE:
        return NotAllowed(Refusal.NOT_SHIPPED)
    if status in _ON_ITS_WAY or deadline is None:
        return NotAllowed(Refusal.NOT_DELIVERED)
    if now > deadline:
        return NotAllowed(Refusal.WINDOW_CLOSED, details={"deadline": deadline.isoformat()})
    return None if file.returnable else NotAllowed(Refusal.NOT_RETURNABLE)


def balance(rows: Iterable[LedgerRow], today: date) -> PointsBalance:
    """The balance and the ledger that adds up to it: what lapsed unspent is shown as an entry of its own."""
    entries: list[PointsEntry] = []
    total, next_day, next_amount = 0, None, 0
    for row in rows:
        entries.append(PointsEntry(row.amount, row.reason, row.at, row.expires_on if row.amount > 0 else None))
        total += row.amount
        if not row.remaining or row.expires_on is None:
            continue
        if row.expires_on < today:
            midnight = datetime.combine(row.expires_on + timedelta(days=1), datetime.min.time(), SHANGHAI)
            entries.append(PointsEntry(-row.remaining, "积分过期", midnight))
            total -= row.remaining
        elif next_day is None or row.expires_on < next_day:
            next_day, next_amount = row.expires_on, row.remaining
        elif row.expires_on == next_day:
            next_amount += row.remaining
    entries.sort(key=lambda entry: entry.at, reverse=True)
    return PointsBalance(total, tuple(entries[:LATEST_ENTRIES]), next_amount, next_day)


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
