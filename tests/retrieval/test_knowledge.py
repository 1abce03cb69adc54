import asyncio
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from core.bus import Bus
from core.errors import Conflict, NotFound
from core.storage.database import Database
from retrieval import knowledge
from retrieval.knowledge import SHOP_ZONE, Draft, answer_at

NOON = datetime(2026, 6, 18, 12, tzinfo=SHOP_ZONE)


def changed(draft: Draft, **fields: Any) -> Draft:
    return Draft.model_validate(draft.model_dump() | fields)


async def test_create_read_update_retire(database: Database, bus: Bus, draft: Draft) -> None:
    created = await knowledge.do_create(database, bus, draft, "kb-day")
    assert created.version == 1
    assert await knowledge.read(database, "kb-day") == created

    updated = await knowledge.do_update(database, bus, "kb-day", changed(draft, answer="每月 8 日。"), version=1)
    assert (updated.version, updated.answer) == (2, "每月 8 日。")
    assert await knowledge.read(database, "kb-day") == updated

    retired = await knowledge.do_retire(database, bus, "kb-day")
    assert (retired.status, retired.version) == ("retired", 3)
    assert await knowledge.do_retire(database, bus, "kb-day") == retired
    assert await knowledge.list_entries(database) == []
    assert await knowledge.list_entries(database, status="retired") == [retired]

    assert (await knowledge.do_update(database, bus, "kb-day", draft)).status == "active"


async def test_every_change_is_announced_after_the_commit(database: Database, bus: Bus, draft: Draft) -> None:
    async with bus.subscribe("knowledge") as stream:
        entry = await knowledge.do_create(database, bus, draft)
        _topic, data = await asyncio.wait_for(anext(stream), 5)
    assert data == {"entry_id": entry.id, "version": 1, "status": "active"}
    assert await knowledge.read(database, entry.id) == entry


async def test_a_stale_edit_is_refused(database: Database, bus: Bus, draft: Draft) -> None:
    entry = await knowledge.do_create(database, bus, draft)
    await knowledge.do_update(database, bus, entry.id, draft, version=1)
    with pytest.raises(Conflict, match="第 2 版"):
        await knowledge.do_update(database, bus, entry.id, draft, version=1)


async def test_ids_and_phrasings_belong_to_one_entry(database: Database, bus: Bus, draft: Draft) -> None:
    await knowledge.do_create(database, bus, draft, "kb-day")
    with pytest.raises(Conflict, match="kb-day 已经存在"):
        await knowledge.do_create(database, bus, changed(draft, question="别的", similar=()), "kb-day")
    with pytest.raises(Conflict, match="「几号是会员日」已经属于知识条目 kb-day"):
        await knowledge.do_create(database, bus, changed(draft, question="几号是\u200b会员日", similar=()))
    await knowledge.do_retire(database, bus, "kb-day")
    await knowledge.do_create(database, bus, draft, "kb-day-2")


async def test_what_is_not_there_is_named(database: Database, bus: Bus, draft: Draft) -> None:
    with pytest.raises(NotFound, match="kb-nothing"):
        await knowledge.read(database, "kb-nothing")
    with pytest.raises(NotFound):
        await knowledge.do_update(database, bus, "kb-nothing", draft)
    with pytest.raises(NotFound):
        await knowledge.do_retire(database, bus, "kb-nothing")


async def test_list_by_category_and_words(database: Database, bus: Bus, draft: Draft) -> None:
    day = await knowledge.do_create(database, bus, draft, "kb-day")
    other = changed(draft, question="满 100% 包邮吗", similar=(), category="物流")
    ship = await knowledge.do_create(database, bus, other, "kb-ship")
    assert await knowledge.list_entries(database, category="会员") == [day]
    assert await knowledge.list_entries(database, containing="100%") == [ship]
    assert await knowledge.list_entries(database, containing="18 日") == [day, ship]


@pytest.mark.parametrize(
    ("fields", "now", "answered"),
    [
        ({}, NOON, True),
        ({"valid_from": date(2026, 6, 18)}, NOON, True),
        ({"valid_from": date(2026, 6, 19)}, NOON, False),
        ({"valid_until": date(2026, 6, 18)}, NOON, True),
        ({"valid_until": "2026-06-17"}, NOON, False),
        ({"valid_until": NOON}, NOON, False),
        ({"valid_until": NOON + timedelta(seconds=1)}, NOON, True),
        ({"valid_until": date(2026, 6, 18)}, datetime(2026, 6, 18, 15, 59, 59, tzinfo=UTC), True),
        ({"valid_until": date(2026, 6, 18)}, datetime(2026, 6, 18, 16, tzinfo=UTC), False),
    ],
)
async def test_an_answer_holds_within_its_window(
    database: Database, bus: Bus, draft: Draft, fields: dict[str, Any], now: datetime, answered: bool
) -> None:
    entry = await knowledge.do_create(database, bus, changed(draft, **fields))
    assert (answer_at(await knowledge.read(database, entry.id), now) is not None) == answered
    assert answer_at(await knowledge.do_retire(database, bus, entry.id), now) is None


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        ({"question": " "}, "question"),
        ({"answer": ""}, "answer"),
        ({"similar": ("会员日是哪天",)}, "twice"),
        ({"valid_from": datetime(2026, 1, 1)}, "time zone"),
        ({"valid_from": "2026-05-01", "valid_until": "2026-04-01"}, "before valid_from"),
        ({"anser": "typo"}, "anser"),
    ],
)
def test_a_faulty_draft_names_its_fault(draft: Draft, fields: dict[str, Any], fault: str) -> None:
    with pytest.raises(ValidationError, match=fault):
        changed(draft, **fields)
