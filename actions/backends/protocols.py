"""What the bot may ask of a shop's systems, as plain data and async Protocols.

Every call names the member whose data it may touch. Somebody else's order behaves exactly as a missing one.

Every method may raise
    NotFound       no such member, or no such order of this member
    Unavailable    the backend is down, slow or answers nonsense; nothing is known about the effect
Calls with an effect may also raise
    NotAllowed     the shop refuses; `.code` says why (see `Refusal`)
    InvalidInput   the argument can never be right (empty address, zero points)
    KeyReused      the idempotency key was used for a different request
and are safe to repeat with the same idempotency key: the first result is given again, nothing happens twice.

Money is `Decimal` yuan with two places. Datetimes are aware; show them in the customer's zone.
"""

from typing import Protocol

from actions.backends.aftersales import Exchanges, Prices, Repairs
from actions.backends.invoices import Invoices
from actions.backends.members import Members
from actions.backends.orders import Logistics, Orders
from actions.backends.returns import Returns


class Shop(Protocol):
    """One shop's systems, opened together and closed together."""

    @property
    def orders(self) -> Orders: ...

    @property
    def logistics(self) -> Logistics: ...

    @property
    def returns(self) -> Returns: ...

    @property
    def exchanges(self) -> Exchanges: ...

    @property
    def repairs(self) -> Repairs: ...

    @property
    def prices(self) -> Prices: ...

    @property
    def invoices(self) -> Invoices: ...

    @property
    def members(self) -> Members: ...

    async def close(self) -> None: ...
