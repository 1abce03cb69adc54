"""The demo server is what the contract says, and says so itself."""

from collections.abc import AsyncIterator

import httpx
import pytest
from openapi_spec_validator import validate

from actions.backends.demo_shop.shop import DemoShop
from actions.backends.orders import OrderStatus
from tests.contracts.backends.contract import SPEC
from tests.contracts.backends.shops import NOON, TOKEN, Drawn, serve

JSON_ERROR = {"error": {"code": "not_found", "message": "no such order of this member"}}


@pytest.fixture
async def client(sqlite_shop_url: str) -> AsyncIterator[httpx.AsyncClient]:
    async with (
        serve(DemoShop(sqlite_shop_url, clock=lambda: NOON)) as base_url,
        httpx.AsyncClient(base_url=base_url, headers={"Authorization": f"Bearer {TOKEN}"}) as client,
    ):
        yield client


def test_the_contract_is_valid_openapi() -> None:
    validate(SPEC)


async def test_the_server_shows_the_contract(client: httpx.AsyncClient) -> None:
    assert (await client.get("/openapi.json")).json() == SPEC


async def test_every_path_of_the_contract_is_served(client: httpx.AsyncClient, drawn: Drawn) -> None:
    member_id, number = drawn.order(OrderStatus.PAID)
    for path, item in SPEC["paths"].items():
        for method in item.keys() - {"parameters"}:
            response = await client.request(method, path.format(member_id=member_id, number=number))
            assert response.status_code in (200, 409, 422), (
                method,
                path,
            )  # neither 404 nor 405: nothing was sent along


async def test_a_foreign_order_and_a_missing_one_are_the_same_bytes(client: httpx.AsyncClient, drawn: Drawn) -> None:
    stranger, foreign = drawn.order(OrderStatus.PAID).stranger
    answers = [await client.get(f"/members/{stranger}/orders/{number}") for number in (foreign, "KF209901010000")]
    assert [answer.status_code for answer in answers] == [404, 404]
    assert answers[0].content == answers[1].content
    assert answers[0].json() == JSON_ERROR
    assert set(answers[0].headers) == set(answers[1].headers)


@pytest.mark.parametrize("header", [{}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic abc"}])
async def test_no_token_no_answer(client: httpx.AsyncClient, header: dict[str, str]) -> None:
    client.headers.pop("Authorization")
    response = await client.get("/members/M0001", headers=header)
    assert response.status_code == 401 and response.json()["error"]["code"] == "unauthorized"


async def test_an_effect_needs_its_key(client: httpx.AsyncClient) -> None:
    response = await client.post("/members/M0001/points/redemptions", json={"points": 100})
    assert response.status_code == 422 and response.json()["error"]["code"] == "invalid_input"
