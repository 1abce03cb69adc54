"""What delivery needs of a channel that pushes: a vendor to which we send, unlike pages that fetch.

A channel's own folder parses and verifies what comes in (its `router`) and implements `Courier` for what goes out.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from core.conversation.message import Message
from core.errors import KefuError


@dataclass(frozen=True, slots=True)
class Parcel:
    """One call to the vendor: `body` is its JSON, and `message_ids` the messages that have gone out with it."""

    body: dict[str, object]
    message_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast a vendor may be called: together, per customer, and how many at once."""

    per_second: float = 50
    per_customer_per_minute: int = 20
    at_once: int = 16


class DeliveryFailed(KefuError):
    """Base of what `Courier.send` raises."""

    code = "delivery_failed"


class TryAgain(DeliveryFailed):
    """Not now: vendor down, busy or over its rate. `everybody`: the whole channel waits, not this customer only.

    `after` is in seconds, where the vendor says so; otherwise delivery backs off by itself.
    """

    code = "try_again"

    def __init__(self, message: str, *, everybody: bool = True, after: float | None = None) -> None:
        super().__init__(message)
        self.everybody = everybody
        self.after = after


class Undeliverable(DeliveryFailed):
    """Never, as it is: `failure` is a short code that is stored and shown (`window_closed`, `quota`, `refused`, …)."""

    code = "undeliverable"

    def __init__(self, failure: str, message: str) -> None:
        super().__init__(message)
        self.failure = failure


class Courier(Protocol):
    """The outgoing side of a channel that pushes."""

    name: str
    """The channel, as in `Inbound.channel`."""
    pace: Pace

    async def pack(self, messages: Sequence[Message]) -> list[Parcel]:
        """What goes to the vendor for these messages of one customer, in order.

        Long texts are split by the vendor's limit, short ones of one turn may share a parcel. Every message is named by
        at least one parcel; it counts as delivered with the last parcel that names it. May store or upload media.
        """
        ...

    async def send(self, recipient: str, parcel: Parcel) -> None:
        """Send one parcel to the customer. Raises TryAgain or Undeliverable."""
        ...

    async def typing(self, recipient: str) -> None:
        """Show the customer that an answer is being written, where the vendor can. Never fails."""
        ...
