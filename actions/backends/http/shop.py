"""The protocols over HTTP: each method is one path of `openapi.yaml`."""

from typing import TypeVar

import httpx

from actions.backends.aftersales import (
    ExchangeOptions,
    ExchangeRequest,
    PriceCheck,
    PriceClaim,
    RepairRequest,
    WarrantyCheck,
)
from actions.backends.http.breaker import Breaker
from actions.backends.http.client import Client
from actions.backends.invoices import InvoiceDelivery, InvoiceProgress, InvoiceReceipt
from actions.backends.members import Coupon, CouponCheck, LevelBenefits, Member, PointsBalance, Redemption
from actions.backends.orders import Order, Shipment, UrgeReceipt
from actions.backends.returns import RefundQuote, ReturnEligibility, ReturnRequest

T = TypeVar("T")
_MEMBER = "/members/{member_id}"
_ORDER = "/members/{member_id}/orders/{number}"


def _ids(member_id: str, number: str) -> dict[str, str]:
    return {"member_id": member_id, "number": number}


async def _about(client: Client, kind: type[T], path: str, member_id: str, number: str | None) -> T:
    """What a member has of something, or only what belongs to one order."""
    if number is None:
        return await client.get(kind, _MEMBER + path, {"member_id": member_id})
    return await client.get(kind, _MEMBER + path, _ids(member_id, number), order_number=number)


class HttpOrders:
    def __init__(self, client: Client) -> None:
        self._client = client

    async def recent(self, member_id: str, limit: int = 5) -> tuple[Order, ...]:
        return await self._client.get(tuple[Order, ...], _MEMBER + "/orders", {"member_id": member_id}, limit=limit)

    async def get(self, member_id: str, number: str) -> Order:
        return await self._client.get(Order, _ORDER, _ids(member_id, number))

    async def urge(self, member_id: str, number: str, idempotency_key: str) -> UrgeReceipt:
        ids = _ids(member_id, number)
        return await self._client.send(UrgeReceipt, "POST", _ORDER + "/urge", ids, idempotency_key, None)

    async def cancel(self, member_id: str, number: str, reason: str, idempotency_key: str) -> Order:
        ids, body = _ids(member_id, number), {"reason": reason}
        return await self._client.send(Order, "POST", _ORDER + "/cancellation", ids, idempotency_key, body)

    async def change_address(self, member_id: str, number: str, address: str, idempotency_key: str) -> Order:
        ids, body = _ids(member_id, number), {"address": address}
        return await self._client.send(Order, "PUT", _ORDER + "/address", ids, idempotency_key, body)


class HttpLogistics:
    def __init__(self, client: Client) -> None:
        self._client = client

    async def track(self, member_id: str, order_number: str) -> Shipment:
        return await self._client.get(Shipment, _ORDER + "/shipment", _ids(member_id, order_number))


class HttpReturns:
    def __init__(self, client: Client) -> None:
        self._client = client

    async def eligibility(self, member_id: str, number: str) -> ReturnEligibility:
        return await self._client.get(ReturnEligibility, _ORDER + "/return-eligibility", _ids(member_id, number))

    async def quote(self, member_id: str, number: str) -> RefundQuote:
        return await self._client.get(RefundQuote, _ORDER + "/refund-quote", _ids(member_id, number))

    async def create(self, member_id: str, number: str, reason: str, idempotency_key: str) -> ReturnRequest:
        ids, body = _ids(member_id, number), {"reason": reason}
        return await self._client.send(ReturnRequest, "POST", _ORDER + "/returns", ids, idempotency_key, body)

    async def progress(self, member_id: str, number: str | None = None) -> tuple[ReturnRequest, ...]:
        return await _about(self._client, tuple[ReturnRequest, ...], "/returns", member_id, number)


class HttpExchanges:
    def __init__(self, client: Client) -> None:
        self._client = client

    async def options(self, member_id: str, number: str) -> ExchangeOptions:
        return await self._client.get(ExchangeOptions, _ORDER + "/exchange-options", _ids(member_id, number))

    async def create(
        self, member_id: str, number: str, sku: str, wanted_sku: str, reason: str, idempotency_key: str
    ) -> ExchangeRequest:
        ids, body = _ids(member_id, number), {"sku": sku, "wanted_sku": wanted_sku, "reason": reason}
        return await self._client.send(ExchangeRequest, "POST", _ORDER + "/exchanges", ids, idempotency_key, body)

    async def progress(self, member_id: str, number: str | None = None) -> tuple[ExchangeRequest, ...]:
        return await _about(self._client, tuple[ExchangeRequest, ...], "/exchanges", member_id, number)


