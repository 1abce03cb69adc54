"""Rows of the demo shop's tables as the plain data of the protocols."""

import re
from collections.abc import Sequence
from decimal import Decimal
from itertools import groupby
from typing import Any

from sqlalchemy import Row

from actions.backends.demo_shop.rules import OrderFile
from actions.backends.orders import MaskedAddress, Order, OrderItem, OrderStatus
from actions.backends.returns import Refund, ReturnKind, ReturnRequest, ReturnStatus

_REGION = re.compile(r"^.{2,18}?[区县旗]|^.{2,14}?市")


def yuan(fen: int) -> Decimal:
    return Decimal(fen).scaleb(-2)


def fen(yuan: Decimal) -> int:
    return int(yuan.scaleb(2))


def service_number(prefix: str, order_number: str, earlier: int) -> str:
    """TH202611080123, and TH202611080123-2 for the next request about the same order."""
    return prefix + order_number.removeprefix("KF") + (f"-{earlier + 1}" if earlier else "")


def masked_name(name: str) -> str:
    return name[:1] + "*" * max(1, len(name) - 1)


def masked_phone(phone: str) -> str:
    return f"{phone[:3]}****{phone[-4:]}"


def masked_email(email: str) -> str:
    name, _, host = email.partition("@")
    return f"{name[:2]}***@{host}"


def masked_address(address: str) -> str:
    """Down to the district; the street and the door are nobody's business."""
    found = _REGION.match(address)
    return (found.group() if found else address[:3]) + "****"


def order_files(rows: Sequence[Row[Any]]) -> list[OrderFile]:
    """Rows of orders joined with their items, those of one order side by side."""
    return [_order_file(list(group)) for _, group in groupby(rows, key=lambda row: row.number)]


def _order_file(lines: list[Row[Any]]) -> OrderFile:
    row = lines[0]
    order = Order(
        number=row.number,
        status=OrderStatus(row.status),
        items=tuple(OrderItem(line.sku, line.name, line.quantity, yuan(line.price_fen)) for line in lines),
        amount=yuan(row.amount_fen),
        created_at=row.created_at,
        ship_to=MaskedAddress(masked_name(row.receiver), masked_phone(row.phone), masked_address(row.address)),
        paid_at=row.paid_at,
        shipped_at=row.shipped_at,
        delivered_at=row.delivered_at,
        carrier=row.carrier,
        tracking_number=row.tracking_number,
        invoice_title=row.invoice_title,
    )
    return OrderFile(
        order=order,
        payment=row.payment,
        urged_at=row.urged_at,
        returnable=all(line.returnable for line in lines),
        coupon=yuan(row.coupon_fen),
        points=yuan(row.points_fen),
        postage=yuan(row.postage_fen),
        price_protection=yuan(row.price_protection_fen),
        in_service=bool(row.in_service),
    )


def return_request(row: Row[Any]) -> ReturnRequest:
    return ReturnRequest(
        number=row.number,
        order_number=row.order_number,
        kind=ReturnKind(row.kind),
        status=ReturnStatus(row.status),
        reason=row.reason,
        created_at=row.created_at,
        updated_at=row.updated_at,
        refund=Refund(yuan(row.amount_fen), row.method, row.expected_on, row.refunded_at),
    )
