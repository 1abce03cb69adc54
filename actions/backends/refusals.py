"""What a shop refuses, and what was asked of it wrongly."""

from collections.abc import Mapping
from enum import StrEnum

from core.errors import Conflict, InvalidInput, NotFound


class Refusal(StrEnum):
    """Machine codes that `NotAllowed` carries. A shop's own system may send further ones."""

    NOT_PAID = "not_paid"
    NOT_SHIPPED = "not_shipped"
    NOT_DELIVERED = "not_delivered"
    ALREADY_SHIPPED = "already_shipped"
    ALREADY_URGED = "already_urged"  # details: urged_at
    ALREADY_REQUESTED = "already_requested"  # a return, refund or invoice for this order exists
    IN_SERVICE = "in_service"  # the order is being exchanged or repaired
    ORDER_CLOSED = "order_closed"  # cancelled, refunding or refunded
    WINDOW_CLOSED = "window_closed"  # too late for a return; details: deadline
    NOT_RETURNABLE = "not_returnable"  # such goods are never taken back
    NOT_ENOUGH_POINTS = "not_enough_points"  # details: balance
    POINTS_STEP = "points_step"  # points are redeemed in steps; details: step
    OUT_OF_STOCK = "out_of_stock"  # of the wanted size or colour
    NOT_REPAIRABLE = "not_repairable"  # such goods have no repair service
    NO_DIFFERENCE = "no_difference"  # the price has not fallen
    NOT_REQUESTED = "not_requested"  # no invoice was asked for
    NOT_ISSUED = "not_issued"  # the invoice is still being made; details: expected_at


class NotAllowed(Conflict):
    """The shop's rules refuse. `code` is a `Refusal` value or the shop's own; `details` are strings to show."""

    def __init__(self, code: str, message: str = "", details: Mapping[str, str] | None = None) -> None:
        super().__init__(message or f"the shop refuses: {code}")
        self.code = str(code)
        self.details: Mapping[str, str] = dict(details or {})


class KeyReused(Conflict):
    """An idempotency key came again with a different request: the caller makes its keys wrongly."""

    code = "idempotency_key_reused"


_LONGEST_KEY = 128


def check_key(key: str) -> str:
    """The idempotency key, if it can be one: 1 to 128 printable ASCII characters."""
    if not 0 < len(key) <= _LONGEST_KEY or not key.isascii() or not key.isprintable():
        raise InvalidInput(f"an idempotency key is 1 to {_LONGEST_KEY} printable ASCII characters, not {key!r}")
    return key


def no_such_order() -> NotFound:
    """The same words whether the order is missing or somebody else's."""
    return NotFound("no such order of this member")


def no_such_member() -> NotFound:
    return NotFound("no such member")
