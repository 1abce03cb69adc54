"""Invoices: asking for one, where it is, sending it again."""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Protocol

from pydantic import AwareDatetime


class InvoiceStatus(StrEnum):
    NOT_REQUESTED = "not_requested"
    MAKING = "making"
    ISSUED = "issued"


@dataclass(frozen=True)
class InvoiceReceipt:
    order_number: str
    title: str
    amount: Decimal
    requested_at: AwareDatetime


@dataclass(frozen=True)
class InvoiceProgress:
    order_number: str
    status: InvoiceStatus
    amount: Decimal  # on the invoice, or what it would be
    title: str | None = None
    requested_at: AwareDatetime | None = None
    expected_at: AwareDatetime | None = None  # when it is made at the latest
    issued_at: AwareDatetime | None = None
    sent_to: str | None = None  # masked: li***@example.com
    link: str | None = None


@dataclass(frozen=True)
class InvoiceDelivery:
    order_number: str
    sent_to: str  # masked
    sent_at: AwareDatetime
    link: str | None = None


class Invoices(Protocol):
    async def request(self, member_id: str, number: str, title: str, idempotency_key: str) -> InvoiceReceipt: ...

    async def progress(self, member_id: str, number: str) -> InvoiceProgress: ...

    async def resend(self, member_id: str, number: str, email: str | None, idempotency_key: str) -> InvoiceDelivery:
        """To the address on file when `email` is None. Raises `NotAllowed(not_requested | not_issued)`."""
        ...
