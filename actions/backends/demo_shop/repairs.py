"""Repairs in the demo shop: what the warranty covers, and a courier who fetches it the next day."""

from dataclasses import asdict
from datetime import timedelta
from typing import Any

from sqlalchemy import Row, insert
from sqlalchemy.ext.asyncio import AsyncConnection

from actions.backends.aftersales import RepairRequest, RepairStatus, Warranty, WarrantyCheck
from actions.backends.demo_shop import rules
from actions.backends.demo_shop.cases import Cases
from actions.backends.demo_shop.catalogue import products
from actions.backends.demo_shop.lookup import read_file
from actions.backends.demo_shop.rows import service_number
from actions.backends.demo_shop.store import Store
from actions.backends.demo_shop.tables import repairs
from actions.backends.refusals import NotAllowed, Refusal
from core.errors import InvalidInput

_LONGEST_FAULT = 200
_PICKUP_AFTER = timedelta(days=1)

_CASES = Cases(repairs)


class DemoRepairs:
    def __init__(self, store: Store) -> None:
        self._store = store

    async def warranty(self, member_id: str, number: str) -> WarrantyCheck:
        async with self._store.read() as conn:
            file = await read_file(conn, member_id, number)
        if refusal := rules.refuse_service(file):
            return WarrantyCheck(number, False, refusal.code)
        items = self._warranties(file)
        return (
            WarrantyCheck(number, True, None, items) if items else WarrantyCheck(number, False, Refusal.NOT_REPAIRABLE)
        )

    async def create(self, member_id: str, number: str, sku: str, fault: str, idempotency_key: str) -> RepairRequest:
        fault = fault.strip()
        if not 0 < len(fault) <= _LONGEST_FAULT:
            raise InvalidInput(f"fault has {len(fault)} characters; 1 to {_LONGEST_FAULT} are right")
        now = self._store.clock()

        async def work(conn: AsyncConnection) -> RepairRequest:
            file = await read_file(conn, member_id, number, lock=True)
            if refusal := rules.refuse_service(file):
                raise refusal
            covered = {item.sku: item for item in self._warranties(file)}
            if not covered:
                raise NotAllowed(Refusal.NOT_REPAIRABLE)
            if sku not in covered:
                raise InvalidInput(f"{sku} of this order cannot be repaired")
            earlier = await _CASES.count(conn, number)
            request = RepairRequest(
                number=service_number("WX", number, earlier),
                order_number=number,
                name=covered[sku].name,
                fault=fault,
                status=RepairStatus.REQUESTED,
                free=covered[sku].covered,
                created_at=now,
                updated_at=now,
                pickup_on=(now + _PICKUP_AFTER).astimezone(rules.SHANGHAI).date(),
            )
            await conn.execute(insert(repairs).values(member_id=member_id, **asdict(request)))
            return request

        asked = ("repair", number, sku, fault)
        return await self._store.once(RepairRequest, member_id, idempotency_key, asked, work)

    async def progress(self, member_id: str, number: str | None = None) -> tuple[RepairRequest, ...]:
        async with self._store.read() as conn:
            rows = await _CASES.latest(conn, member_id, number)
        return tuple(_request(row) for row in rows)

    def _warranties(self, file: rules.OrderFile) -> tuple[Warranty, ...]:
        today, found = self._store.clock().astimezone(rules.SHANGHAI).date(), []
        for item in file.order.items:
            months = products()[item.sku].warranty
            if months and file.order.delivered_at:
                until = rules.warranty_until(file.order.delivered_at, months)
                found.append(Warranty(item.sku, item.name, until, until >= today))
        return tuple(found)


def _request(row: Row[Any]) -> RepairRequest:
    return RepairRequest(
        number=row.number,
        order_number=row.order_number,
        name=row.name,
        fault=row.fault,
        status=RepairStatus(row.status),
        free=row.free,
        created_at=row.created_at,
        updated_at=row.updated_at,
        pickup_on=row.pickup_on,
    )
