"""Bases so large that they stand on disk and changes beside, with vectors that take no time to make."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from zlib import crc32

import numpy as np
import pytest
from sqlalchemy import insert, update

from core.bus import Bus
from core.storage.database import Database
from core.storage.tables import knowledge_entries
from retrieval import knowledge
from retrieval.encoder.protocol import EncoderError, Vectors
from retrieval.index import LARGE
from retrieval.knowledge import ALWAYS, Draft, Entry
from retrieval.search import KnowledgeSearch

ENTRIES = 12_000
THINGS = "退换货运费发票积分券尺码颜色保修快递地址订单会员生日"
CAT = Draft(question="仓库猫咪叫什么名字", answer="叫小满。", category="其他", owner="客服组")


class Characters:
    """A text's vector: its characters, each in a place of its own. Fails after `most` texts."""

    name, dimension = "characters", 64

    def __init__(self, most: int | None = None) -> None:
        self.encoded, self._most = 0, most

    def encode(self, texts: Sequence[str]) -> Vectors:
        self.encoded += len(texts)
        if self._most is not None and self.encoded > self._most:
            raise EncoderError("killed")
        vectors = np.full((len(texts), self.dimension), 0.01, np.float32)
        for row, text in enumerate(texts):
            for character in text:
                vectors[row, crc32(character.encode()) % self.dimension] += 1
        unit: Vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        return unit


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory, data_key: str) -> Path:
    """A folder with a database and its index."""
    folder = tmp_path_factory.mktemp("large")
    asyncio.run(_build(folder, data_key))
    return folder


async def _build(folder: Path, data_key: str) -> None:
    database = Database(f"sqlite:///{folder}/kefu.db", data_key)
    await database.migrate()
    rng = np.random.default_rng(5)
    rows = []
    for number in range(ENTRIES):
        question = "".join(rng.choice(list(THINGS), 6)) + f"第{number}条"
        entry = Entry.model_construct(
            id=f"kb-{number:05d}", question=question, answer=question, category="大", owner="组", updated_at=ALWAYS
        )
        rows.append(knowledge.row_of(entry))
    async with database.begin() as conn:
        await conn.execute(insert(knowledge_entries), rows)
    search = await KnowledgeSearch.open(database, Characters(), folder / "index", asked=folder / "none.jsonl")
    await search.close()
    await database.close()


@pytest.fixture
async def folder(built: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(built, tmp_path / "large"))


@pytest.fixture
async def database(folder: Path, data_key: str) -> AsyncIterator[Database]:
    database = Database(f"sqlite:///{folder}/kefu.db", data_key)
    yield database
    await database.close()


async def opened(folder: Path, database: Database, encoder: Characters, bus: Bus | None = None) -> KnowledgeSearch:
    return await KnowledgeSearch.open(database, encoder, folder / "index", bus=bus, asked=folder / "none.jsonl")


def first(search: KnowledgeSearch, question: str) -> str:
    return search.find(question).candidates[0].entry_id


async def test_changes_stand_beside_and_nothing_else_is_encoded(folder: Path, database: Database, bus: Bus) -> None:
    encoder = Characters()
    search = await opened(folder, database, encoder, bus)
    created = await knowledge.do_create(database, bus, CAT)
    await _until(lambda: first(search, CAT.question) == created.id)

    changed = (await knowledge.read(database, "kb-00042")).draft().model_copy(update={"question": "鹦鹉会说话吗"})
    await knowledge.do_update(database, bus, "kb-00042", changed)
    await _until(lambda: first(search, "鹦鹉会说话吗") == "kb-00042")

    await knowledge.do_retire(database, bus, created.id)
    await _until(lambda: created.id not in {one.entry_id for one in search.find(CAT.question).candidates})
    assert first(search, "鹦鹉会说话吗") == "kb-00042"
    assert encoder.encoded < 100
    await search.close()


async def test_a_restart_opens_what_was_built_with_what_changed_since(
    folder: Path, database: Database, bus: Bus
) -> None:
    question = (await knowledge.read(database, "kb-00007")).question
    created = await knowledge.do_create(database, bus, CAT)
    encoder = Characters()
    search = await opened(folder, database, encoder)
    assert encoder.encoded == 2  # question and body
    assert first(search, CAT.question) == created.id
    assert first(search, question) == "kb-00007"


async def test_another_database_is_not_served_from_the_old_index(folder: Path, database: Database) -> None:
    """As after a backup was put back: what differs is older than the index."""
    entry = knowledge_entries.c
    async with database.begin() as conn:
        restored = update(knowledge_entries).where(entry.id == "kb-00042")
        await conn.execute(restored.values(question="鹦鹉会说话吗", answer="会。", version=3))
    search = await opened(folder, database, Characters())
    assert first(search, "鹦鹉会说话吗") == "kb-00042"


async def test_a_build_that_was_killed_goes_on_where_it_was(folder: Path, database: Database) -> None:
    shutil.rmtree(folder / "index")
    with pytest.raises(EncoderError):
        await opened(folder, database, Characters(most=8_000))
    encoder = Characters()
    search = await opened(folder, database, encoder)
    assert encoder.encoded <= ENTRIES - 8_000 + 500
    assert search.index.there == (ENTRIES, ENTRIES)


async def test_when_much_has_changed_all_is_built_into_one_again(folder: Path, database: Database) -> None:
    some = [f"kb-{number:05d}" for number in range(LARGE + 1)]
    async with database.begin() as conn:
        for start in range(0, len(some), 500):
            these = update(knowledge_entries).where(knowledge_entries.c.id.in_(some[start : start + 500]))
            await conn.execute(these.values(answer="改过了。", version=2, updated_at=datetime.now(UTC)))
    encoder = Characters()
    search = await opened(folder, database, encoder)
    assert encoder.encoded == len(some)  # their new bodies
    assert len(search.index.segments) == 1
    assert len(list((folder / "index").glob("large-*/built-*"))) == 1


async def _until(holds: Callable[[], bool], seconds: float = 2.0) -> None:
    async with asyncio.timeout(seconds):
        while not holds():
            await asyncio.sleep(0.02)
