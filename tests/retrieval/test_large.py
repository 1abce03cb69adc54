"""Bases so large that changes stand in a segment beside, with vectors that take no time to make."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from zlib import crc32

import numpy as np
import pytest
from sqlalchemy import insert

from core.bus import Bus
from core.storage.database import Database
from core.storage.tables import knowledge_entries
from retrieval import knowledge
from retrieval.encoder.protocol import Vectors
from retrieval.knowledge import ALWAYS, Draft, Entry
from retrieval.search import KnowledgeSearch

ENTRIES = 3_100
THINGS = "退换货运费发票积分券尺码颜色保修快递地址订单会员生日"


class Characters:
    """A text's vector: its characters, each in a place of its own."""

    name, dimension = "characters", 256

    def __init__(self) -> None:
        self.encoded = 0

    def encode(self, texts: Sequence[str]) -> Vectors:
        self.encoded += len(texts)
        vectors = np.full((len(texts), self.dimension), 0.01, np.float32)
        for row, text in enumerate(texts):
            for character in text:
                vectors[row, crc32(character.encode()) % self.dimension] += 1
        unit: Vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        return unit


@pytest.fixture
async def database(tmp_path: Path, data_key: str) -> AsyncIterator[Database]:
    database = Database(f"sqlite:///{tmp_path}/kefu.db", data_key)
    await database.migrate()
    rng = np.random.default_rng(5)
    entries = []
    for number in range(ENTRIES):
        question = "".join(rng.choice(list(THINGS), 6)) + f"第{number}条"
        entry = Entry(
            id=f"kb-{number:05d}", question=question, answer=question, category="大", owner="组", updated_at=ALWAYS
        )
        entries.append(knowledge.row_of(entry))
    async with database.begin() as conn:
        await conn.execute(insert(knowledge_entries), entries)
    yield database
    await database.close()


async def test_changes_stand_beside_and_nothing_else_is_encoded(database: Database, bus: Bus, tmp_path: Path) -> None:
    encoder = Characters()
    search = await KnowledgeSearch.open(database, encoder, tmp_path / "index", bus=bus, asked=tmp_path / "none.jsonl")
    before, encoder.encoded = search.find("仓库猫咪叫什么名字").candidates, 0

    draft = Draft(question="仓库猫咪叫什么名字", answer="叫小满。", category="其他", owner="客服组")
    created = await knowledge.do_create(database, bus, draft)
    assert created.id not in {candidate.entry_id for candidate in before}
    await _until(lambda: search.find(draft.question).candidates[0].entry_id == created.id)

    changed = (await knowledge.read(database, "kb-00042")).draft().model_copy(update={"question": "鹦鹉会说话吗"})
    await knowledge.do_update(database, bus, "kb-00042", changed)
    await _until(lambda: search.find("鹦鹉会说话吗").candidates[0].entry_id == "kb-00042")

    await knowledge.do_retire(database, bus, created.id)
    await _until(lambda: created.id not in {one.entry_id for one in search.find(draft.question).candidates})
    assert search.find("鹦鹉会说话吗").candidates[0].entry_id == "kb-00042"
    assert encoder.encoded < ENTRIES
    await search.close()


async def _until(holds: object, seconds: float = 2.0) -> None:
    assert callable(holds)
    async with asyncio.timeout(seconds):
        while not holds():
            await asyncio.sleep(0.02)
