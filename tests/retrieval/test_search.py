import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from core.bus import Bus
from core.settings import HOME
from core.storage.database import Database
from retrieval import knowledge
from retrieval.encoder.embedded import EmbeddedEncoder
from retrieval.knowledge import SHOP_ZONE, Draft
from retrieval.search import ASKED, KnowledgeSearch
from retrieval.seed import seed_from_folder

SPRING = datetime(2026, 2, 10, tzinfo=SHOP_ZONE)


@pytest.fixture
async def database(tmp_path: Path, data_key: str) -> AsyncIterator[Database]:
    """The knowledge of the repo."""
    database = Database(f"sqlite:///{tmp_path}/kefu.db", data_key)
    await database.migrate()
    await seed_from_folder(database, HOME / "nlu_data" / "knowledge")
    yield database
    await database.close()


@pytest.fixture
async def search(
    database: Database, bus: Bus, encoder: EmbeddedEncoder, index_dir: Path
) -> AsyncIterator[KnowledgeSearch]:
    search = await KnowledgeSearch.open(database, encoder, index_dir, bus=bus)
    yield search
    await search.close()


async def becomes_true(condition: Callable[[], bool], seconds: float) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, f"not within {seconds} s"
        await asyncio.sleep(0.02)


@pytest.mark.parametrize(
    ("question", "outcome", "first"),
    [
        ("退货运费谁出", "answer", "kb-return-shipping-fee"),
        ("下单以后多久发货呀", "answer", "kb-ship-time"),
        ("今天天气怎么样", "none", None),
        ("给我讲个笑话吧", "none", None),
        ("", "none", None),
        ("？？？", "none", None),
        ("😡", "none", None),
    ],
)
async def test_outcomes(search: KnowledgeSearch, question: str, outcome: str, first: str | None) -> None:
    result = search.find(question)
    assert result.outcome == outcome
    assert [c.probability for c in result.candidates] == sorted(
        (c.probability for c in result.candidates), reverse=True
    )
    if first:
        assert result.candidates[0].entry_id == first
        assert result.candidates[0].probability > 0.5


@pytest.mark.parametrize(
    ("question", "entry"),
    [
        ("空气炸锅都三天了还不发货", "kb-ship-late"),
        ("电饭煲能退吗", "kb-return-7days"),
        ("洗衣机能货到付款吗", "kb-pay-cod"),
        ("粉底液是正品吗", "kb-service-authentic"),
    ],
)
async def test_a_rule_of_the_shop_is_found_whatever_goods_are_named(
    search: KnowledgeSearch, question: str, entry: str
) -> None:
    result = search.find(question)
    assert result.outcome != "none"
    assert entry in {candidate.entry_id for candidate in result.candidates}


async def test_choices_are_few_and_worth_listing(search: KnowledgeSearch) -> None:
    results = [search.find(question) for question in ("运费", "退款", "券", "保修", "尺码", "发票")]
    offered = [result for result in results if result.outcome == "choices"]
    assert offered
    for result in offered:
        assert 1 <= len(result.candidates) <= 3
        assert all(candidate.probability >= 0.05 for candidate in result.candidates)


async def test_a_change_is_searchable_within_two_seconds(search: KnowledgeSearch, database: Database, bus: Bus) -> None:
    question = "店里的猫叫什么名字"
    assert search.find(question).outcome != "answer"
    draft = Draft(question=question, answer="叫小满。", category="其他", owner="客服组")
    entry = await knowledge.do_create(database, bus, draft)
    await becomes_true(lambda: search.find(question).outcome == "answer", 2)
    await knowledge.do_retire(database, bus, entry.id)
    await becomes_true(lambda: entry.id not in {c.entry_id for c in search.find(question).candidates}, 2)


async def test_an_expired_answer_is_never_given_nor_the_next_best(
    search: KnowledgeSearch, database: Database, bus: Bus, encoder: EmbeddedEncoder
) -> None:
    question = "退货运费谁承担"
    reading = search.read(question)
    assert search.search(reading, SPRING).outcome == "answer"
    draft = (await knowledge.read(database, "kb-return-shipping-fee")).draft()
    until = draft.model_copy(update={"valid_until": SPRING})
    await knowledge.do_update(database, bus, "kb-return-shipping-fee", until)
    await search.rebuild()
    assert search.search(reading, SPRING - timedelta(seconds=1)).outcome == "answer"
    expired = search.search(reading, SPRING)
    assert expired.outcome == "none"
    assert "kb-return-shipping-fee" not in {candidate.entry_id for candidate in expired.candidates}


