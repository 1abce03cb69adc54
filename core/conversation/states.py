"""How far a message has come, and conditions by which those that still wait are found among all.

Each waiting state has an index of its own rows only (`core.storage.tables`). SQLite uses such an index for a state that
stands in the statement, not for a bound one: hence the conditions here.
"""

from sqlalchemy import ColumnElement, literal_column

from core.storage.tables import messages

ACCEPTED, DONE = "accepted", "done"
"""In: stored and not answered yet; its turn is over."""
QUEUED, DELIVERED, UNDELIVERED = "queued", "delivered", "undelivered"
"""Out: to be sent; with the customer; given up, with a failure that says why."""


def _is(state: str) -> ColumnElement[bool]:
    return messages.c.status == literal_column(f"'{state}'")


is_accepted = _is(ACCEPTED)
is_queued = _is(QUEUED)
is_undelivered = _is(UNDELIVERED)
