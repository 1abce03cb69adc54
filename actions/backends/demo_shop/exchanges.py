"""Exchanges in the demo shop: the same piece again, or another colour or size of it."""

from dataclasses import asdict
from typing import Any

from sqlalchemy import Row, insert
from sqlalchemy.ext.asyncio import AsyncConnection

from actions.backends.aftersales import (
    ExchangeItem,
    ExchangeOptions,
    ExchangeRequest,
    ExchangeStatus,
    Variant,
)
from actions.backends.demo_shop import rules
from actions.backends.demo_shop.cases import Cases
from actions.backends.demo_shop.catalogue import products
from actions.backends.demo_shop.lookup import read_file
from actions.backends.demo_shop.rows import service_number
from actions.backends.demo_shop.store import Store
from actions.backends.demo_shop.tables import exchanges
from actions.backends.orders import Order
from actions.backends.refusals import NotAllowed, Refusal
from core.errors import InvalidInput

_LONGEST_REASON = 200

_CASES = Cases(exchanges)


class DemoExchanges:
    def __init__(self, store: Store) -> None:
        self._store = store

    async def options(self, member_id: str, number: str) -> ExchangeOptions:
        async with self._store.read() as conn:
            file = await read_file(conn, member_id, number)
        deadline, items = rules.exchange_deadline(file.order), _exchangeable(file.order)
        refusal = rules.refuse_exchange(file, self._store.clock())
        if refusal or not items:
            return ExchangeOptions(number, False, refusal.code if refusal else Refusal.NOT_RETURNABLE, deadline)
        return ExchangeOptions(number, True, None, deadline, items)

    async def create(
        self, member_id: str, number: str, sku: str, wanted_sku: str, reason: str, idempotency_key: str
    ) -> ExchangeRequest:
        reason = reason.strip()
        if len(reason) > _LONGEST_REASON:
            raise InvalidInput(f"reason has {len(reason)} characters; at most {_LONGEST_REASON} are right")
        now = self._store.clock()

        async def work(conn: AsyncConnection) -> ExchangeRequest:
            file = await read_file(conn, member_id, number, lock=True)
            if refusal := rules.refuse_exchange(file, now):
                raise refusal
            item, wanted = _chosen(file.order, sku, wanted_sku)
            earlier = await _CASES.count(conn, number)
            request = ExchangeRequest(
                number=service_number("HH", number, earlier),
                order_number=number,
                name=item.name,
                wanted_name=wanted.name,
                reason=reason,
                status=ExchangeStatus.REQUESTED,
                created_at=now,
                updated_at=now,
            )
            await conn.execute(insert(exchanges).values(member_id=member_id, **asdict(request)))
            return request

        asked = ("exchange", number, sku, wanted_sku, reason)
        return await self._store.once(ExchangeRequest, member_id, idempotency_key, asked, work)

    async def progress(self, member_id: str, number: str | None = None) -> tuple[ExchangeRequest, ...]:
        async with self._store.read() as conn:
            rows = await _CASES.latest(conn, member_id, number)
        return tuple(_request(row) for row in rows)


def _exchangeable(order: Order) -> tuple[ExchangeItem, ...]:
    known = ((item, products()[item.sku]) for item in order.items)
    return tuple(ExchangeItem(item.sku, item.name, product.variants) for item, product in known if product.returnable)


def _chosen(order: Order, sku: str, wanted_sku: str) -> tuple[ExchangeItem, Variant]:
    for item in _exchangeable(order):
        for variant in item.variants:
            if (item.sku, variant.sku) == (sku, wanted_sku):
                if not variant.stock:
                    raise NotAllowed(Refusal.OUT_OF_STOCK)
                return item, variant
    raise InvalidInput(f"{sku} of this order cannot become {wanted_sku}")


def _request(row: Row[Any]) -> ExchangeRequest:
    return ExchangeRequest(
        number=row.number,
        order_number=row.order_number,
        name=row.name,
        wanted_name=row.wanted_name,
        reason=row.reason,
        status=ExchangeStatus(row.status),
        created_at=row.created_at,
        updated_at=row.updated_at,
        carrier=row.carrier,
        tracking_number=row.tracking_number,
    )
