"""Knowledge entries: what the bot may answer, who owns it and how long it holds. The database is the truth.

Every `do_*` writes in one transaction and tells the bus (topic `knowledge`) after the commit.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta, timezone
from typing import Annotated, Any, Literal
from uuid import uuid4

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, model_validator
from sqlalchemy import ColumnElement, RowMapping, delete, func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from core.bus import Bus
from core.errors import Conflict, NotFound
from core.storage.database import Database
from core.storage.tables import knowledge_entries, knowledge_phrasings
from retrieval.text import normalise

TOPIC = "knowledge"
# A bare date in a file or a form means the shop's day, and the shops are in China.
SHOP_ZONE = timezone(timedelta(hours=8))
ALWAYS = datetime(2020, 1, 1, tzinfo=UTC)


def _day_begins(value: object) -> object:
    """A bare date becomes its first moment."""
    if isinstance(value, str) and len(value) == len("2026-01-01"):
        value = date.fromisoformat(value)
    if isinstance(value, date) and not isinstance(value, datetime):
        return datetime.combine(value, time.min, SHOP_ZONE)
    return value


def _day_ends(value: object) -> object:
    """A bare date is the last day that counts: it becomes the first moment after it."""
    begins = _day_begins(value)
    return begins + timedelta(days=1) if isinstance(begins, datetime) and begins is not value else begins


def _utc(value: datetime) -> datetime:
    if value.tzinfo is None:
        raise ValueError("needs a time zone, as in 2026-01-01T00:00:00+08:00, or must be a bare date")
    return value.astimezone(UTC)


Moment = Annotated[datetime, AfterValidator(_utc)]
Phrasing = Annotated[str, StringConstraints(strip_whitespace=True, min_length=2, max_length=500)]
Word = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=64)]
EntryId = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,63}$")]


class Draft(BaseModel):
    """An entry as an editor writes it. `about`: all names of the goods it is about (纸尿裤, 尿不湿); without any it is
    about the shop in general. `valid_until` is exclusive; a bare date there counts as a whole day."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    question: Phrasing
    similar: tuple[Phrasing, ...] = Field((), max_length=200)
    answer: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=4000)]
    category: Word
    owner: Word
    intent: Word = "faq"
    about: tuple[Word, ...] = Field((), max_length=50)
    valid_from: Annotated[Moment, BeforeValidator(_day_begins)] = ALWAYS
    valid_until: Annotated[Moment | None, BeforeValidator(_day_ends)] = None

    @property
    def phrasings(self) -> tuple[str, ...]:
        return (self.question, *self.similar)

    @model_validator(mode="after")
    def _consistent(self) -> "Draft":
        if self.valid_until is not None and self.valid_until <= self.valid_from:
            raise ValueError("valid_until lies before valid_from")
        seen: set[str] = set()
        for phrasing in map(normalise, self.phrasings):
            if phrasing in seen:
                raise ValueError(f"the phrasing 「{phrasing}」 stands here twice")
            seen.add(phrasing)
        return self


class Entry(Draft):
    """An entry as it is stored."""

    id: EntryId
    status: Literal["active", "retired"] = "active"
    version: int = 1
    updated_at: Moment

    def draft(self) -> Draft:
        return Draft.model_validate(self.model_dump(include=set(Draft.model_fields)))


def answer_at(entry: Entry, now: datetime) -> str | None:
    """The answer, or None when the entry is retired or outside its validity at `now` (aware)."""
    if entry.status != "active" or now < entry.valid_from:
        return None
    return entry.answer if entry.valid_until is None or now < entry.valid_until else None


async def check_phrasings(conn: AsyncConnection, phrasings: Sequence[str], *, besides: str | None = None) -> None:
    """Raises Conflict when another active entry claims one of them: the search could not tell the two apart."""
    claims = knowledge_phrasings.c
    taken = select(claims.phrasing, claims.entry_id).where(claims.phrasing.in_(map(claim_of, phrasings)))
    for row in await conn.execute(taken.order_by(claims.entry_id)):
        if row.entry_id != besides:
            raise Conflict(f"问法「{row.phrasing}」已经属于知识条目 {row.entry_id}")


def claim_of(phrasing: str) -> str:
    return normalise(phrasing)[:500]


async def claim(conn: AsyncConnection, entries: Sequence[Entry]) -> None:
    """Note whose the phrasings are: those of active entries, and none of others."""
    await free(conn, [entry.id for entry in entries])
    active = [entry for entry in entries if entry.status == "active"]
    pairs = {(claim_of(text), entry.id) for entry in active for text in entry.phrasings}
    if pairs:
        rows = [{"phrasing": text, "entry_id": owner} for text, owner in sorted(pairs)]
        await conn.execute(insert(knowledge_phrasings), rows)


async def free(conn: AsyncConnection, entry_ids: Sequence[str]) -> None:
    """The phrasings of these entries are nobody's any more."""
    table = knowledge_phrasings
    for start in range(0, len(entry_ids), 500):
        await conn.execute(delete(table).where(table.c.entry_id.in_(entry_ids[start : start + 500])))


async def claim_all(conn: AsyncConnection) -> None:
    """For a database from before phrasings were noted: all at once, when none is there."""
    if (await conn.execute(select(knowledge_phrasings.c.entry_id).limit(1))).first() is None:
        rows = await conn.execute(select(knowledge_entries).where(knowledge_entries.c.status == "active"))
        await claim(conn, [_entry(row) for row in rows.mappings()])


