"""One access token for all processes, fetched by one of them at a time."""

import asyncio
import uuid

import pytest

from connectors.access_token import SharedToken
from connectors.protocol import TryAgain
from core.bus import Bus


class Vendor:
    """Gives out tokens and counts them; `seconds` is how long each is good."""

    def __init__(self, seconds: float = 7200) -> None:
        self.given = 0
        self.seconds = seconds

    async def fetch(self) -> tuple[str, float]:
        self.given += 1
        await asyncio.sleep(0.02)
        return f"token {self.given}", self.seconds


@pytest.fixture
def name() -> str:
    return uuid.uuid4().hex


async def test_many_processes_fetch_it_once(bus: Bus, name: str) -> None:
    vendor = Vendor()
    processes = [SharedToken(bus.redis, name, vendor.fetch) for _ in range(10)]
    assert set(await asyncio.gather(*(token.get() for token in processes))) == {"token 1"}
    assert vendor.given == 1


async def test_a_refused_token_is_replaced_once(bus: Bus, name: str) -> None:
    vendor = Vendor()
    processes = [SharedToken(bus.redis, name, vendor.fetch) for _ in range(5)]
    old = await processes[0].get()
    renewed = await asyncio.gather(*(token.renew(old) for token in processes))
    assert set(renewed) == {"token 2"}
    assert await processes[0].get() == "token 2"


async def test_a_vendor_that_refuses_every_token_is_not_asked_again_and_again(bus: Bus, name: str) -> None:
    vendor = Vendor()
    token = SharedToken(bus.redis, name, vendor.fetch)
    again = await token.renew(await token.get())
    with pytest.raises(TryAgain) as refused:
        await token.renew(again)
    assert refused.value.after
    assert vendor.given == 2


async def test_it_is_fetched_before_it_runs_out(bus: Bus, name: str) -> None:
    token = SharedToken(bus.redis, name, Vendor(seconds=300).fetch)
    assert await token.get() == "token 1"
    await asyncio.sleep(1.05)
    assert await token.get() == "token 2"


async def test_without_redis_it_is_worth_another_try(name: str) -> None:
    bus = Bus("redis://127.0.0.1:1")
    with pytest.raises(TryAgain):
        await SharedToken(bus.redis, name, Vendor().fetch).get()
    await bus.redis.aclose()
