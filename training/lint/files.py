"""The data files as lint reads them: every utterance with the line that it stands on.

A file that cannot be read at all is a finding of its own, and the other checks go on without it.
"""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from retrieval.text import normalise
from training.lint.findings import Finding, Level, Place
from training.sources import Sources

_ANNOTATION = re.compile(r"\[([^\[\]]+)\](?:\(([^()]*)\)|(\{[^{}]*\}))")
_EXAMPLE = re.compile(r"^(\s*)- ?(.*)$")


@dataclass(frozen=True)
class Span:
    """In characters of the plain text. `entity` as it is written, known or not."""

    start: int
    end: int
    entity: str


@dataclass(frozen=True)
class Example:
    """`raw` as it stands in the file, `text` without the annotations."""

    place: Place
    intent: str
    raw: str
    text: str
    spans: tuple[Span, ...]

    @property
    def key(self) -> str:
        """The same for utterances that the assistant cannot tell apart."""
        return normalise(self.text).lower().strip()


@dataclass(frozen=True)
class Phrasing:
    """A question of the knowledge base."""

    place: Place
    entry: str
    intent: str
    text: str


@dataclass(frozen=True)
class Entry:
    """A knowledge entry: its fields as they are in the file, and the line of each."""

    place: Place
    fields: dict[str, Any]
    lines: dict[str, int]


@dataclass(frozen=True)
class Row:
    """A line of a sentiment file (`label`: the degree) or of a question file (`label`: the entry's id, or empty)."""

    place: Place
    label: str
    text: str


@dataclass
class Files:
    """All of nlu_data."""

    train: list[Example] = field(default_factory=list)
    held_out: list[Example] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)
    phrasings: list[Phrasing] = field(default_factory=list)
    moods: list[Row] = field(default_factory=list)
    held_out_moods: list[Row] = field(default_factory=list)
    questions: list[Row] = field(default_factory=list)
    held_out_questions: list[Row] = field(default_factory=list)
    unreadable: list[Finding] = field(default_factory=list)


def read(sources: Sources, default_intent: str) -> Files:
    files = Files()
    nlu = sources.knowledge.parent
    for folder, found in ((nlu / "intents", files.train), (sources.held_out, files.held_out)):
        for path in sorted(folder.glob("*.yml")):
            found += _examples(path, files.unreadable)
    for path in sorted(sources.knowledge.glob("*.yml")):
        files.entries += _entries(path, files.unreadable)
    for entry in files.entries:
        files.phrasings += _phrasings(entry, default_intent)
    for path, rows in ((sources.sentiment, files.moods), (sources.held_out_sentiment, files.held_out_moods)):
        rows += _tsv(path, files.unreadable)
    for path, rows in (
        (nlu / "knowledge_calibration.jsonl", files.questions),
        (sources.held_out / "knowledge.jsonl", files.held_out_questions),
    ):
        rows += _jsonl(path, files.unreadable)
    return files


def text_of(path: Path, unreadable: list[Finding]) -> str | None:
    """Its content, or None and a finding."""
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        line = path.read_bytes()[: error.start].count(b"\n") + 1
        unreadable.append(_fault("encoding", path, line, "not UTF-8", "save the file as UTF-8"))
    except FileNotFoundError:
        unreadable.append(_fault("missing", path, 0, "the file is missing", ""))
    return None


def plain(raw: str) -> tuple[str, tuple[Span, ...]]:
    """An annotated utterance without its annotations: `查[KF1](order_number)` → `查KF1`, (1, 4, order_number)."""
    text, spans, end = "", [], 0
    for found in _ANNOTATION.finditer(raw):
        text += raw[end : found.start()]
        end = found.end()
        entity = found[2] if found[2] is not None else str(_json(found[3]).get("entity", ""))
        spans.append(Span(len(text), len(text) + len(found[1]), entity))
        text += found[1]
    return text + raw[end:], tuple(spans)