async def do_create(database: Database, bus: Bus, draft: Draft, entry_id: str | None = None) -> Entry:
    """Raises Conflict when the id or one of the phrasings is taken."""
    entry = Entry(id=entry_id or f"kb-{uuid4().hex[:12]}", updated_at=datetime.now(UTC), **_fields(draft))
    async with database.begin() as conn:
        if await _find(conn, entry.id):
            raise Conflict(f"知识条目 {entry.id} 已经存在")
        await check_phrasings(conn, entry.phrasings)
        await conn.execute(insert(knowledge_entries).values(row_of(entry)))
        await claim(conn, [entry])
    await _announce(bus, entry)
    return entry


async def do_update(database: Database, bus: Bus, entry_id: str, draft: Draft, *, version: int | None = None) -> Entry:
    """The next version; a retired entry comes back. Raises NotFound, and Conflict when `version`, the one the editor
    saw, is not the newest any more."""
    async with database.begin() as conn:
        current = _entry(await _existing(conn, entry_id))
        if version is not None and version != current.version:
            raise Conflict(f"知识条目 {entry_id} 已被他人改到第 {current.version} 版，请重新打开后再改")
        await check_phrasings(conn, draft.phrasings, besides=entry_id)
        entry = Entry(id=entry_id, version=current.version + 1, updated_at=datetime.now(UTC), **_fields(draft))
        await _store(conn, entry)
    await _announce(bus, entry)
    return entry


async def do_retire(database: Database, bus: Bus, entry_id: str) -> Entry:
    """The entry is kept but never found or answered again. Retiring twice is no error."""
    async with database.begin() as conn:
        current = _entry(await _existing(conn, entry_id))
        if current.status == "retired":
            return current
        changed = {"status": "retired", "version": current.version + 1, "updated_at": datetime.now(UTC)}
        entry = current.model_copy(update=changed)
        await _store(conn, entry)
    await _announce(bus, entry)
    return entry


async def read(database: Database, entry_id: str) -> Entry:
    """Raises NotFound."""
    async with database.connect() as conn:
        return _entry(await _existing(conn, entry_id))


async def list_entries(
    database: Database, *, status: str | None = "active", category: str | None = None, containing: str | None = None
) -> list[Entry]:
    """By id. `containing` looks into question and answer."""
    table = knowledge_entries.c
    statement = select(knowledge_entries).order_by(table.id)
    if status is not None:
        statement = statement.where(table.status == status)
    if category is not None:
        statement = statement.where(table.category == category)
    if containing:
        statement = statement.where(or_(_contains(table.question, containing), _contains(table.answer, containing)))
    async with database.connect() as conn:
        return [_entry(row) for row in (await conn.execute(statement)).mappings()]


async def read_in_batches(database: Database, size: int) -> AsyncIterator[list[Entry]]:
    """All active entries by id, each as it is when its batch is read."""
    table, last = knowledge_entries.c, ""
    while True:
        statement = select(knowledge_entries).where(table.status == "active", table.id > last).order_by(table.id)
        async with database.connect() as conn:
            batch = [_entry(row) for row in (await conn.execute(statement.limit(size))).mappings()]
        if not batch:
            return
        yield batch
        last = batch[-1].id


async def read_some(database: Database, ids: Sequence[str]) -> list[Entry]:
    """Active and retired ones."""
    found: list[Entry] = []
    async with database.connect() as conn:
        for start in range(0, len(ids), 500):
            some = knowledge_entries.c.id.in_(ids[start : start + 500])
            found += [_entry(row) for row in (await conn.execute(select(knowledge_entries).where(some))).mappings()]
    return found


async def changed_since(database: Database, moment: datetime) -> list[tuple[str, int]]:
    """Ids and versions of active and retired entries changed at `moment` or later."""
    table = knowledge_entries.c
    statement = select(table.id, table.version).where(table.updated_at >= moment)
    async with database.connect() as conn:
        return [(row.id, row.version) for row in await conn.execute(statement)]


async def counted(database: Database) -> tuple[int, int]:
    """How many active entries there are, and the sum of their versions."""
    table = knowledge_entries.c
    sums = select(func.count(), func.coalesce(func.sum(table.version), 0)).where(table.status == "active")
    async with database.connect() as conn:
        count, versions = (await conn.execute(sums)).one()
        return count, int(versions)


def row_of(entry: Entry, seed_hash: str | None = None) -> dict[str, Any]:
    """The entry's columns. Without `seed_hash` it counts as edited by hand, and seeding leaves it alone."""
    return entry.model_dump() | {"similar": list(entry.similar), "about": list(entry.about), "seed_hash": seed_hash}


def _fields(draft: Draft) -> dict[str, Any]:
    return draft.model_dump(include=set(Draft.model_fields))


def _entry(row: RowMapping | Mapping[str, Any]) -> Entry:
    return Entry.model_validate({key: value for key, value in row.items() if key != "seed_hash"})


def _contains(column: ColumnElement[str], text: str) -> ColumnElement[bool]:
    return column.contains(text, autoescape=True)


async def _find(conn: AsyncConnection, entry_id: str) -> RowMapping | None:
    rows = await conn.execute(select(knowledge_entries).where(knowledge_entries.c.id == entry_id))
    return rows.mappings().first()


async def _existing(conn: AsyncConnection, entry_id: str) -> RowMapping:
    row = await _find(conn, entry_id)
    if row is None:
        raise NotFound(f"没有知识条目 {entry_id}")
    return row


async def _store(conn: AsyncConnection, entry: Entry) -> None:
    await conn.execute(update(knowledge_entries).where(knowledge_entries.c.id == entry.id).values(row_of(entry)))
    await claim(conn, [entry])


async def _announce(bus: Bus, entry: Entry) -> None:
    await bus.publish(TOPIC, {"entry_id": entry.id, "version": entry.version, "status": entry.status})
