"""Price protection in the demo shop: the paid prices against today's."""

from datetime import timedelta
from decimal import Decimal

from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from actions.backends.aftersales import PriceCheck, PriceClaim, PriceItem
from actions.backends.demo_shop import rules
from actions.backends.demo_shop.catalogue import products
from actions.backends.demo_shop.lookup import read_file
from actions.backends.demo_shop.rows import fen
from actions.backends.demo_shop.store import Store
from actions.backends.demo_shop.tables import price_claims
from actions.backends.orders import Order

_PAID_BACK_AFTER = timedelta(days=3)


class DemoPrices:
    def __init__(self, store: Store) -> None:
        self._store = store

    async def check(self, member_id: str, number: str) -> PriceCheck:
        async with self._store.read() as conn:
            file = await read_file(conn, member_id, number)
        items, deadline = _compared(file.order), rules.price_deadline(file.order)
        difference = _difference(items)
        refusal = rules.refuse_price(file, difference, self._store.clock())
        return PriceCheck(number, refusal is None, refusal.code if refusal else None, deadline, difference, items)

    async def claim(self, member_id: str, number: str, idempotency_key: str) -> PriceClaim:
        now = self._store.clock()

        async def work(conn: AsyncConnection) -> PriceClaim:
            file = await read_file(conn, member_id, number, lock=True)
            difference = _difference(_compared(file.order))
            if refusal := rules.refuse_price(file, difference, now):
                raise refusal
            row = {"order_number": number, "amount_fen": fen(difference), "claimed_at": now}
            await conn.execute(insert(price_claims).values(row))
            expected = (now + _PAID_BACK_AFTER).astimezone(rules.SHANGHAI).date()
            return PriceClaim(number, difference, file.payment, now, expected)

        return await self._store.once(PriceClaim, member_id, idempotency_key, ("price", number), work)


def _compared(order: Order) -> tuple[PriceItem, ...]:
    return tuple(
        PriceItem(item.sku, item.name, item.quantity, item.price, products()[item.sku].now) for item in order.items
    )


def _difference(items: tuple[PriceItem, ...]) -> Decimal:
    """Dearer goods take nothing off what the cheaper ones bring."""
    return sum((max(item.paid - item.now, Decimal()) * item.quantity for item in items), Decimal("0.00"))
