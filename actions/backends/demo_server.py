"""The demo shop served over the HTTP contract: the example for a shop's own system, and what the suite tests with.

KEFU_BACKEND_TOKEN=… python -m actions.backends.demo_server sqlite+aiosqlite:///var/demo_shop.db --port 8210
"""

import argparse
import asyncio
import os
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any, TypeVar

import uvicorn
import yaml
from fastapi import APIRouter, Depends, FastAPI, Header, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from actions.backends.aftersales import (
    ExchangeOptions,
    ExchangeRequest,
    PriceCheck,
    PriceClaim,
    RepairRequest,
    WarrantyCheck,
)
from actions.backends.codec import encode
from actions.backends.demo_shop.seed import seed
from actions.backends.demo_shop.shop import DemoShop
from actions.backends.invoices import InvoiceDelivery, InvoiceProgress, InvoiceReceipt
from actions.backends.members import Coupon, CouponCheck, LevelBenefits, Member, PointsBalance, Redemption
from actions.backends.orders import Order, Shipment, UrgeReceipt
from actions.backends.protocols import Shop
from actions.backends.refusals import NotAllowed
from actions.backends.returns import RefundQuote, ReturnEligibility, ReturnRequest
from core.errors import InvalidInput, KefuError, NotFound, Unauthorized

CONTRACT = Path(__file__).parent / "http" / "openapi.yaml"
T = TypeVar("T")

Key = Annotated[str, Header(alias="Idempotency-Key", min_length=1, max_length=128)]


OrderNumber = Annotated[str | None, Query(max_length=64)]


class Reason(BaseModel):
    reason: str = Field(min_length=1, max_length=200)


class Address(BaseModel):
    address: str = Field(min_length=1, max_length=200)


class Title(BaseModel):
    title: str = Field(min_length=1, max_length=100)


class Exchange(BaseModel):
    sku: str = Field(min_length=1, max_length=64)
    wanted_sku: str = Field(min_length=1, max_length=64)
    reason: str = Field(max_length=200)


class Repair(BaseModel):
    sku: str = Field(min_length=1, max_length=64)
    fault: str = Field(min_length=1, max_length=200)


class Email(BaseModel):
    email: str | None = Field(max_length=200)


class Points(BaseModel):
    points: int = Field(ge=1)


def create_app(shop: Shop, token: str) -> FastAPI:
    """The app closes the shop when it ends."""

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        yield
        await shop.close()

    async def authenticated(
        given: Annotated[HTTPAuthorizationCredentials | None, Depends(HTTPBearer(auto_error=False))],
    ) -> None:
        if given is None or not secrets.compare_digest(given.credentials.encode(), token.encode()):
            raise Unauthorized("the bearer token is missing or wrong")

    app = FastAPI(lifespan=lifespan, dependencies=[Depends(authenticated)])
    for router in (_router(shop), _services(shop)):
        app.include_router(router, prefix="/members/{member_id}")
    app.add_exception_handler(KefuError, _answer_error)
    app.add_exception_handler(RequestValidationError, _answer_error)
    app.add_exception_handler(HTTPException, _answer_error)
    contract: dict[str, Any] = yaml.safe_load(CONTRACT.read_text(encoding="utf-8"))
    app.openapi = lambda: contract  # type: ignore[method-assign]  # written by hand; the tests hold us to it
    return app