class HttpRepairs:
    def __init__(self, client: Client) -> None:
        self._client = client

    async def warranty(self, member_id: str, number: str) -> WarrantyCheck:
        return await self._client.get(WarrantyCheck, _ORDER + "/warranty", _ids(member_id, number))

    async def create(self, member_id: str, number: str, sku: str, fault: str, idempotency_key: str) -> RepairRequest:
        ids, body = _ids(member_id, number), {"sku": sku, "fault": fault}
        return await self._client.send(RepairRequest, "POST", _ORDER + "/repairs", ids, idempotency_key, body)

    async def progress(self, member_id: str, number: str | None = None) -> tuple[RepairRequest, ...]:
        return await _about(self._client, tuple[RepairRequest, ...], "/repairs", member_id, number)


class HttpPrices:
    def __init__(self, client: Client) -> None:
        self._client = client

    async def check(self, member_id: str, number: str) -> PriceCheck:
        return await self._client.get(PriceCheck, _ORDER + "/price-protection", _ids(member_id, number))

    async def claim(self, member_id: str, number: str, idempotency_key: str) -> PriceClaim:
        ids = _ids(member_id, number)
        return await self._client.send(PriceClaim, "POST", _ORDER + "/price-protection", ids, idempotency_key, None)


class HttpInvoices:
    def __init__(self, client: Client) -> None:
        self._client = client

    async def request(self, member_id: str, number: str, title: str, idempotency_key: str) -> InvoiceReceipt:
        ids, body = _ids(member_id, number), {"title": title}
        return await self._client.send(InvoiceReceipt, "POST", _ORDER + "/invoice", ids, idempotency_key, body)

    async def progress(self, member_id: str, number: str) -> InvoiceProgress:
        return await self._client.get(InvoiceProgress, _ORDER + "/invoice", _ids(member_id, number))

    async def resend(self, member_id: str, number: str, email: str | None, idempotency_key: str) -> InvoiceDelivery:
        ids, path = _ids(member_id, number), _ORDER + "/invoice/deliveries"
        return await self._client.send(InvoiceDelivery, "POST", path, ids, idempotency_key, {"email": email})


class HttpMembers:
    def __init__(self, client: Client) -> None:
        self._client = client

    async def get(self, member_id: str) -> Member:
        return await self._client.get(Member, _MEMBER, {"member_id": member_id})

    async def benefits(self, member_id: str) -> tuple[LevelBenefits, ...]:
        path = _MEMBER + "/benefits"
        return await self._client.get(tuple[LevelBenefits, ...], path, {"member_id": member_id})

    async def points(self, member_id: str) -> PointsBalance:
        return await self._client.get(PointsBalance, _MEMBER + "/points", {"member_id": member_id})

    async def redeem(self, member_id: str, points: int, idempotency_key: str) -> Redemption:
        ids, body = {"member_id": member_id}, {"points": points}
        path = _MEMBER + "/points/redemptions"
        return await self._client.send(Redemption, "POST", path, ids, idempotency_key, body)

    async def coupons(self, member_id: str) -> tuple[Coupon, ...]:
        return await self._client.get(tuple[Coupon, ...], _MEMBER + "/coupons", {"member_id": member_id})

    async def check_coupons(self, member_id: str, number: str | None = None) -> tuple[CouponCheck, ...]:
        return await _about(self._client, tuple[CouponCheck, ...], "/coupon-checks", member_id, number)


class HttpShop:
    """`base_url` and `token` of the shop's system; `budget`: seconds for one call with its retries."""

    def __init__(
        self,
        base_url: str,
        token: str,
        *,
        budget: float = 2.5,
        breaker: Breaker | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._client = Client(base_url, token, budget=budget, breaker=breaker or Breaker(), transport=transport)
        self.orders = HttpOrders(self._client)
        self.logistics = HttpLogistics(self._client)
        self.returns = HttpReturns(self._client)
        self.exchanges = HttpExchanges(self._client)
        self.repairs = HttpRepairs(self._client)
        self.prices = HttpPrices(self._client)
        self.invoices = HttpInvoices(self._client)
        self.members = HttpMembers(self._client)

    async def close(self) -> None:
        await self._client.close()
