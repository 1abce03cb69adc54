"""What a version did on the held-out data, utterance by utterance, and the figures that follow from it.

The gate compares two of these, the report shows one. They are kept by version and by the fingerprint of the held-out
data and the code that measures, so that each is made once.
"""

import contextlib
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.settings import Settings
from training import rasa, sentiment
from training.rasa import Say
from training.registry import Registry, Version, write_whole
from training.sources import Sources

OUT_OF_SCOPE = "out_of_scope"
FALSE_ALARMS = 0.03
"""Share of the utterances in scope that may be taken for out of scope where the recall is read off."""
BINS = 10

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Span = tuple[str, int, int]


@dataclass(frozen=True)
class Utterance:
    """`ranking`: likeliest first. `accepted`: sure enough to act on. Spans: (entity, start, end) in characters."""

    text: str
    intent: str
    ranking: tuple[tuple[str, float], ...]
    accepted: bool
    marked: tuple[Span, ...]
    found: tuple[Span, ...]
    out_of_scope: float
    """How probably the shop does not do what is asked (0..1)."""

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> "Utterance":
        ranking = tuple((name, float(probability)) for name, probability in row["ranking"])
        return cls(
            row["text"],
            row["intent"],
            ranking,
            bool(row["accepted"]),
            tuple((str(name), int(start), int(end)) for name, start, end in row["marked"]),
            tuple((str(name), int(start), int(end)) for name, start, end in row["found"]),
            float(row.get(OUT_OF_SCOPE, dict(ranking).get(OUT_OF_SCOPE, 0.0))),
        )

    @property
    def guess(self) -> str:
        return self.ranking[0][0]

    @property
    def confidence(self) -> float:
        return self.ranking[0][1]

    @property
    def right(self) -> bool:
        return self.guess == self.intent


@dataclass(frozen=True)
class Story:
    """`wrong`: each step that came out otherwise: `after` which text, `wanted`, `got`."""

    name: str
    passed: bool
    wrong: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True)
class Mood:
    """One sentiment utterance; `probability` of the guess, `score` from -1 to 1."""

    text: str
    degree: str
    guess: str
    probability: float
    score: float

    @property
    def right(self) -> bool:
        return self.guess == self.degree


@dataclass(frozen=True)
class Evaluation:
    utterances: tuple[Utterance, ...]
    stories: tuple[Story, ...]
    moods: tuple[Mood, ...]
    more: Mapping[str, Any]
    """Further figures of the assistant's own evaluation (bot/assistant/evaluate.py)."""

    @classmethod
    def of(cls, assistant: Mapping[str, Any], moods: Iterable[Mapping[str, Any]]) -> "Evaluation":
        """From what the two parts wrote."""
        stories = (Story(row["name"], row["passed"], tuple(row["wrong"])) for row in assistant["stories"])
        return cls(
            tuple(map(Utterance.of, assistant["rows"])),
            tuple(stories),
            tuple(Mood(**row) for row in moods),
            {name: value for name, value in assistant.items() if name not in {"rows", "stories", "wrong"}},
        )

    def save(self, registry: Registry, version: Version, held_out: str) -> None:
        write_whole(_kept(registry, version, held_out), json.dumps(asdict(self), ensure_ascii=False))

    @classmethod
    def load(cls, file: Path) -> "Evaluation":
        content = json.loads(file.read_text(encoding="utf-8"))
        assistant = {"rows": content["utterances"], "stories": content["stories"], **content["more"]}
        return cls.of(assistant, content["moods"])

    def figures(self) -> dict[str, Any]:
        """All in one: shares from 0 to 1; None where there is nothing to measure."""
        right = np.array([one.right for one in self.utterances], dtype=bool)
        confidence = np.array([one.confidence for one in self.utterances])
        accepted = np.array([one.accepted for one in self.utterances], dtype=bool)
        moods_right = np.array([mood.right for mood in self.moods], dtype=bool)
        return {
            "utterances": len(right),
            "accuracy": _mean(right),
            "in_scope_accuracy": _mean([one.right for one in self.utterances if one.intent != OUT_OF_SCOPE]),
            "macro_f1": macro_f1(self.utterances),
            "ece": calibration_error(confidence, right),
            "accepted": _mean(accepted),
            "accepted_accuracy": _mean(right[accepted]),
            "out_of_scope_recall": out_of_scope_recall(self.utterances),
            "entities": entity_scores(self.utterances),
            "per_intent": {name: share for name, (share, _) in self.per_intent.items()},
            "stories": len(self.stories),
            "stories_passed": sum(story.passed for story in self.stories),
            "moods": len(self.moods),
            "mood_accuracy": _mean(moods_right),
            "mood_ece": calibration_error(np.array([mood.probability for mood in self.moods]), moods_right),
        }

    @cached_property
    def per_intent(self) -> dict[str, tuple[float, int]]:
        """intent -> (share that is right, utterances), in the order of the alphabet."""
        hits: dict[str, list[bool]] = defaultdict(list)
        for one in self.utterances:
            hits[one.intent].append(one.right)
        return {name: (sum(found) / len(found), len(found)) for name, found in sorted(hits.items())}


