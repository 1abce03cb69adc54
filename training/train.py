"""`./kefu train`: everything that learns from data files becomes one version in the registry.

    assistant (Rasa's environment): intents, entities, dialogue ─┐
    sentiment (here, side by side)                               ├─ a version: models, thresholds, manifest
    held-out utterances and stories, on both ────────────────────┘

What a step has finished is kept under the fingerprint of what it was made from: a training that was killed goes on
where it stopped, and a change of the sentiment data does not train the assistant again. A version that was made from
the same sources is found, not made.
"""

import json
import os
import shutil
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from core.errors import NotFound
from core.settings import Settings
from training import rasa, sentiment
from training.evaluation import Evaluation
from training.rasa import Say, TrainingFailed
from training.registry import Registry, Version, write_whole
from training.sources import Sources, fingerprint, write_knowledge_examples

Report = Callable[[str, str], None]
"""(part, what it is doing); an empty text means that the part is done."""

PARTS = ("assistant", "sentiment", "version")
STEPS_KEPT = 6
ANGER = "sentiment"
"""The handoff's threshold on the score of one utterance, which is calibrated with the sentiment model."""


def train(settings: Settings, report: Report = lambda part, text: None, *, force: bool = False) -> Version:
    """The version of the sources as they are now; trained unless it is there.

    Raises NotFound for missing data or a missing encoder, InvalidInput for faulty data files, TrainingFailed.
    """
    sources, registry = Sources(settings), Registry(settings)
    sources.check()
    if not force and (found := registry.made_from(sources.fingerprint())):
        return found
    assistant = registry.steps_dir / f"assistant-{sources.assistant_fingerprint()}"
    mood = registry.steps_dir / f"sentiment-{sources.sentiment_fingerprint()}"
    if force:
        for step in (assistant, mood):
            shutil.rmtree(step, ignore_errors=True)
    taken = _before(sources)
    held_out = f"evaluation-{taken['held_out_hash']}.json"
    began = time.monotonic()
    with ThreadPoolExecutor(1) as beside:  # Rasa trains in a process of its own: two cores are in use
        trained_mood = beside.submit(
            _timed, lambda: _train_sentiment(settings, mood, held_out, _part(report, "sentiment"))
        )
        assistant_seconds = _timed(lambda: _train_assistant(settings, assistant, held_out, _part(report, "assistant")))
        seconds = {"assistant": assistant_seconds, "sentiment": trained_mood.result()}
    _check_unchanged({assistant: sources.assistant_fingerprint(), mood: sources.sentiment_fingerprint()})
    report("version", "writing")

    def build(folder: Path) -> Mapping[str, Any]:
        os.link(assistant / "assistant.tar.gz", folder / "assistant.tar.gz")
        os.link(assistant / "predictions.json", folder / "out_of_fold.json")
        shutil.copytree(mood / "model", folder / "sentiment", copy_function=os.link)
        metrics = {name: _read(step / "metrics.json") for name, step in (("intent", assistant), ("sentiment", mood))}
        evaluation = Evaluation.of(_read(assistant / held_out), _read(mood / held_out))
        thresholds = _read(sources.thresholds) | {ANGER: metrics["sentiment"]["anger"]["threshold"]}
        (folder / "thresholds.json").write_text(json.dumps(thresholds, indent=2), encoding="utf-8")
        return {
            **taken,
            "trained_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "seconds": {**seconds, "all": round(time.monotonic() - began, 1)},
            "thresholds": thresholds,
            "metrics": metrics,
            "held_out": evaluation.figures(),
        }

    version = registry.add(taken["fingerprint"], build)
    Evaluation.of(_read(assistant / held_out), _read(mood / held_out)).save(registry, version, taken["held_out_hash"])
    _prune(registry)
    report("version", "")
    return version


def trained(settings: Settings) -> Version:
    """The version of the sources as they are now. Raises NotFound when there is none."""
    found = Registry(settings).made_from(Sources(settings).fingerprint())
    if found is None:
        raise NotFound("nothing is trained on the data files as they are now: ./kefu train")
    return found


def _before(sources: Sources) -> dict[str, Any]:
    """Taken before the training: a file that changes while it runs must not pass for one that was trained on."""
    return {
        "fingerprint": sources.fingerprint(),
        "held_out_hash": sources.held_out_fingerprint(),
        "hashes": {
            "data": sources.data_fingerprint(),
            "assistant": sources.assistant_fingerprint(),
            "sentiment": sources.sentiment_fingerprint(),
            "config": fingerprint([sources.config]),
            "encoder": fingerprint([sources.encoder]),
        },
    }


def _train_assistant(settings: Settings, step: Path, held_out: str, say: Say) -> None:
    """`assistant.tar.gz`, `metrics.json`, `predictions.json` and, as `held_out`, the evaluation."""
    sources = Sources(settings)
    step.mkdir(parents=True, exist_ok=True)
    knowledge = step / "knowledge_nlu.yml"
    count = write_knowledge_examples(sources.knowledge, knowledge)
    say(f"{count} example questions from the knowledge base")
    made = step / "report.json"
    arguments: list[str | Path] = ["--config", sources.config, "--domain", sources.domain]
    arguments += ["--data", *sources.examples, sources.dialogues, knowledge]
    arguments += ["--output", step / "assistant.tar.gz", "--metrics", made]
    evaluation = step / held_out
    arguments += ["--held-out", sources.held_out, "--evaluation", evaluation]
    arguments += ["--stories", sources.stories] if sources.stories.is_dir() else []
    if not (step / "assistant.tar.gz").exists() or not evaluation.exists():
        rasa.run("bot.assistant.train_model", arguments, settings, say)
    metrics = _read(made)["intent"]
    write_whole(step / "predictions.json", json.dumps(metrics.pop("predictions"), ensure_ascii=False))
    write_whole(step / "metrics.json", json.dumps(metrics, ensure_ascii=False, indent=2))
    say("")


def _train_sentiment(settings: Settings, step: Path, held_out: str, say: Say) -> None:
    """`model/`, `metrics.json` and, as `held_out`, the evaluation."""
    step.mkdir(parents=True, exist_ok=True)
    metrics = sentiment.train(settings, step / "model", say)
    write_whole(step / "metrics.json", json.dumps(metrics, ensure_ascii=False, indent=2))
    evaluation = step / held_out
    if not evaluation.exists():
        rows = sentiment.evaluate(settings, step / "model", say)
        write_whole(evaluation, json.dumps(rows, ensure_ascii=False))
    say("")


def _check_unchanged(fingerprints: Mapping[Path, str]) -> None:
    """A step is named by what it was made from. Raises TrainingFailed when that changed while it was being made."""
    spoilt = [step for step, now in fingerprints.items() if not step.name.endswith(now)]
    for step in spoilt:
        shutil.rmtree(step)
    if spoilt:
        raise TrainingFailed("the data files changed while they were trained on; run it again")


def _part(report: Report, name: str) -> Say:
    """Lines of both threads, one after another."""

    def say(text: str) -> None:
        with _saying:
            report(name, text)

    return say


_saying = threading.Lock()


def _timed(work: Callable[[], None]) -> float:
    """Seconds."""
    began = time.monotonic()
    work()
    return round(time.monotonic() - began, 1)


def _prune(registry: Registry) -> None:
    registry.prune()
    for kind in ("assistant", "sentiment"):
        steps = sorted(registry.steps_dir.glob(f"{kind}-*"), key=lambda step: step.stat().st_mtime)
        for step in steps[:-STEPS_KEPT]:
            shutil.rmtree(step)


def _read(file: Path) -> Any:
    return json.loads(file.read_text(encoding="utf-8"))
