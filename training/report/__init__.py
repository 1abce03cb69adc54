"""The evaluation as one HTML page that needs nothing from outside: drawn charts, tables, the worst errors first."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from training.evaluation import Evaluation, Mood, Utterance
from training.registry import Version, write_whole
from training.report import charts

WORST = 40
CONFUSED = 24
DEGREES = {
    "very_negative": "非常不满",
    "negative": "不满",
    "neutral": "平静",
    "positive": "满意",
    "very_positive": "非常满意",
}


@dataclass(frozen=True)
class IntentRow:
    """One line of the table; shares from 0 to 1."""

    name: str
    utterances: int
    precision: float
    recall: float
    f1: float
    taken_for: str
    """What its utterances are taken for instead, most often first."""


def write(page: Path, version: Version, evaluation: Evaluation, faq: Mapping[str, Any] | None) -> None:
    """`faq`: the figures of training/bench/faq.py on the held-out questions, when they were measured."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    environment.filters |= {"share": share, "degree": lambda name: DEGREES.get(name, name)}
    utterances, moods = evaluation.utterances, evaluation.moods
    html = environment.get_template("page.html.j2").render(
        version=version,
        manifest=version.manifest,
        figures=evaluation.figures(),
        faq=faq,
        intents=intent_rows(utterances),
        worst=sorted((one for one in utterances if not one.right), key=lambda one: -one.confidence)[:WORST],
        wrong=sum(not one.right for one in utterances),
        worst_moods=sorted((mood for mood in moods if not mood.right), key=lambda mood: -mood.probability)[:WORST],
        stories=[story for story in evaluation.stories if not story.passed],
        charts={
            "confusion": charts.confusion(*_confusion(utterances)),
            "confidence": charts.histogram(*_split(utterances)),
            "reliability": charts.reliability(*_points(utterances)),
            "mood_confusion": charts.confusion(*_mood_confusion(moods)) if moods else "",
            "mood_reliability": charts.reliability(*_mood_points(moods)) if moods else "",
        },
    )
    write_whole(page, html)


def share(value: float | None, digits: int = 1) -> str:
    """As a percentage; a dash where there is nothing to measure."""
    return "—" if value is None else f"{value * 100:.{digits}f}%"


def intent_rows(utterances: Sequence[Utterance]) -> list[IntentRow]:
    """The weakest first."""
    asked, guessed = Counter(one.intent for one in utterances), Counter(one.guess for one in utterances)
    right = Counter(one.intent for one in utterances if one.right)
    rows = []
    for name, count in asked.items():
        others = Counter(one.guess for one in utterances if one.intent == name and not one.right)
        rows.append(
            IntentRow(
                name,
                count,
                right[name] / max(guessed[name], 1),
                right[name] / count,
                2 * right[name] / (count + guessed[name]),
                "、".join(f"{other} {times}" for other, times in others.most_common(3)),
            )
        )
    return sorted(rows, key=lambda row: (row.f1, row.name))


def _confusion(utterances: Sequence[Utterance]) -> tuple[list[str], list[list[int]]]:
    """The intents that are confused most; all others are right nearly always."""
    wrong = Counter[str]()
    for one in utterances:
        if not one.right:
            wrong.update((one.intent, one.guess))
    names = sorted(name for name, _ in wrong.most_common(CONFUSED))
    return names, _matrix(names, [(one.intent, one.guess) for one in utterances])


def _mood_confusion(moods: Sequence[Mood]) -> tuple[list[str], list[list[int]]]:
    names = list(DEGREES)
    return list(DEGREES.values()), _matrix(names, [(mood.degree, mood.guess) for mood in moods])


def _matrix(names: Sequence[str], pairs: Sequence[tuple[str, str]]) -> list[list[int]]:
    counts = Counter(pairs)
    return [[counts[row, column] for column in names] for row in names]


def _split(utterances: Sequence[Utterance]) -> tuple[list[float], list[float]]:
    """Confidences of the right and of the wrong guesses."""
    return [one.confidence for one in utterances if one.right], [one.confidence for one in utterances if not one.right]


def _points(utterances: Sequence[Utterance]) -> tuple[list[float], list[bool]]:
    return [one.confidence for one in utterances], [one.right for one in utterances]


def _mood_points(moods: Sequence[Mood]) -> tuple[list[float], list[bool]]:
    return [mood.probability for mood in moods], [mood.right for mood in moods]
