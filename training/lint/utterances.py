"""Utterances: annotations that cut or do not close, characters that should not be there, intents with too little."""

import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence

from training.lint.files import Example, Files
from training.lint.findings import Finding, Level, Place

FEWEST = 60
FEWEST_HELD_OUT = 15
NOT_SPOKEN = {"nlu_fallback", "send_media"}  # come from the classifier and from the channels
_WORD = re.compile(r"[0-9A-Za-z]")
_FULL_WIDTH = re.compile(r"[\uff10-\uff19\uff21-\uff3a\uff41-\uff5a\u3000]+")
_BROKEN = re.compile(
    r"[\ufffd\u200b\u200c\u200e\u200f\u202a-\u202e\u2060\ufeff\x00-\x08\x0b\x0c\x0e-\x1f]|锟斤拷|烫烫烫|â€|Ã[\x80-\xbf]"
)
_EDGE = " ，。！？、,.!?~～;；:："


def annotations(examples: Iterable[Example], entities: Collection[str]) -> Iterator[Finding]:
    """Spans that end inside a word or number, start or end with a space or mark, unknown names, brackets left over."""
    for one in examples:
        for span in one.spans:
            said = one.text[span.start : span.end]
            if span.entity not in entities:
                known = ", ".join(sorted(entities))
                yield _of(one, "entity", f"unknown entity {span.entity!r} for 「{said}」", f"known are {known}")
            for edge, inside, outside in (
                (span.start, one.text[span.start], one.text[span.start - 1 : span.start]),
                (span.end, one.text[span.end - 1], one.text[span.end : span.end + 1]),
            ):
                two = sum(edge in (other.start, other.end) for other in one.spans) > 1
                if not two and outside and _WORD.match(inside) and _WORD.match(outside) and not _unit(inside, outside):
                    yield _of(one, "span", f"「{said}」 cuts {_word_around(one.text, span.start, span.end)!r}",
                              "annotate the whole word or number")  # fmt: skip
            if said.strip(_EDGE) != said:
                yield _of(one, "span", f"「{said}」 begins or ends with a space or punctuation", "leave it outside")
        rest = _ANNOTATED.sub("", one.raw)
        if set(rest) & set("[]"):
            yield _of(one, "brackets", f"a bracket without its partner: {one.raw}", "write [text](entity)")


def characters(files: Files) -> Iterator[Finding]:
    """What an editor or a copy left behind: replacement and invisible characters, full-width letters and digits."""
    texts: list[tuple[Place, str]] = [(one.place, one.raw) for one in (*files.train, *files.held_out)]
    texts += [(one.place, one.text) for one in files.phrasings]
    texts += [(row.place, row.text) for row in (*files.moods, *files.held_out_moods)]
    texts += [(row.place, row.text) for row in (*files.questions, *files.held_out_questions)]
    for place, text in texts:
        if found := _BROKEN.search(text):
            codes = " ".join(f"U+{ord(character):04X}" for character in found[0])
            yield Finding(Level.error, "characters", place, f"broken or invisible characters ({codes})", "remove them")
        if found := _FULL_WIDTH.search(text):
            message = f"full-width 「{found[0]}」"
            hint = "the normaliser makes it half-width before the assistant sees it: write it so, or leave it knowingly"
            yield Finding(Level.warning, "full-width", place, message, hint)


def numbers(examples: Sequence[Example], held_out: Sequence[Example], intents: Collection[str]) -> Iterator[Finding]:
    """Intents with too few utterances to learn from or to measure on, and those that the domain does not know."""
    for found, fewest, what in ((examples, FEWEST, "learn from"), (held_out, FEWEST_HELD_OUT, "measure on")):
        counts = Counter(one.intent for one in found)
        first = {one.intent: one.place for one in reversed(found)}
        for intent, count in sorted(counts.items()):
            place = Place(first[intent].file, 0)
            if intents and intent not in intents:
                yield Finding(Level.error, "intent", place, f"the domain has no intent {intent}",
                              "add it to bot/assistant/domain/intents.yml")  # fmt: skip
            if count < fewest:
                yield Finding(Level.warning, "few", place, f"{intent} has {count} utterances to {what}",
                              f"write at least {fewest}")  # fmt: skip
        if found:
            folder = found[0].place.file.parent
            for intent in sorted(set(intents) - set(counts) - NOT_SPOKEN):
                yield Finding(Level.warning, "few", Place(folder, 0), f"{intent} has no utterance to {what}",
                              f"write at least {fewest}")  # fmt: skip


_ANNOTATED = re.compile(r"\[[^\[\]]+\](?:\([^()]*\)|\{[^{}]*\})")


def _unit(inside: str, outside: str) -> bool:
    """A number before letters, or letters before a number, are two words: 3kg, KF…; two of a kind are one."""
    return inside.isdigit() != outside.isdigit()


def _word_around(text: str, start: int, end: int) -> str:
    while start and _WORD.match(text[start - 1]):
        start -= 1
    while end < len(text) and _WORD.match(text[end]):
        end += 1
    return text[start:end]


def _of(example: Example, check: str, message: str, hint: str) -> Finding:
    return Finding(Level.error, check, example.place, message, hint)
