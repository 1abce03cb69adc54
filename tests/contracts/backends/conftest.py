"""The contract suite runs on each adapter: the demo shop on SQLite and PostgreSQL, and HTTP to the demo server.

Every HTTP exchange of the suite is held against `openapi.yaml`.
"""

import asyncio
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from actions.backends.demo_shop.drawing import draw
from actions.backends.demo_shop.seed import seed
from actions.backends.demo_shop.shop import DemoShop
from actions.backends.http.shop import HttpShop
from actions.backends.protocols import Shop
from tests.contracts.backends.contract import ContractTransport
from tests.contracts.backends.shops import ANCHOR, NOON, TOKEN, Drawn, restore_copy, seed_with_copy, serve


@pytest.fixture(scope="session")
def drawn() -> Drawn:
    return Drawn(draw(ANCHOR))


@pytest.fixture(scope="session")
def seeded_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("shop") / "seeded.db"
    asyncio.run(seed(f"sqlite:///{file}", ANCHOR))
    return file


@pytest.fixture(scope="session")
def seeded_postgres(postgres_url: str) -> str:
    """One database for the session, with the seed kept in a schema beside: a database for each test takes minutes."""
    return asyncio.run(seed_with_copy(postgres_url))


@pytest.fixture
def sqlite_shop_url(seeded_file: Path, tmp_path: Path) -> str:
    return f"sqlite:///{shutil.copy(seeded_file, tmp_path / 'shop.db')}"


@pytest.fixture(params=["demo-sqlite", "demo-postgresql", "http"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def shop_url(request: pytest.FixtureRequest, kind: str) -> str:
    """A freshly seeded database."""
    if kind != "demo-postgresql":
        return str(request.getfixturevalue("sqlite_shop_url"))
    url = str(request.getfixturevalue("seeded_postgres"))
    asyncio.run(restore_copy(url))
    return url


@pytest.fixture
async def shop(kind: str, shop_url: str) -> AsyncIterator[Shop]:
    """The shop at noon of its anchor day."""
    demo = DemoShop(shop_url, clock=lambda: NOON)
    if kind != "http":
        yield demo
        await demo.close()
        return
    async with serve(demo) as base_url:  # closes the demo shop
        shop = HttpShop(base_url, TOKEN, transport=ContractTransport())
        yield shop
        await shop.close()
