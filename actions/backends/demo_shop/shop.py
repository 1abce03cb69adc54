"""The demo shop behind the protocols."""

from collections.abc import Callable
from datetime import datetime

from actions.backends.demo_shop.exchanges import DemoExchanges
from actions.backends.demo_shop.invoices import DemoInvoices
from actions.backends.demo_shop.logistics import DemoLogistics
from actions.backends.demo_shop.members import DemoMembers
from actions.backends.demo_shop.orders import DemoOrders
from actions.backends.demo_shop.prices import DemoPrices
from actions.backends.demo_shop.repairs import DemoRepairs
from actions.backends.demo_shop.returns import DemoReturns
from actions.backends.demo_shop.store import Store, now_utc


class DemoShop:
    """`url` is a database that `seed` has filled. `budget` is the most a call may take, in seconds."""

    def __init__(self, url: str, *, budget: float = 2.5, clock: Callable[[], datetime] = now_utc) -> None:
        self._store = Store(url, budget=budget, clock=clock)
        self.orders = DemoOrders(self._store)
        self.logistics = DemoLogistics(self._store)
        self.returns = DemoReturns(self._store)
        self.exchanges = DemoExchanges(self._store)
        self.repairs = DemoRepairs(self._store)
        self.prices = DemoPrices(self._store)
        self.invoices = DemoInvoices(self._store)
        self.members = DemoMembers(self._store)

    async def close(self) -> None:
        await self._store.close()