def evaluation_of(settings: Settings, version: Version, say: Say = lambda text: None) -> Evaluation:
    """On the held-out data as it is now; measured unless it was before (15 s). Raises TrainingFailed when the assistant
    cannot be loaded by the code as it is now."""
    registry, sources = Registry(settings), Sources(settings)
    kept = _kept(registry, version, sources.held_out_fingerprint())
    if not kept.exists():
        kept.parent.mkdir(parents=True, exist_ok=True)
        made = kept.with_name(f".assistant-{kept.name}")
        arguments: list[str | Path] = ["--model", version.assistant, "--data", sources.held_out, "--output", made]
        arguments += ["--stories", sources.stories] if sources.stories.is_dir() else []
        say(f"{version.name} on the held-out data")
        rasa.run("bot.assistant.evaluate", arguments, settings, say)
        rows = sentiment.evaluate(settings, version.sentiment, say)
        evaluation = Evaluation.of(json.loads(made.read_text(encoding="utf-8")), rows)
        evaluation.save(registry, version, sources.held_out_fingerprint())
        made.unlink()
    return Evaluation.load(kept)


def latest_evaluation(settings: Settings, version: Version) -> Evaluation | None:
    """The newest one there is of this version, on whatever was held out then, that this code still reads."""
    files = (Registry(settings).evaluations_dir / version.name).glob("[!.]*.json")
    for file in sorted(files, key=lambda file: file.stat().st_mtime, reverse=True):
        with contextlib.suppress(KeyError, TypeError):  # of another form
            return Evaluation.load(file)
    return None


def _kept(registry: Registry, version: Version, held_out: str) -> Path:
    return registry.evaluations_dir / version.name / f"{held_out}.json"


# --- figures ----------------------------------------------------------------------------------------------------------


def macro_f1(utterances: Sequence[Utterance]) -> float | None:
    """Mean over the intents that were asked for of their F1."""
    asked, guessed = Counter(one.intent for one in utterances), Counter(one.guess for one in utterances)
    right = Counter(one.intent for one in utterances if one.right)
    return _mean([2 * right[name] / (asked[name] + guessed[name]) for name in asked])


def entity_scores(utterances: Sequence[Utterance]) -> dict[str, dict[str, float]]:
    """Precision, recall and F1 by exact span: of `all`, and of each entity, with how many are marked."""
    marked, found, both = Counter[str](), Counter[str](), Counter[str]()
    for one in utterances:
        for counts, spans in (
            (marked, one.marked), (found, one.found), (both, set(one.marked) & set(one.found)),
        ):  # fmt: skip
            counts.update(name for name, _, _ in spans)
            counts["all"] += len(spans)
    return {
        name: {
            "precision": both[name] / max(found[name], 1),
            "recall": both[name] / max(marked[name], 1),
            "f1": 2 * both[name] / max(marked[name] + found[name], 1),
            "marked": marked[name],
        }
        for name in sorted(marked | found, key=lambda name: (name != "all", name))
    }


def out_of_scope_recall(utterances: Sequence[Utterance], false_alarms: float = FALSE_ALARMS) -> float | None:
    """Share of what is out of scope that is detected where `false_alarms` of the rest are taken for it."""
    scores = np.array([one.out_of_scope for one in utterances])
    outside = np.array([one.intent == OUT_OF_SCOPE for one in utterances], dtype=bool)
    if outside.all() or not outside.any():
        return None
    inside = np.sort(scores[~outside])[::-1]
    allowed = int(false_alarms * len(inside))
    return _mean(scores[outside] > inside[min(allowed, len(inside) - 1)])


def calibration_error(confidence: Floats, right: Bools) -> float | None:
    """ECE over ten bins of equal size."""
    if not len(right):
        return None
    order = np.argsort(confidence, kind="stable")
    parts = [part for part in np.array_split(order, BINS) if len(part)]
    gaps = [abs(float(confidence[part].mean()) - float(right[part].mean())) * len(part) for part in parts]
    return sum(gaps) / len(right)


def _mean(values: Bools | Sequence[float]) -> float | None:
    return float(np.mean(values)) if len(values) else None