async def test_swapping_disturbs_no_search(
    search: KnowledgeSearch, database: Database, bus: Bus, encoder: EmbeddedEncoder
) -> None:
    reading = search.read("积分会过期吗")
    stop, seen, failures = threading.Event(), set[str](), list[Exception]()

    def ask() -> None:
        while not stop.is_set():
            try:
                seen.add(search.search(reading).candidates[0].entry_id)
            except Exception as error:  # noqa: BLE001  whatever it is, it fails the test
                failures.append(error)
            time.sleep(0.001)

    thread = threading.Thread(target=ask)
    thread.start()
    for n in range(3):
        draft = Draft(question=f"第{n}个新问题是什么", answer="是这个。", category="其他", owner="客服组")
        await knowledge.do_create(database, bus, draft)
        await search.rebuild()
    stop.set()
    thread.join()
    assert not failures
    assert seen == {search.search(reading).candidates[0].entry_id}


async def test_a_restart_encodes_and_calibrates_nothing(
    search: KnowledgeSearch, database: Database, encoder: EmbeddedEncoder, index_dir: Path
) -> None:
    class Watched:
        name, dimension = encoder.name, encoder.dimension
        encoded = 0

        def encode(self, texts: list[str]) -> object:
            self.encoded += len(texts)
            return encoder.encode(texts)

    watched = Watched()
    before = (index_dir / "operation.json").stat().st_mtime_ns
    again = await KnowledgeSearch.open(database, watched, index_dir)  # type: ignore[arg-type]
    assert watched.encoded == 0
    assert (index_dir / "operation.json").stat().st_mtime_ns == before
    assert again.report == search.report


async def test_an_empty_base_answers_nothing(tmp_path: Path, encoder: EmbeddedEncoder, data_key: str) -> None:
    database = Database(f"sqlite:///{tmp_path}/empty.db", data_key)
    await database.migrate()
    search = await KnowledgeSearch.open(database, encoder, tmp_path / "index", asked=tmp_path / "none.jsonl")
    assert search.find("退货运费谁出").outcome == "none"
    assert search.find("退货运费谁出").candidates == ()
    await database.close()


async def test_the_operating_point_holds_its_limits(search: KnowledgeSearch) -> None:
    rates = search.report.rates
    assert rates["answerable"].answered_wrong <= 0.07
    assert rates["missing"].answered_wrong <= 0.15 + 1e-9
    assert rates["unanswerable"].answered_wrong <= 0.01 + 1e-9
    assert rates["answerable"].answered_right >= 0.42
    assert search.report.expected_calibration_error < 0.1


async def test_held_out_questions(search: KnowledgeSearch) -> None:
    """Never calibrated on. The floors lie two standard deviations under what is reached (README)."""
    from retrieval.samples import read_asked

    held_out = HOME / "nlu_data" / "heldout" / "knowledge.jsonl"
    asked = read_asked(held_out)
    assert not {q.text for q in asked} & {q.text for q in read_asked(ASKED)}
    results = [(question, search.find(question.text)) for question in asked]
    known = [(q, r) for q, r in results if q.entry_id]
    right = [r.outcome == "answer" and r.candidates[0].entry_id == q.entry_id for q, r in known]
    first = [r.candidates[0].entry_id == q.entry_id for q, r in known]
    helped = [r.outcome != "none" and q.entry_id in {c.entry_id for c in r.candidates} for q, r in known]
    unknown = [r.outcome == "answer" for q, r in results if not q.entry_id]
    assert sum(first) / len(known) >= 0.67
    assert sum(right) / len(known) >= 0.37
    assert sum(helped) / len(known) >= 0.73
    assert sum(r.outcome == "answer" for _q, r in known) - sum(right) <= 0.03 * len(known)
    assert sum(unknown) / len(unknown) <= 0.095
