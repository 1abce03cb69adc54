"""Knowledge entries: fields that are missing, ids that stand twice, dates that cannot be or have passed."""

from collections.abc import Collection, Iterator
from datetime import date, datetime

from training.lint.files import Entry, Files
from training.lint.findings import Finding, Level, Place

NEEDED = ("id", "question", "similar", "answer", "category", "owner", "valid_from")


def entries(files: Files, intents: Collection[str], today: date) -> Iterator[Finding]:
    ids: dict[str, Place] = {}
    for entry in files.entries:
        name = entry.fields.get("id")
        for missing in (field for field in NEEDED if entry.fields.get(field) in (None, "")):
            yield _of(entry, missing, Level.error, "fields", f"{name}: `{missing}` is missing", "fill it in")
        if not entry.fields.get("similar"):
            yield _of(entry, "similar", Level.warning, "fields", f"{name} has one phrasing only", "add how people ask")
        if name in ids:
            yield _of(entry, "id", Level.error, "two entries", f"{name} is the id of another entry: {ids[name]}", "")
        ids.setdefault(str(name), entry.place)
        intent = entry.fields.get("intent")
        if intent and intents and intent not in intents:
            yield _of(entry, "intent", Level.error, "intent", f"{name}: the domain has no intent {intent}", "")
        yield from _dates(entry, today)
    for row in (*files.questions, *files.held_out_questions):
        if row.label and row.label not in ids:
            yield Finding(Level.error, "two entries", row.place, f"there is no entry {row.label}", "correct the id")


def _dates(entry: Entry, today: date) -> Iterator[Finding]:
    name = entry.fields.get("id")
    first, last = (_date(entry.fields.get(field)) for field in ("valid_from", "valid_until"))
    for field, value in (("valid_from", first), ("valid_until", last)):
        if entry.fields.get(field) is not None and value is None:
            message = f"{name}: `{field}` is no date: {entry.fields[field]}"
            yield _of(entry, field, Level.error, "dates", message, "write 2026-11-11")
    if first and last and last < first:
        yield _of(entry, "valid_until", Level.error, "dates", f"{name} ends on {last}, before it begins", "")
    elif last and last < today:
        yield _of(entry, "valid_until", Level.warning, "dates", f"{name} ended on {last}; it is never answered", "")


def _date(value: object) -> date | None:
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    try:
        return datetime.fromisoformat(str(value)).date()
    except ValueError:
        return None


def _of(entry: Entry, field: str, level: Level, check: str, message: str, hint: str) -> Finding:
    return Finding(level, check, Place(entry.place.file, entry.lines.get(field, entry.place.line)), message, hint)
