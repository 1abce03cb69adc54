from pathlib import Path

import pytest
import yaml

from core.bus import Bus
from core.errors import InvalidInput
from core.settings import HOME
from core.storage.database import Database
from retrieval import knowledge
from retrieval.seed import SeedReport, read_folder, seed_from_folder

ENTRY = {"id": "kb-a", "question": "几点上班", "similar": [], "answer": "9 点。", "category": "其他", "owner": "客服组"}


def write(folder: Path, *entries: object, name: str = "a.yml") -> Path:
    (folder / name).write_text(yaml.safe_dump({"entries": list(entries)}, allow_unicode=True), encoding="utf-8")
    return folder


async def test_seeding_follows_the_files(database: Database, tmp_path: Path) -> None:
    other = ENTRY | {"id": "kb-b", "question": "几点下班"}
    assert await seed_from_folder(database, write(tmp_path, ENTRY, other)) == SeedReport(2, 0, 0, 0)
    assert await seed_from_folder(database, tmp_path) == SeedReport(0, 0, 0, 2)

    write(tmp_path, ENTRY | {"answer": "10 点。"})
    assert await seed_from_folder(database, tmp_path) == SeedReport(0, 1, 1, 0)
    [entry] = await knowledge.list_entries(database)
    assert (entry.answer, entry.version) == ("10 点。", 2)

    write(tmp_path, ENTRY, other)
    assert await seed_from_folder(database, tmp_path) == SeedReport(0, 2, 0, 0)
    assert [entry.version for entry in await knowledge.list_entries(database)] == [3, 3]


async def test_what_editors_did_stays(database: Database, bus: Bus, tmp_path: Path) -> None:
    other = ENTRY | {"id": "kb-b", "question": "几点下班"}
    await seed_from_folder(database, write(tmp_path, ENTRY, other))
    draft = (await knowledge.read(database, "kb-a")).draft()
    await knowledge.do_update(database, bus, "kb-a", draft.model_copy(update={"answer": "8 点半。"}))
    await knowledge.do_retire(database, bus, "kb-b")

    write(tmp_path, ENTRY | {"answer": "10 点。"}, other | {"answer": "20 点。"})
    assert await seed_from_folder(database, tmp_path) == SeedReport(0, 0, 0, 2)
    [entry] = await knowledge.list_entries(database)
    assert entry.answer == "8 点半。"


async def test_an_empty_folder_changes_nothing(database: Database, tmp_path: Path) -> None:
    await seed_from_folder(database, write(tmp_path, ENTRY))
    (tmp_path / "a.yml").unlink()
    assert await seed_from_folder(database, tmp_path) == SeedReport(0, 0, 0, 0)
    assert len(await knowledge.list_entries(database)) == 1


@pytest.mark.parametrize(
    ("entry", "fault"),
    [
        (ENTRY | {"answer": ""}, "entry kb-a: answer"),
        (ENTRY | {"anser": "9"}, "entry kb-a: anser"),
        (ENTRY | {"valid_until": "soon"}, "entry kb-a: valid_until"),
        (ENTRY | {"status": "active"}, "entry kb-a: status belongs to the database"),
        ({"question": "几点"}, "entry number 1: .*answer"),
        ("几点上班", "entry number 1: is not a mapping"),
    ],
)
def test_a_faulty_entry_is_named_with_its_file(tmp_path: Path, entry: object, fault: str) -> None:
    with pytest.raises(InvalidInput, match=rf"a\.yml: {fault}"):
        read_folder(write(tmp_path, entry))


def test_ids_and_phrasings_are_not_shared(tmp_path: Path) -> None:
    write(tmp_path, ENTRY)
    with pytest.raises(InvalidInput, match=r"b\.yml: entry kb-a: the id kb-a is taken by kb-a in a\.yml"):
        read_folder(write(tmp_path, ENTRY, name="b.yml"))
    with pytest.raises(InvalidInput, match=r"b\.yml: entry kb-b: the phrasing 「几点上班」 is taken by kb-a"):
        read_folder(write(tmp_path, ENTRY | {"id": "kb-b"}, name="b.yml"))


@pytest.mark.parametrize("content", [b"entries: [", b"\xff\xfe", b"[]", b"entries: 3"])
def test_a_file_that_is_no_list_of_entries_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.yml").write_bytes(content)
    with pytest.raises(InvalidInput, match=r"a\.yml"):
        read_folder(tmp_path)


def test_the_knowledge_of_the_repo_is_sound() -> None:
    entries = read_folder(HOME / "nlu_data" / "knowledge")
    assert len(entries) >= 60
    assert [entry.id for entry in entries if len(entry.similar) < 5] == []
