"""`./kefu lint`: mistakes in what the assistant learns from, each with file and line.

Without `deep` it takes seconds and needs no model; `deep` adds what Rasa finds in the rules, and what the last training
says about labels.
"""

from collections.abc import Iterator
from datetime import date

from core.settings import Settings
from training.lint import dialogue, duplicates, knowledge, labels, utterances
from training.lint.files import read
from training.lint.findings import Finding, Level, Place, in_order
from training.registry import Registry
from training.sources import KNOWLEDGE_INTENT, Sources

__all__ = ["Finding", "Level", "Place", "check"]


def check(settings: Settings, *, deep: bool = False) -> list[Finding]:
    """In the order of files and lines."""
    return in_order(_all(settings, deep))


def _all(settings: Settings, deep: bool) -> Iterator[Finding]:
    sources = Sources(settings)
    files = read(sources, KNOWLEDGE_INTENT)
    yield from files.unreadable
    intents, entities = dialogue.names(sources, "intents"), dialogue.names(sources, "entities")
    yield from utterances.annotations([*files.train, *files.held_out], entities)
    yield from utterances.characters(files)
    yield from utterances.numbers(files.train, files.held_out, intents)
    yield from duplicates.utterances(files)
    yield from duplicates.phrasings(files)
    yield from duplicates.moods(files)
    yield from knowledge.entries(files, intents, date.today())
    yield from dialogue.responses(sources, settings.home)
    if deep:
        yield from dialogue.contradictions(settings)
        versions = Registry(settings).versions()
        if versions:
            yield from labels.labels(files.train, versions[-1].folder / "out_of_fold.json")
        else:
            place = Place(sources.examples[0], 0)
            yield Finding(Level.warning, "label", place, "labels are not checked: nothing is trained", "./kefu train")
