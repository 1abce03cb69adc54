"""What stands before every route: bounded bodies, bounded rates, tight headers."""

from collections.abc import AsyncIterator, Iterator
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from fastapi import FastAPI, Request
from redis.asyncio import Redis

from bot import edges, guards
from connectors.limits import Limits
from core.bus import Bus
from core.conversation.message import new_id

KB = 1024
STRANGER = ("203.0.113.9", 5000)


def app_with(**settings: Any) -> FastAPI:
    app = FastAPI()
    edges.install(app)
    values = {"body_max_bytes": KB, "media_max_bytes": 4 * KB, "cors_origins": (), "public_url": None} | settings
    guards.install(app, SimpleNamespace(**values))  # type: ignore[arg-type]

    @app.post("/size")
    @app.post("/api/web/media")
    @app.post("/channels/app/media")
    async def size(request: Request) -> int:
        return len(await request.body())

    @app.post("/fields")
    async def fields(body: dict[str, str]) -> int:
        return len(body)

    @app.get("/page")
    async def page() -> str:
        return "here"

    return app


def client(app: FastAPI, address: tuple[str, int] = STRANGER) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app, client=address), base_url="http://kefu")


async def chunks(size: int) -> AsyncIterator[bytes]:
    for _ in range(size // 256):
        yield b"x" * 256


def refused(response: httpx.Response) -> bool:
    return response.status_code == 413 and response.json()["error"]["code"] == "too_large"


async def test_a_body_up_to_the_limit_comes_through() -> None:
    async with client(app_with()) as http:
        assert (await http.post("/size", content=b"x" * KB)).json() == KB
        assert (await http.post("/size", content=chunks(KB))).json() == KB
        for path in ("/api/web/media", "/channels/app/media"):
            assert (await http.post(path, content=b"x" * 4 * KB)).json() == 4 * KB


@pytest.mark.parametrize("path", ["/size", "/fields"])
async def test_a_larger_one_is_refused_whether_or_not_it_says_its_size(path: str) -> None:
    async with client(app_with()) as http:
        assert refused(await http.post(path, content=b"x" * (KB + 1)))
        assert refused(await http.post(path, content=chunks(2 * KB)))
        for said in ("many", "-1", "9" * 5000):
            assert refused(await http.post(path, content=b"x", headers={"Content-Length": said}))
        assert refused(await http.post("/api/web/media", content=chunks(8 * KB)))


async def test_every_answer_has_the_headers() -> None:
    async with client(app_with(public_url="https://kefu.example")) as http:
        too_big = await http.post("/size", content=b"x" * 2 * KB)
        for response in (await http.get("/page"), await http.get("/nowhere"), too_big):
            assert "frame-ancestors 'none'" in response.headers["content-security-policy"]
            assert response.headers["x-content-type-options"] == "nosniff"
            assert response.headers["strict-transport-security"]


async def test_only_scripts_of_named_sites_may_read_and_never_with_cookies() -> None:
    app = app_with(cors_origins=("https://shop.example",))
    asks = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
    async with client(app) as http:
        ours = await http.options("/size", headers={"Origin": "https://shop.example", **asks})
        assert ours.headers["access-control-allow-origin"] == "https://shop.example"
        assert "access-control-allow-credentials" not in ours.headers
        other = await http.options("/size", headers={"Origin": "https://evil.example", **asks})
        assert "access-control-allow-origin" not in other.headers
        wish = {"Origin": "https://shop.example", **asks, "Access-Control-Request-Method": "DELETE"}
        assert (await http.options("/size", headers=wish)).status_code == 400


@pytest.fixture
async def limited(bus: Bus) -> FastAPI:
    app = app_with()
    app.state.limits = Limits(bus.redis, messages=2, requests=3)
    await bus.redis.flushdb()
    return app


async def test_an_address_that_asks_too_often_is_told_so_politely(limited: FastAPI) -> None:
    async with client(limited) as http:
        assert [(await http.get("/page")).status_code for _ in range(3)] == [200] * 3
        refusal = await http.get("/page")
        assert refusal.status_code == 429
        assert "稍" in refusal.json()["error"]["message"]
        assert (await http.get("/health")).status_code == 200
    async with client(limited, ("203.0.113.10", 5000)) as http:
        assert (await http.get("/page")).status_code == 200


async def test_one_ipv6_network_counts_as_one_address(limited: FastAPI) -> None:
    said = []
    for last in range(4):
        async with client(limited, (f"2001:db8::{last}", 5000)) as http:
            said.append((await http.get("/page")).status_code)
    assert said == [200, 200, 200, 429]


async def test_this_machine_is_not_counted(limited: FastAPI) -> None:
    async with client(limited, ("127.0.0.1", 5000)) as http:
        assert {(await http.get("/page")).status_code for _ in range(10)} == {200}


async def test_a_customer_who_writes_too_fast_is_told_once(bus: Bus) -> None:
    limits = Limits(bus.redis, messages=2)
    sender = new_id()
    assert [await limits.allow("wechat", sender) for _ in range(4)] == [True, True, False, False]
    assert [await limits.may_notify("wechat", sender) for _ in range(3)] == [True, False, False]
    assert await limits.allow("wechat", new_id())
    assert await limits.allow("wecom", sender)


async def test_processes_count_together_and_zero_switches_off(bus: Bus) -> None:
    sender = new_id()
    one, other, free = Limits(bus.redis, messages=1), Limits(bus.redis, messages=1), Limits(bus.redis, messages=0)
    assert await one.allow("web", sender)
    assert not await other.allow("web", sender)
    assert await free.allow("web", sender)


@pytest.fixture
def nobody_there() -> Iterator[Redis]:
    yield Redis.from_url("unix:///nowhere/redis.sock")


async def test_without_redis_customers_are_not_turned_away(nobody_there: Redis) -> None:
    limits = Limits(nobody_there, messages=1)
    assert [await limits.allow("web", "x") for _ in range(3)] == [True] * 3
