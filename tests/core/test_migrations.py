"""A database of an earlier version keeps what it holds."""

from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, event, text

from core.conversation import addressee, identity, inbox, log, outbox, transcript
from core.conversation.message import Inbound
from core.storage.database import MIGRATIONS, Database

BEFORE_CHANNELS = "0002"


def _upgrade_to(conn: Connection, revision: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = conn
    command.upgrade(config, revision)


@pytest.fixture
async def earlier(tmp_path: Path, data_key: str) -> Database:
    """A database as it was before customers were apart from conversations: one customer who said two things."""
    database = Database(f"sqlite:///{tmp_path}/kefu.db", data_key)
    async with database.begin() as conn:
        await conn.run_sync(_upgrade_to, BEFORE_CHANNELS)
        cipher = conn.dialect.kefu_cipher  # type: ignore[attr-defined]
        await conn.execute(
            text("insert into conversations (id, channel, sender, created_at, last_seq) values (:i, :c, :s, :t, 2)"),
            {"i": "c1", "c": "web", "s": "visitor:1", "t": "2026-11-01 00:00:00"},
        )
        for seq, status in ((1, "done"), (2, "accepted")):
            row = {"i": f"m{seq}", "seq": seq, "status": status, "v": f"v{seq}", "t": "2026-11-01 00:00:00"}
            await conn.execute(
                text(
                    "insert into messages (id, conversation_id, seq, direction, author, channel, vendor_id, body,"
                    " status, created_at) values (:i, 'c1', :seq, 'in', 'customer', 'web', :v, :b, :status, :t)"
                ),
                row | {"b": cipher.encrypt(b'{"text": "\xe5\x9c\xa8\xe5\x90\x97"}')},
            )
        await log.do_append(conn, "c1", "turn", {"n": 1}, "m1")
    return database


async def test_conversations_messages_and_log_survive(earlier: Database) -> None:
    await earlier.migrate()
    async with earlier.begin() as conn:
        assert await identity.find(conn, "web", "visitor:1") == "c1"
        said = await transcript.read(conn, "c1")
        assert [(m.text, m.sender, m.status) for m in said] == [
            ("在吗", "visitor:1", "done"),
            ("在吗", "visitor:1", "accepted"),
        ]
        assert len(await log.read(conn, "c1")) == 1
        accepted = await inbox.do_accept(conn, Inbound("web", "v3", "visitor:1", "到哪了"))
        assert (accepted.message.conversation_id, accepted.message.seq) == ("c1", 3)
        assert await inbox.waiting_conversations(conn) == ["c1"]
        assert (await conn.execute(text("pragma foreign_keys"))).scalar_one() == 1
        plan = (
            await conn.execute(text("select sql from sqlite_master where name = 'ix_messages_accepted'"))
        ).scalar_one()
        assert "where" in plan.lower()
    await earlier.close()


async def test_what_waits_is_found_without_reading_what_was_said(tmp_path: Path, data_key: str) -> None:
    database = Database(f"sqlite:///{tmp_path}/kefu.db", data_key)
    await database.migrate()
    statements: list[tuple[str, object]] = []

    def note(_conn: object, _cursor: object, statement: str, parameters: object, *_: object) -> None:
        statements.append((statement, parameters))

    event.listen(database.engine.sync_engine, "before_cursor_execute", note)
    async with database.begin() as conn:
        await inbox.waiting_conversations(conn)
        await outbox.waiting(conn, "wechat", "o1")
        await outbox.do_send_held_back(conn, "wechat", "o1")
        await addressee.due(conn, ["wechat"], 10)
    event.remove(database.engine.sync_engine, "before_cursor_execute", note)
    used = set()
    async with database.connect() as conn:
        for statement, parameters in statements:
            if "messages" in statement:
                plan = await conn.exec_driver_sql(f"explain query plan {statement}", parameters)
                lines = [row[3] for row in plan if "messages" in row[3]]
                assert lines and not any("SCAN messages" in line and "ix_messages_" not in line for line in lines)
                used |= {line.split("INDEX ")[1].split(" ")[0] for line in lines}
    assert used == {"ix_messages_accepted", "ix_messages_queued", "ix_messages_undelivered"}
    await database.close()
