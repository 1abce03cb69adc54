"""Orders of the demo shop."""

from dataclasses import replace
from typing import Any

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncConnection

from actions.backends.demo_shop import rules
from actions.backends.demo_shop.lookup import read_file, read_recent
from actions.backends.demo_shop.returns import open_return
from actions.backends.demo_shop.rows import masked_address
from actions.backends.demo_shop.store import Store
from actions.backends.demo_shop.tables import orders
from actions.backends.orders import Order, OrderStatus, UrgeReceipt
from actions.backends.returns import ReturnKind, ReturnStatus
from core.errors import InvalidInput

_LONGEST_ADDRESS = 200
_LONGEST_REASON = 200


class DemoOrders:
    def __init__(self, store: Store) -> None:
        self._store = store

    async def recent(self, member_id: str, limit: int = 5) -> tuple[Order, ...]:
        if not 1 <= limit <= 50:
            raise InvalidInput(f"limit is {limit}; 1 to 50 orders can be asked for")
        async with self._store.read() as conn:
            return tuple(file.order for file in await read_recent(conn, member_id, limit))

    async def get(self, member_id: str, number: str) -> Order:
        async with self._store.read() as conn:
            return (await read_file(conn, member_id, number)).order

    async def urge(self, member_id: str, number: str, idempotency_key: str) -> UrgeReceipt:
        now = self._store.clock()

        async def work(conn: AsyncConnection) -> UrgeReceipt:
            file = await read_file(conn, member_id, number, lock=True)
            if refusal := rules.refuse_urge(file, now):
                raise refusal
            await _set(conn, number, urged_at=now)
            return UrgeReceipt(number, now, now + rules.SHIP_WITHIN)

        return await self._store.once(UrgeReceipt, member_id, idempotency_key, ("urge", number), work)

    async def cancel(self, member_id: str, number: str, reason: str, idempotency_key: str) -> Order:
        """An unpaid order is cancelled; of a paid one the money goes back first."""
        reason = _text("reason", reason, _LONGEST_REASON)
        now = self._store.clock()

        async def work(conn: AsyncConnection) -> Order:
            file = await read_file(conn, member_id, number, lock=True)
            if refusal := rules.refuse_change(file):
                raise refusal
            if file.order.status is OrderStatus.PENDING_PAYMENT:
                await _set(conn, number, status=OrderStatus.CANCELLED)
                return replace(file.order, status=OrderStatus.CANCELLED)
            await open_return(conn, member_id, file, ReturnKind.REFUND_ONLY, ReturnStatus.REFUNDING, reason, now)
            return replace(file.order, status=OrderStatus.REFUNDING)

        return await self._store.once(Order, member_id, idempotency_key, ("cancel", number, reason), work)

    async def change_address(self, member_id: str, number: str, address: str, idempotency_key: str) -> Order:
        address = _text("address", address, _LONGEST_ADDRESS)

        async def work(conn: AsyncConnection) -> Order:
            file = await read_file(conn, member_id, number, lock=True)
            if refusal := rules.refuse_change(file):
                raise refusal
            await _set(conn, number, address=address)
            return replace(file.order, ship_to=replace(file.order.ship_to, region=masked_address(address)))

        return await self._store.once(Order, member_id, idempotency_key, ("change_address", number, address), work)


def _text(name: str, value: str, longest: int) -> str:
    value = value.strip()
    if not 0 < len(value) <= longest:
        raise InvalidInput(f"{name} has {len(value)} characters; 1 to {longest} are right")
    return value


async def _set(conn: AsyncConnection, number: str, **values: Any) -> None:
    await conn.execute(update(orders).where(orders.c.number == number).values(values))