def _router(shop: Shop) -> APIRouter:
    router = APIRouter()

    @router.get("")
    async def get_member(member_id: str) -> Response:
        return _json(Member, await shop.members.get(member_id))

    @router.get("/points")
    async def get_points(member_id: str) -> Response:
        return _json(PointsBalance, await shop.members.points(member_id))

    @router.post("/points/redemptions")
    async def redeem_points(member_id: str, body: Points, key: Key) -> Response:
        return _json(Redemption, await shop.members.redeem(member_id, body.points, key))

    @router.get("/coupons")
    async def list_coupons(member_id: str) -> Response:
        return _json(tuple[Coupon, ...], await shop.members.coupons(member_id))

    @router.get("/coupon-checks")
    async def check_coupons(member_id: str, order_number: OrderNumber = None) -> Response:
        return _json(tuple[CouponCheck, ...], await shop.members.check_coupons(member_id, order_number))

    @router.get("/benefits")
    async def list_benefits(member_id: str) -> Response:
        return _json(tuple[LevelBenefits, ...], await shop.members.benefits(member_id))

    @router.get("/orders")
    async def list_orders(member_id: str, limit: Annotated[int, Query(ge=1, le=50)]) -> Response:
        return _json(tuple[Order, ...], await shop.orders.recent(member_id, limit))

    @router.get("/orders/{number}")
    async def get_order(member_id: str, number: str) -> Response:
        return _json(Order, await shop.orders.get(member_id, number))

    @router.post("/orders/{number}/urge")
    async def urge_order(member_id: str, number: str, key: Key) -> Response:
        return _json(UrgeReceipt, await shop.orders.urge(member_id, number, key))

    @router.post("/orders/{number}/cancellation")
    async def cancel_order(member_id: str, number: str, body: Reason, key: Key) -> Response:
        return _json(Order, await shop.orders.cancel(member_id, number, body.reason, key))

    @router.put("/orders/{number}/address")
    async def change_address(member_id: str, number: str, body: Address, key: Key) -> Response:
        return _json(Order, await shop.orders.change_address(member_id, number, body.address, key))

    @router.post("/orders/{number}/invoice")
    async def request_invoice(member_id: str, number: str, body: Title, key: Key) -> Response:
        return _json(InvoiceReceipt, await shop.invoices.request(member_id, number, body.title, key))

    @router.get("/orders/{number}/invoice")
    async def get_invoice(member_id: str, number: str) -> Response:
        return _json(InvoiceProgress, await shop.invoices.progress(member_id, number))

    @router.post("/orders/{number}/invoice/deliveries")
    async def resend_invoice(member_id: str, number: str, body: Email, key: Key) -> Response:
        return _json(InvoiceDelivery, await shop.invoices.resend(member_id, number, body.email, key))

    @router.get("/orders/{number}/shipment")
    async def track_order(member_id: str, number: str) -> Response:
        return _json(Shipment, await shop.logistics.track(member_id, number))

    @router.get("/orders/{number}/return-eligibility")
    async def get_return_eligibility(member_id: str, number: str) -> Response:
        return _json(ReturnEligibility, await shop.returns.eligibility(member_id, number))

    @router.get("/orders/{number}/refund-quote")
    async def get_refund_quote(member_id: str, number: str) -> Response:
        return _json(RefundQuote, await shop.returns.quote(member_id, number))

    @router.post("/orders/{number}/returns")
    async def create_return(member_id: str, number: str, body: Reason, key: Key) -> Response:
        return _json(ReturnRequest, await shop.returns.create(member_id, number, body.reason, key))

    @router.get("/returns")
    async def list_returns(member_id: str, order_number: OrderNumber = None) -> Response:
        return _json(tuple[ReturnRequest, ...], await shop.returns.progress(member_id, order_number))

    return router


def _services(shop: Shop) -> APIRouter:
    """What may follow a delivery besides a return."""
    router = APIRouter()

    @router.get("/orders/{number}/exchange-options")
    async def get_exchange_options(member_id: str, number: str) -> Response:
        return _json(ExchangeOptions, await shop.exchanges.options(member_id, number))

    @router.post("/orders/{number}/exchanges")
    async def create_exchange(member_id: str, number: str, body: Exchange, key: Key) -> Response:
        made = await shop.exchanges.create(member_id, number, body.sku, body.wanted_sku, body.reason, key)
        return _json(ExchangeRequest, made)

    @router.get("/exchanges")
    async def list_exchanges(member_id: str, order_number: OrderNumber = None) -> Response:
        return _json(tuple[ExchangeRequest, ...], await shop.exchanges.progress(member_id, order_number))

    @router.get("/orders/{number}/warranty")
    async def get_warranty(member_id: str, number: str) -> Response:
        return _json(WarrantyCheck, await shop.repairs.warranty(member_id, number))

    @router.post("/orders/{number}/repairs")
    async def create_repair(member_id: str, number: str, body: Repair, key: Key) -> Response:
        return _json(RepairRequest, await shop.repairs.create(member_id, number, body.sku, body.fault, key))

    @router.get("/repairs")
    async def list_repairs(member_id: str, order_number: OrderNumber = None) -> Response:
        return _json(tuple[RepairRequest, ...], await shop.repairs.progress(member_id, order_number))

    @router.get("/orders/{number}/price-protection")
    async def check_price(member_id: str, number: str) -> Response:
        return _json(PriceCheck, await shop.prices.check(member_id, number))

    @router.post("/orders/{number}/price-protection")
    async def claim_price(member_id: str, number: str, key: Key) -> Response:
        return _json(PriceClaim, await shop.prices.claim(member_id, number, key))

    return router


def _json(kind: type[T], value: T) -> Response:
    return Response(encode(kind, value), media_type="application/json")


async def _answer_error(_request: Request, error: Exception) -> Response:
    ours = _ours(error)
    body: dict[str, dict[str, Any]] = {"error": {"code": ours.code, "message": ours.message}}
    if isinstance(ours, NotAllowed) and ours.details:
        body["error"]["details"] = dict(ours.details)
    return Response(encode(dict, body), ours.status, media_type="application/json")


def _ours(error: Exception) -> KefuError:
    if isinstance(error, KefuError):
        return error
    if isinstance(error, HTTPException) and error.status_code == NotFound.status:
        return NotFound("no such path")
    return InvalidInput("the request is not what the contract says")


def main() -> None:
    parser = argparse.ArgumentParser(description="Serve the demo shop over the HTTP contract.")
    parser.add_argument("url", help="database, e.g. sqlite+aiosqlite:///var/demo_shop.db; seeded when empty")
    parser.add_argument("--port", type=int, default=8210)
    given = parser.parse_args()
    token = os.environ.get("KEFU_BACKEND_TOKEN")
    if not token:
        parser.error("set KEFU_BACKEND_TOKEN to the token that callers must show")
    asyncio.run(seed(given.url))
    uvicorn.run(create_app(DemoShop(given.url), token), host="127.0.0.1", port=given.port)


if __name__ == "__main__":
    main()