def _examples(path: Path, unreadable: list[Finding]) -> Iterator[Example]:
    tree = _tree(path, unreadable)
    for block in _items(_value(tree, "nlu")):
        intent, examples = _value(block, "intent"), _value(block, "examples")
        if intent is None or examples is None:
            unreadable.append(_fault("form", path, _line(block), "a block needs `intent` and `examples`", ""))
            continue
        # A literal block (`|`) begins on the line after its mark.
        for number, line in enumerate(examples.value.splitlines(), start=_line(examples) + (examples.style == "|")):
            if found := _EXAMPLE.match(line):
                text, spans = plain(found[2])
                yield Example(Place(path, number), intent.value, found[2], text, spans)


def _entries(path: Path, unreadable: list[Finding]) -> Iterator[Entry]:
    tree = _tree(path, unreadable)
    loaded = yaml.load(path.read_text(encoding="utf-8"), yaml.CSafeLoader) if tree is not None else None
    if not isinstance(loaded, dict) or not isinstance(loaded.get("entries"), list):
        if tree is not None:
            unreadable.append(_fault("form", path, 0, "expected a list under `entries:`", ""))
        return
    for node, fields in zip(_items(_value(tree, "entries")), loaded["entries"], strict=True):
        lines = {key.value: _line(value) for key, value in node.value}
        similar = _value(node, "similar")
        lines |= {f"similar {index}": _line(one) for index, one in enumerate(_items(similar))}
        yield Entry(Place(path, _line(node)), fields, lines)


def _phrasings(entry: Entry, default_intent: str) -> Iterator[Phrasing]:
    intent, name = entry.fields.get("intent", default_intent), str(entry.fields.get("id", ""))
    for field_name, text in (
        ("question", entry.fields.get("question")),
        *((f"similar {index}", text) for index, text in enumerate(entry.fields.get("similar") or ())),
    ):
        if isinstance(text, str):
            yield Phrasing(Place(entry.place.file, entry.lines.get(field_name, entry.place.line)), name, intent, text)


def _tsv(path: Path, unreadable: list[Finding]) -> Iterator[Row]:
    text = text_of(path, unreadable)
    for number, line in enumerate((text or "").splitlines()[1:], start=2):
        label, tab, said = line.partition("\t")
        if not tab or not said.strip():
            unreadable.append(_fault("form", path, number, "expected degree<TAB>text", ""))
        else:
            yield Row(Place(path, number), label, said)


def _jsonl(path: Path, unreadable: list[Finding]) -> Iterator[Row]:
    for number, line in enumerate((text_of(path, unreadable) or "").splitlines(), start=1):
        fields = _json(line)
        if not isinstance(fields.get("text"), str) or "id" not in fields:
            unreadable.append(_fault("form", path, number, 'expected {"text": …, "id": … or null}', ""))
        else:
            yield Row(Place(path, number), fields["id"] or "", fields["text"])


def _tree(path: Path, unreadable: list[Finding]) -> Any:
    text = text_of(path, unreadable)
    if text is None:
        return None
    try:
        return yaml.compose(text, yaml.CSafeLoader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 0
        unreadable.append(_fault("form", path, line, f"not YAML: {error.problem}", ""))
        return None


def _value(node: Any, key: str) -> Any:
    """The value of a key of a mapping node, or None."""
    pairs = node.value if isinstance(node, yaml.MappingNode) else ()
    return next((value for name, value in pairs if name.value == key), None)


def _items(node: Any) -> Sequence[Any]:
    return node.value if isinstance(node, yaml.SequenceNode) else ()


def _line(node: Any) -> int:
    return int(node.start_mark.line) + 1


def _json(text: str) -> dict[str, Any]:
    try:
        content = json.loads(text)
    except json.JSONDecodeError:
        return {}
    return content if isinstance(content, dict) else {}


def _fault(check: str, path: Path, line: int, message: str, hint: str) -> Finding:
    return Finding(Level.error, check, Place(path, line), message, hint)
