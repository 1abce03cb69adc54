"""The protocols over HTTP: each method is one path of `openapi.yaml`."""

import httpx

from actions.backends.http.breaker import Breaker
from actions.backends.http.client import Client
from actions.backends.protocols import (
    Coupon,
    InvoiceReceipt,
    Member,
    Order,
    PointsBalance,
    Redemption,
    ReturnEligibility,
    ReturnRequest,
    Shipment,
    UrgeReceipt,
)

_MEMBER = "/members/{member_id}"
_ORDER = "/members/{member_id}/orders/{number}"


def _ids(member_id: str, number: str) -> dict[str, str]:
    return {"member_id": member_id, "number": number}


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

    async def request_invoice(self, member_id: str, number: str, title: str, idempotency_key: str) -> InvoiceReceipt:
        ids, body = _ids(member_id, number), {"title": title}
        return await self._client.send(InvoiceReceipt, "POST", _ORDER + "/invoice", ids, idempotency_key, body)


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

    async def create(self, member_id: str, number: str, reason: str, idempotency_key: str) -> ReturnRequest:
        ids, body = _ids(member_id, number), {"reason": reason}
        return await self._client.send(ReturnRequest, "POST", _ORDER + "/returns", ids, idempotency_key, body)

    async def progress(self, member_id: str, number: str | None = None) -> tuple[ReturnRequest, ...]:
        path = _MEMBER + "/returns"
        if number is None:
            return await self._client.get(tuple[ReturnRequest, ...], path, {"member_id": member_id})
        return await self._client.get(tuple[ReturnRequest, ...], path, _ids(member_id, number), order_number=number)


class HttpMembers:
    def __init__(self, client: Client) -> None:
        self._client = client

    async def get(self, member_id: str) -> Member:
        return await self._client.get(Member, _MEMBER, {"member_id": member_id})

    async def points(self, member_id: str) -> PointsBalance:
        return await self._client.get(PointsBalance, _MEMBER + "/points", {"member_id": member_id})

    async def redeem(self, member_id: str, points: int, idempotency_key: str) -> Redemption:
        ids, body = {"member_id": member_id}, {"points": points}
        path = _MEMBER + "/points/redemptions"
        return await self._client.send(Redemption, "POST", path, ids, idempotency_key, body)

    async def coupons(self, member_id: str) -> tuple[Coupon, ...]:
        return await self._client.get(tuple[Coupon, ...], _MEMBER + "/coupons", {"member_id": member_id})


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
        self.members = HttpMembers(self._client)

    async def close(self) -> None:
        await self._client.close()
