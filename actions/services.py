"""All that the actions may reach, given once at construction. Nothing here knows Rasa."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Protocol

from actions.backends.aftersales import Exchanges, Prices, Repairs
from actions.backends.invoices import Invoices
from actions.backends.members import Members
from actions.backends.orders import Logistics, Orders
from actions.backends.returns import Returns
from handoff.decision import Thresholds, load_thresholds


@dataclass(frozen=True)
class FaqHint:
    """What the knowledge search found for an utterance, before validity is checked."""

    outcome: str = "none"  # answer | choices | none
    candidates: tuple[tuple[str, str], ...] = ()  # (entry id, question), best first
    searched: bool = True


class Knowledge(Protocol):
    async def find(self, text: str) -> FaqHint: ...

    async def answer(self, entry_id: str, at: datetime) -> str | None:
        """The answer of a knowledge entry; None when there is no such entry or it is not valid at that moment."""
        ...


@dataclass(frozen=True)
class LeftTicket:
    """A ticket as its customer may see it."""

    number: str
    subject: str
    status: str  # open | pending | solved
    created_at: datetime


class Tickets(Protocol):
    async def create(self, conversation_id: str, body: str, idempotency_key: str) -> str:
        """Leave a ticket for the people behind the bot. Returns its number, the same one for the same key."""
        ...

    async def of_customer(self, conversation_id: str) -> tuple[LeftTicket, ...]:
        """Newest first: the member's in all channels, a guest's in this conversation."""
        ...


class Ratings(Protocol):
    async def record(self, conversation_id: str, message_id: str, mark: int) -> None:
        """Keep the mark (1 worst, 5 best) in the conversation's log, once for a message."""
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
    ratings: Ratings
    thresholds: Thresholds = field(default_factory=load_thresholds)
    clock: Callable[[], datetime] = _now
    deadline_seconds: float = 2.6
    """How long an action may wait for backends in all: the customer hears something within 3 s."""
