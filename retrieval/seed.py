"""The knowledge the repo brings along (YAML) into the database, without touching what editors changed there."""

from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError
from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from core.errors import InvalidInput
from core.storage.database import Database
from core.storage.tables import knowledge_entries
from retrieval.knowledge import Entry, claim, claim_all, free, row_of
from retrieval.text import normalise


@dataclass(frozen=True)
class SeedReport:
    """How many entries were new, changed in the files, no longer in the files, and left as they are."""

    added: int
    updated: int
    retired: int
    kept: int


def read_folder(folder: Path) -> list[Entry]:
    """All entries of `*.yml`. Raises InvalidInput naming file and entry, also for an id or a phrasing used twice."""
    entries: list[Entry] = []
    owners: dict[str, str] = {}
    for path in sorted(folder.glob("*.yml")):
        for number, fields in enumerate(_listed(path), start=1):
            entry = _parsed(path, number, fields)
            for taken in (f"id {entry.id}", *(f"phrasing 「{normalise(text)}」" for text in entry.phrasings)):
                if taken in owners:
                    raise InvalidInput(f"{path}: entry {entry.id}: the {taken} is taken by {owners[taken]}")
                owners[taken] = f"{entry.id} in {path.name}"
            entries.append(entry)
    return entries


async def seed_from_folder(database: Database, folder: Path) -> SeedReport:
    """Adds new entries, follows changes of entries nobody edited by hand, retires those that left the files.
    An empty folder changes nothing."""
    entries = read_folder(folder)
    if not entries:
        return SeedReport(0, 0, 0, 0)
    async with database.begin() as conn:
        await claim_all(conn)
        table = knowledge_entries.c
        rows = await conn.execute(select(table.id, table.seed_hash, table.version, table.status))
        stored = {row.id: row for row in rows}
        added = updated = kept = 0
        written: list[Entry] = []
        for entry in entries:
            row, digest = stored.get(entry.id), _hash(entry)
            if row is None:
                await conn.execute(insert(knowledge_entries).values(row_of(entry, digest)))
                written.append(entry)
                added += 1
            elif row.seed_hash is None or (row.seed_hash == digest and row.status == "active"):
                kept += 1
            else:
                await _overwrite(conn, entry.model_copy(update={"version": row.version + 1}), digest)
                written.append(entry)
                updated += 1
        listed = {entry.id for entry in entries}
        gone = [row for row in stored.values() if row.seed_hash and row.status == "active" and row.id not in listed]
        for row in gone:
            changed = {"status": "retired", "version": row.version + 1, "updated_at": datetime.now(UTC)}
            await conn.execute(update(knowledge_entries).where(table.id == row.id).values(changed))
        await free(conn, [row.id for row in gone])
        await claim(conn, written)
    return SeedReport(added, updated, len(gone), kept)


async def has_entries(database: Database) -> bool:
    """Raises sqlalchemy.exc.DBAPIError where there is no table."""
    async with database.connect() as conn:
        return (await conn.execute(select(knowledge_entries.c.id).limit(1))).first() is not None


def _listed(path: Path) -> list[Any]:
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InvalidInput(f"{path}: not readable as YAML in UTF-8: {error}") from error
    if not isinstance(content, dict) or not isinstance(content.get("entries"), list):
        raise InvalidInput(f"{path}: needs a list under `entries:`")
    entries: list[Any] = content["entries"]
    return entries


def _parsed(path: Path, number: int, fields: Any) -> Entry:
    name = fields.get("id") if isinstance(fields, dict) else None
    where = f"{path}: entry {name or f'number {number}'}"
    if not isinstance(fields, dict):
        raise InvalidInput(f"{where}: is not a mapping of fields")
    managed = sorted({"status", "version", "updated_at"} & set(fields))
    if managed:
        raise InvalidInput(f"{where}: {', '.join(managed)} belongs to the database, not to the file")
    given = {key: value for key, value in fields.items() if value is not None}
    try:
        return Entry.model_validate(given | {"updated_at": datetime.now(UTC)})
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors())
        raise InvalidInput(f"{where}: {faults}") from error


def _hash(entry: Entry) -> str:
    return sha256(entry.draft().model_dump_json().encode()).hexdigest()


async def _overwrite(conn: AsyncConnection, entry: Entry, digest: str) -> None:
    statement = update(knowledge_entries).where(knowledge_entries.c.id == entry.id)
    await conn.execute(statement.values(row_of(entry, digest)))
