"""`./kefu links undo`: what it changes, and whom it tells."""

import asyncio
from pathlib import Path

import pytest

from bot.commands import links
from core.bus import Bus
from core.conversation import identity
from core.conversation.identity import Link
from core.conversation.message import Proof
from core.storage.database import Database

MEMBER = Proof("member", "m1")
SECONDS = 10


@pytest.fixture
async def database(tmp_path: Path, data_key: str, redis_url: str, monkeypatch: pytest.MonkeyPatch) -> Database:
    """The one that the command finds in its settings."""
    url = f"sqlite:///{tmp_path}/kefu.db"
    for name, value in (
        ("VAR_DIR", str(tmp_path)),
        ("DATABASE_URL", url),
        ("DATA_KEY", data_key),
        ("REDIS_URL", redis_url),
    ):
        monkeypatch.setenv(f"KEFU_{name}", value)
    database = Database(url, data_key)
    await database.migrate()
    return database


async def linked(database: Database) -> Link:
    async with database.begin() as conn:
        there = await identity.do_open(conn, "app", "m1", shown=(MEMBER,))
        await identity.do_open(conn, "wechat", "openid", shown=(MEMBER,))
        [link] = await identity.links_of(conn, there)
    await database.close()
    return link


async def wechat_leads_to(database: Database) -> str | None:
    async with database.connect() as conn:
        found = await identity.find(conn, "wechat", "openid")
    await database.close()
    return found


async def test_pages_hear_that_a_link_is_undone(database: Database, bus: Bus) -> None:
    link = await linked(database)
    async with bus.subscribe(f"conversation.{link.to_conversation}", "desk") as events:
        await asyncio.to_thread(links.undo, link.id)
        async with asyncio.timeout(SECONDS):
            heard = [await anext(events) for _ in range(2)]
    assert heard == [
        (f"conversation.{link.to_conversation}", {"kind": "moved"}),
        ("desk", {"conversation_id": link.to_conversation}),
    ]
    assert await wechat_leads_to(database) == link.from_conversation


async def test_without_redis_it_says_so_and_the_link_is_undone_all_the_same(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    link = await linked(database)
    monkeypatch.setenv("KEFU_REDIS_URL", f"unix://{tmp_path}/nobody.sock")
    await asyncio.to_thread(links.undo, link.id)
    assert "no Redis" in capsys.readouterr().out.replace("\n", " ")
    assert await wechat_leads_to(database) == link.from_conversation
