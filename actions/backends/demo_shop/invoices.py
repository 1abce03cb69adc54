"""Invoices of the demo shop: asked for once, made within a day, sent to the member's address."""

import re
from typing import Any

from sqlalchemy import Row, Select, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from actions.backends.demo_shop import rules
from actions.backends.demo_shop.lookup import THIS_ORDER, read_file
from actions.backends.demo_shop.rows import masked_email, yuan
from actions.backends.demo_shop.store import Store
from actions.backends.demo_shop.tables import members, orders
from actions.backends.invoices import InvoiceDelivery, InvoiceProgress, InvoiceReceipt, InvoiceStatus
from actions.backends.refusals import NotAllowed, Refusal, no_such_order
from core.errors import InvalidInput

_LONGEST_TITLE = 100
_EMAIL = re.compile(r"[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+")
_INVOICE: Select[Any] = (
    select(orders.c.invoice_title, orders.c.invoice_requested_at, orders.c.amount_fen, members.c.email)
    .join(members)
    .where(THIS_ORDER)
)


class DemoInvoices:
    def __init__(self, store: Store) -> None:
        self._store = store

    async def request(self, member_id: str, number: str, title: str, idempotency_key: str) -> InvoiceReceipt:
        title = title.strip()
        if not 0 < len(title) <= _LONGEST_TITLE:
            raise InvalidInput(f"title has {len(title)} characters; 1 to {_LONGEST_TITLE} are right")
        now = self._store.clock()

        async def work(conn: AsyncConnection) -> InvoiceReceipt:
            file = await read_file(conn, member_id, number, lock=True)
            if refusal := rules.refuse_invoice(file):
                raise refusal
            changed = update(orders).where(orders.c.number == number)
            await conn.execute(changed.values(invoice_title=title, invoice_requested_at=now))
            return InvoiceReceipt(number, title, file.order.amount, now)

        return await self._store.once(InvoiceReceipt, member_id, idempotency_key, ("invoice", number, title), work)

    async def progress(self, member_id: str, number: str) -> InvoiceProgress:
        async with self._store.read() as conn:
            return self._progress(number, await _row(conn, member_id, number))

    async def resend(self, member_id: str, number: str, email: str | None, idempotency_key: str) -> InvoiceDelivery:
        if email is not None and not _EMAIL.fullmatch(email):
            raise InvalidInput("the e-mail address is none")
        now = self._store.clock()

        async def work(conn: AsyncConnection) -> InvoiceDelivery:
            row = await _row(conn, member_id, number)
            found = self._progress(number, row)
            if found.status is InvoiceStatus.NOT_REQUESTED:
                raise NotAllowed(Refusal.NOT_REQUESTED)
            if found.status is InvoiceStatus.MAKING and found.expected_at:
                raise NotAllowed(Refusal.NOT_ISSUED, details={"expected_at": found.expected_at.isoformat()})
            return InvoiceDelivery(number, masked_email(email or row.email), now)

        return await self._store.once(InvoiceDelivery, member_id, idempotency_key, ("resend", number, email), work)

    def _progress(self, number: str, row: Row[Any]) -> InvoiceProgress:
        amount, requested = yuan(row.amount_fen), row.invoice_requested_at
        if requested is None:
            return InvoiceProgress(number, InvoiceStatus.NOT_REQUESTED, amount)
        ready = requested + rules.INVOICE_WITHIN
        issued = ready <= self._store.clock()
        return InvoiceProgress(
            order_number=number,
            status=InvoiceStatus.ISSUED if issued else InvoiceStatus.MAKING,
            amount=amount,
            title=row.invoice_title,
            requested_at=requested,
            expected_at=ready,
            issued_at=ready if issued else None,
            sent_to=masked_email(row.email) if issued else None,
        )


async def _row(conn: AsyncConnection, member_id: str, number: str) -> Row[Any]:
    rows = (await conn.execute(_INVOICE, {"member_id": member_id, "number": number})).all()
    if not rows:
        raise no_such_order()
    row: Row[Any] = rows[0]
    return row
