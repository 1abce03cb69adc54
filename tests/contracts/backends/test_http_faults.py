"""A shop's system that is slow, broken, gone or talks nonsense: Unavailable in time, never an invented answer."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import httpx
import pytest

from actions.backends.demo_shop.shop import DemoShop
from actions.backends.http.breaker import Breaker, State
from actions.backends.http.shop import HttpShop
from actions.backends.orders import OrderStatus
from actions.backends.refusals import KeyReused, NotAllowed
from core.errors import InvalidInput, NotFound, Unavailable
from tests.contracts.backends.shops import NOON, TOKEN, Drawn, serve

MEMBER = (
    b'{"id":"M0001","name":"x","level":"y","vip":false,"growth":1,"joined_at":"2026-01-01T00:00:00+08:00","more":1}'
)
Script = Callable[[int], "bytes | float"]


class Scripted:
    """A raw HTTP server that answers its n-th request with bytes, or keeps silent for so many seconds."""

    def __init__(self, script: Script) -> None:
        self._script = script
        self.requests: list[bytes] = []

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.requests.append(await reader.readuntil(b"\r\n\r\n"))
        answer = self._script(len(self.requests))
        if isinstance(answer, bytes):
            writer.write(answer)
            await writer.drain()
        else:
            await asyncio.sleep(answer)


Connection = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def listening(connection: Connection) -> AsyncIterator[str]:
    """A server that ends with its connections; gives its base URL."""
    tasks: list[asyncio.Task[None]] = []

    async def serve_one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.append(task)
        with suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            await connection(reader, writer)
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()

    server = await asyncio.start_server(serve_one, "127.0.0.1", 0)
    yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    server.close()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await server.wait_closed()


@asynccontextmanager
async def scripted(script: Script, **options: Any) -> AsyncIterator[tuple[HttpShop, Scripted]]:
    backend = Scripted(script)
    async with listening(backend.answer) as base_url:
        shop = HttpShop(base_url, TOKEN, **options)
        yield shop, backend
        await shop.close()


def http_answer(status: int, body: bytes, *headers: bytes) -> bytes:
    lines = [b"HTTP/1.1 %d X" % status, b"Content-Type: application/json", b"Content-Length: %d" % len(body), *headers]
    return b"\r\n".join([*lines, b"Connection: close", b"", body])


async def test_a_slow_backend_is_given_up_in_time() -> None:
    async with scripted(lambda _: 10.0) as (shop, backend):
        started = time.perf_counter()
        with pytest.raises(Unavailable):
            await shop.members.get("M0001")
        assert 2.0 < time.perf_counter() - started < 3.0
        assert len(backend.requests) == 1


async def test_a_dripping_backend_is_given_up_in_time() -> None:
    async def drip(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        while True:  # always something, never enough: no read ever times out
            writer.write(b"{")
            await writer.drain()
            await asyncio.sleep(0.05)

    async with listening(drip) as base_url:
        shop = HttpShop(base_url, TOKEN, budget=0.5)
        started = time.perf_counter()
        with pytest.raises(Unavailable):
            await shop.members.get("M0001")
        assert time.perf_counter() - started < 1.0
        await shop.close()


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
async def test_a_passing_failure_is_tried_three_times(status: int) -> None:
    async with scripted(lambda _: http_answer(status, b"{}")) as (shop, backend):
        started = time.perf_counter()
        with pytest.raises(Unavailable):
            await shop.members.get("M0001")
        assert len(backend.requests) == 3
        assert time.perf_counter() - started < 3.0


@pytest.mark.parametrize("status", [301, 401, 403, 405, 418, 501])
async def test_other_statuses_are_unavailable_at_once(status: int) -> None:
    async with scripted(lambda _: http_answer(status, b"{}")) as (shop, backend):
        with pytest.raises(Unavailable):
            await shop.members.get("M0001")
        assert len(backend.requests) == 1


@pytest.mark.parametrize(
    "body",
    [
        b"<html>maintenance</html>",
        b"",
        b"null",
        b"[]",
        b'{"id": "M0001"}',
        MEMBER.replace(b"+08:00", b""),  # a moment without its zone
        MEMBER[:40],
        b"\xff\xfe",
    ],
)
async def test_nonsense_is_unavailable(body: bytes) -> None:
    async with scripted(lambda _: http_answer(200, body)) as (shop, _):
        with pytest.raises(Unavailable, match="contract"):
            await shop.members.get("M0001")


async def test_nonsense_is_not_repeated_in_the_error() -> None:
    async with scripted(lambda _: http_answer(200, MEMBER.replace(b'"vip":false', b'"vip":"13912345678"'))) as (
        shop,
        _,
    ):
        with pytest.raises(Unavailable) as caught:
            await shop.members.get("M0001")
    assert "vip" in str(caught.value) and "13912345678" not in str(caught.value)


async def test_a_compression_that_is_none_is_unavailable() -> None:
    async with scripted(lambda _: http_answer(200, MEMBER, b"Content-Encoding: gzip")) as (shop, _):
        with pytest.raises(Unavailable):
            await shop.members.get("M0001")


async def test_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    shop = HttpShop(f"http://127.0.0.1:{port}", TOKEN)
    started = time.perf_counter()
    with pytest.raises(Unavailable):
        await shop.orders.urge("M0001", "KF202601010001", "k")
    assert time.perf_counter() - started < 3.0
    await shop.close()


async def test_a_failure_that_passes_is_not_noticed() -> None:
    def script(n: int) -> bytes:
        return http_answer(503, b"") if n < 3 else http_answer(200, MEMBER)

    async with scripted(script) as (shop, _):
        assert (await shop.members.get("M0001")).name == "x"


async def test_repeats_carry_the_same_key() -> None:
    async with scripted(lambda _: http_answer(500, b"")) as (shop, backend):
        with pytest.raises(Unavailable):
            await shop.orders.urge("M0001", "KF202601010001", "m1:urge")
        assert all(b"idempotency-key: m1:urge" in request.lower() for request in backend.requests)
        assert len(backend.requests) == 3


async def test_an_effect_whose_answer_was_lost_takes_place_once(sqlite_shop_url: str, drawn: Drawn) -> None:
    class LosesFirstAnswer(httpx.AsyncHTTPTransport):
        lost = 0

        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            response = await super().handle_async_request(request)
            if request.method == "GET" or self.lost:
                return response
            await response.aread()
            self.lost += 1
            raise httpx.ReadError("the line went dead")

    transport = LosesFirstAnswer()
    async with serve(DemoShop(sqlite_shop_url, clock=lambda: NOON)) as base_url:
        shop = HttpShop(base_url, TOKEN, transport=transport)
        done = await shop.members.redeem("M0002", 1000, "k")
        assert transport.lost == 1
        assert done.balance == (await shop.members.points("M0002")).balance == 11680
        await shop.close()


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (404, b"anything", NotFound),
        (400, b"", InvalidInput),
        (422, b"{}", InvalidInput),
        (409, b'{"error": {"code": "idempotency_key_reused", "message": ""}}', KeyReused),
        (409, b'{"error": {"code": "", "message": ""}}', Unavailable),
        (409, b"conflict", Unavailable),
    ],
)
async def test_errors_are_translated(status: int, body: bytes, expected: type[Exception]) -> None:
    async with scripted(lambda _: http_answer(status, body)) as (shop, _):
        with pytest.raises(expected) as caught:
            await shop.orders.cancel("M0001", "KF202601010001", "不想要了", "k")
    assert type(caught.value) is expected


async def test_a_shops_own_refusal_code_comes_through() -> None:
    body = b'{"error": {"code": "gift_card", "message": "paid by gift card", "details": {"card": "A"}}}'
    async with scripted(lambda _: http_answer(409, body)) as (shop, _):
        with pytest.raises(NotAllowed) as caught:
            await shop.orders.cancel("M0001", "KF202601010001", "不想要了", "k")
    assert (caught.value.code, caught.value.details) == ("gift_card", {"card": "A"})


async def test_a_cookie_of_one_member_does_not_travel_with_another() -> None:
    answer = http_answer(200, MEMBER, b"Set-Cookie: session=M0001; Path=/")
    async with scripted(lambda _: answer) as (shop, backend):
        await shop.members.get("M0001")
        await shop.members.get("M0002")
    assert len(backend.requests) == 2 and b"cookie:" not in backend.requests[1].lower()


async def test_the_breaker_opens_and_closes_again() -> None:
    now = [0.0]
    broken = [True]
    breaker = Breaker(failures=3, cooldown=10.0, clock=lambda: now[0])

    def script(_: int) -> bytes:
        return http_answer(501, b"") if broken[0] else http_answer(200, MEMBER)

    async with scripted(script, breaker=breaker) as (shop, backend):
        for _ in range(3):
            with pytest.raises(Unavailable):
                await shop.members.get("M0001")
        assert breaker.state is State.OPEN
        started = time.perf_counter()
        with pytest.raises(Unavailable, match="left alone"):
            await shop.members.get("M0001")
        assert time.perf_counter() - started < 0.1 and len(backend.requests) == 3

        now[0] = 10.0  # a trial that fails opens it for another while
        with pytest.raises(Unavailable):
            await shop.members.get("M0001")
        assert len(backend.requests) == 4 and breaker.state is State.OPEN

        now[0], broken[0] = 20.0, False
        assert breaker.state is State.HALF_OPEN
        assert (await shop.members.get("M0001")).id == "M0001"
        assert breaker.state is State.CLOSED


async def test_refusals_and_missing_orders_do_not_open_the_breaker(sqlite_shop_url: str, drawn: Drawn) -> None:
    breaker = Breaker(failures=2)
    async with serve(DemoShop(sqlite_shop_url, clock=lambda: NOON)) as base_url:
        shop = HttpShop(base_url, TOKEN, breaker=breaker)
        for n in range(4):
            with pytest.raises(NotFound):
                await shop.orders.get("M0001", "KF209901010000")
            with pytest.raises(NotAllowed):
                await shop.orders.cancel(*drawn.order(OrderStatus.SHIPPED), "不想要了", f"k{n}")
        assert breaker.state is State.CLOSED
        await shop.close()
