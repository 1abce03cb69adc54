"""Every test of the desk runs on both databases and a real Redis-protocol server."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
from httpx import ASGITransport, AsyncClient

from core.bus import Bus
from core.storage.database import Database
from handoff.presence import Presence
from tests.handoff.world import FakeFacts, World, make_app, sign_in


@pytest.fixture
async def world(database: Database, bus: Bus) -> AsyncIterator[World]:
    await bus.redis.flushdb()
    presence, facts = Presence(bus.redis), FakeFacts()
    app = make_app(database, bus, presence, facts)
    async with AsyncExitStack() as stack:

        def client() -> AsyncClient:
            made = AsyncClient(transport=ASGITransport(app), base_url="http://desk.test", headers={"X-Kefu-Desk": "1"})
            stack.push_async_callback(made.aclose)
            return made

        yield World(database, bus, presence, facts, app, client)


@pytest.fixture
async def desk(world: World) -> AsyncClient:
    """A client signed in as the agent 小王."""
    await world.add_agent("xiaowang", name="小王")
    return await sign_in(world, "xiaowang")
