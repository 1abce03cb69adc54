"""The suite runs on each channel: a harness in a world of real stores. A new channel adds a line to `HARNESSES`."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, suppress
from pathlib import Path

import pytest

from connectors.intake import Intake
from connectors.limits import Limits
from connectors.media import MediaStore
from core.bus import Bus
from core.storage.database import Database
from tests.contracts.connectors import app, web, webhook, wechat, wecom
from tests.contracts.connectors.harness import Harness
from tests.contracts.connectors.world import World

HARNESSES: dict[str, Callable[[World], AbstractAsyncContextManager[Harness]]] = {
    **wechat.HARNESSES,
    **wecom.HARNESSES,
    **webhook.HARNESSES,
    **app.HARNESSES,
    **web.HARNESSES,
}


@pytest.fixture
async def world(tmp_path: Path, data_key: str, bus: Bus, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    database = Database(f"sqlite:///{tmp_path}/kefu.db", data_key)
    await database.migrate()
    await bus.redis.flushdb()
    limits = Limits(bus.redis, messages=0, requests=0)
    world = World(database, bus, Intake(database, bus), MediaStore(database, "secret"), limits)
    monkeypatch.setattr("connectors.delivery.time", world)
    running = asyncio.create_task(world.run())
    yield world
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running
    await database.close()


@pytest.fixture(params=sorted(HARNESSES))
async def harness(request: pytest.FixtureRequest, world: World) -> AsyncIterator[Harness]:
    async with HARNESSES[request.param](world) as harness:
        yield harness
