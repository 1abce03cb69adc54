"""Durable commits: on disk before anybody is told, and many with one flush."""

import asyncio
import os
import time
from pathlib import Path

import pytest
from sqlalchemy import text

from core.crypto import new_key
from core.storage import flush
from core.storage.database import Database


@pytest.fixture
async def database(tmp_path: Path) -> Database:
    database = Database(f"sqlite:///{tmp_path}/kefu.db", new_key())
    async with database.begin() as conn:
        await conn.execute(text("create table lines (line text)"))
    return database


@pytest.fixture
def flushed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How long the log was at each flush."""
    sizes: list[int] = []
    fsync = os.fsync

    def noted(handle: int) -> None:
        fsync(handle)
        sizes.append(os.fstat(handle).st_size)

    monkeypatch.setattr(os, "fsync", noted)
    return sizes


async def write(database: Database, line: str, *, durable: bool = True) -> None:
    async with database.begin(durable=durable) as conn:
        await conn.execute(text("insert into lines values (:line)"), {"line": line})


async def test_a_durable_commit_returns_when_the_log_that_holds_it_is_on_disk(
    database: Database, flushed: list[int], tmp_path: Path
) -> None:
    await write(database, "a")
    assert flushed[-1] == (tmp_path / "kefu.db-wal").stat().st_size
    await database.close()


async def test_a_hasty_commit_waits_for_nothing(database: Database, flushed: list[int]) -> None:
    await write(database, "a", durable=False)
    assert flushed == []
    await database.close()


async def test_commits_at_once_share_flushes(
    database: Database, flushed: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    quick = os.fsync

    def slow(handle: int) -> None:
        """So that the others have committed before the first one's flush is done."""
        time.sleep(0.1)
        quick(handle)

    monkeypatch.setattr(os, "fsync", slow)
    await asyncio.gather(*(write(database, str(n)) for n in range(50)))
    assert 1 <= len(flushed) < 25
    async with database.connect() as conn:
        assert (await conn.execute(text("select count(*) from lines"))).scalar_one() == 50
    await database.close()


async def test_the_log_is_moved_into_the_database_now_and_then(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flush, "CHECKPOINT_SECONDS", -1.0)
    before = (tmp_path / "kefu.db").stat().st_size
    await write(database, "x" * 100_000)
    assert (tmp_path / "kefu.db").stat().st_size > before + 90_000
    await database.close()


async def test_a_disk_that_fails_is_no_success(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(_handle: int) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(os, "fsync", fails)
    with pytest.raises(OSError, match="no space"):
        await write(database, "a")
    monkeypatch.undo()
    await write(database, "b")
    await database.close()
