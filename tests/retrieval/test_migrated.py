"""A database from before entries had goods and noted phrasings, brought to the newest tables."""

import sqlite3
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config

from core.bus import Bus
from core.errors import Conflict
from core.storage.database import MIGRATIONS, Database
from retrieval import knowledge
from retrieval.encoder.embedded import EmbeddedEncoder
from retrieval.knowledge import Draft
from retrieval.search import KnowledgeSearch

OLD = "0001"
ROWS = [
    ("kb-invoice", "怎么开发票", '["能开专票吗"]', "下单时选开票。", "active"),
    ("kb-gone", "双十一什么时候", "[]", "十一月。", "retired"),
]


@pytest.fixture
async def database(tmp_path: Path, data_key: str) -> Database:
    path = tmp_path / "kefu.db"
    database = Database(f"sqlite:///{path}", data_key)
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    async with database.begin() as conn:
        await conn.run_sync(lambda sync: _upgrade(config, sync))
    with sqlite3.connect(path) as plain:
        plain.executemany(
            "INSERT INTO knowledge_entries (id, question, similar, answer, status, category, owner, valid_from,"
            " updated_at) VALUES (?, ?, ?, ?, ?, '发票', '财务组', '2026-01-01 00:00:00', '2026-01-01 00:00:00')",
            ROWS,
        )
    plain.close()
    await database.migrate()
    return database


def _upgrade(config: Config, connection: object) -> None:
    config.attributes["connection"] = connection
    command.upgrade(config, OLD)


async def test_entries_stay_and_are_about_the_shop(database: Database) -> None:
    entries = await knowledge.list_entries(database, status=None)
    assert {entry.id: (entry.question, entry.about) for entry in entries} == {
        "kb-invoice": ("怎么开发票", ()),
        "kb-gone": ("双十一什么时候", ()),
    }
    await database.close()


async def test_opening_the_search_notes_whose_phrasings_are(
    database: Database, bus: Bus, encoder: EmbeddedEncoder, tmp_path: Path
) -> None:
    search = await KnowledgeSearch.open(database, encoder, tmp_path / "index", asked=tmp_path / "none.jsonl")
    draft = Draft(question="能开专票吗", answer="能。", category="发票", owner="财务组")
    with pytest.raises(Conflict, match="kb-invoice"):
        await knowledge.do_create(database, bus, draft)
    retired = draft.model_copy(update={"question": "双十一什么时候"})
    assert (await knowledge.do_create(database, bus, retired)).question == "双十一什么时候"
    await search.close()
    await database.close()
