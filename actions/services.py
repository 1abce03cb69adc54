"""All that the actions may reach, given once at construction. Nothing here knows Rasa."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Protocol

from actions.backends.aftersales import Exchanges, Prices, Repairs
from actions.backends.protocols import Invoices, Logistics, Members, Orders, Returns
from handoff.decision import Thresholds, load_thresholds


class Knowledge(Protocol):
    async def answer(self, entry_id: str, at: datetime) -> str | None:
        """The answer of a knowledge entry; None when there is no such entry or it is not valid at that moment."""
        ...


class Tickets(Protocol):
    async def create(self, conversation_id: str, body: str, idempotency_key: str) -> str:
        """Leave a ticket for the people behind the bot. Returns its number, the same one for the same key."""
        ...


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class Services:
    orders: Orders
    logistics: Logistics
    returns: Returns
    exchanges: Exchanges
    repairs: Repairs
    prices: Prices
    invoices: Invoices
    members: Members
    knowledge: Knowledge
    tickets: Tickets
    thresholds: Thresholds = field(default_factory=load_thresholds)
    clock: Callable[[], datetime] = _now
    deadline_seconds: float = 2.6
    """How long an action may wait for backends in all: the customer hears something within 3 s."""
