"""Trains the assistant: the Rasa project with everything that it learns from becomes one model file.

A model is named by the fingerprint of all that went into it, so an unchanged project is never trained twice, and one
that was trained before is found again. Rasa runs in its own environment, as a child process.
"""

import hashlib
import json
import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from core.errors import InvalidInput, KefuError, NotFound
from core.settings import Settings, load_settings

Report = Callable[[str], None]

KNOWLEDGE_INTENT = "faq"
LAST_LINES = 25
_PROGRESS_BAR = "it/s"


class TrainingFailed(KefuError):
    """Rasa could not train the project; the message holds its reason."""

    code = "training_failed"


@dataclass(frozen=True)
class TrainedAssistant:
    """`metrics`: `intent` (out-of-fold) and `held_out`, as bot/assistant/evaluate.py has it."""

    model: Path
    metrics: dict[str, Any]
    fresh: bool
    """Trained just now, not found."""


def train(settings: Settings, report: Report = print, *, force: bool = False) -> TrainedAssistant:
    """Train unless the model is there already. Takes one to two minutes.

    Raises NotFound for missing data or a missing encoder, InvalidInput for faulty knowledge files, TrainingFailed.
    """
    project = _Project(settings)
    project.check()
    model = model_path(settings)
    if not force and (found := _existing(model)):
        return found
    model.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="training-", dir=model.parent) as name:
        work = Path(name)
        knowledge = work / "knowledge_nlu.yml"
        count = write_knowledge_examples(project.knowledge, knowledge)
        report(f"{count} example questions from the knowledge base")
        made, metrics = work / model.name, work / "metrics.json"
        command: list[str | Path] = [project.python, "-m", "bot.assistant.train_model", "--config", project.config]
        command += ["--domain", project.domain, "--data", *project.examples, project.dialogues, knowledge]
        command += ["--held-out", project.held_out, "--output", made, "--metrics", metrics]
        began = time.monotonic()
        _run(command, settings, report)
        found_metrics = json.loads(metrics.read_text(encoding="utf-8"))
        found_metrics["seconds"] = round(time.monotonic() - began, 1)
        metrics.write_text(json.dumps(found_metrics, ensure_ascii=False, indent=2), encoding="utf-8")
        # The model last: where there is a model, there are its metrics.
        metrics.replace(_metrics_path(model))
        made.replace(model)
    return TrainedAssistant(model, found_metrics, fresh=True)


def model_path(settings: Settings) -> Path:
    """Where the model of the project as it is now belongs, whether or not it is trained."""
    folder = settings.var_dir / "models" / "assistant"
    return folder / f"{_Project(settings).fingerprint()}.tar.gz"


def current_model(settings: Settings) -> Path:
    """The trained model of the project as it is now. Raises NotFound when it has changed since."""
    model = model_path(settings)
    if not model.is_file():
        raise NotFound(
            f"the assistant is not trained on what nlu_data/ and bot/assistant/ hold now ({model}): ./kefu train"
        )
    return model


def evaluate(settings: Settings, model: Path, data: Path) -> dict[str, Any]:
    """Held-out figures of a trained model (bot/assistant/evaluate.py); `data` is a folder of NLU files. About 15 s."""
    command: list[str | Path] = [_Project(settings).python, "-m", "bot.assistant.evaluate"]
    command += ["--model", model, "--data", data]
    done = subprocess.run(command, env=_environment(settings), cwd=settings.home, capture_output=True, text=True)
    if done.returncode:
        raise TrainingFailed(f"the evaluation failed:\n{_tail(done.stderr.splitlines())}")
    figures: dict[str, Any] = json.loads(done.stdout)
    return figures


def write_knowledge_examples(folder: Path, output: Path) -> int:
    """Questions of the knowledge base as NLU examples, so that the intent knows what it can answer. Returns how many.

    An entry's `intent` says which intent its questions are examples of; without it they are `faq`.
    """
    by_intent: dict[str, dict[str, None]] = {}
    for file in sorted(folder.glob("*.yml")):
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
        try:
            for entry in content["entries"]:
                questions = by_intent.setdefault(entry.get("intent", KNOWLEDGE_INTENT), {})
                questions.update(dict.fromkeys(_plain(text) for text in (entry["question"], *entry["similar"])))
        except (KeyError, TypeError) as error:
            raise InvalidInput(f"{file}: expected `entries:` with `question` and `similar` ({error!r})") from error
    nlu = [
        {
            "intent": intent,
            "metadata": {"source": "knowledge"},
            "examples": "".join(f"- {question}\n" for question in questions),
        }
        for intent, questions in by_intent.items()
    ]
    output.write_text(yaml.safe_dump({"version": "3.1", "nlu": nlu}, allow_unicode=True), encoding="utf-8")
    return sum(map(len, by_intent.values()))


class _Project:
    """Where everything is that the assistant is made of."""

    def __init__(self, settings: Settings) -> None:
        home = settings.home
        self.python = home / ".venv-assistant" / "bin" / "python"
        self.config = home / "config.yml"
        self.domain = home / "bot" / "assistant" / "domain"
        self.dialogues = home / "bot" / "assistant" / "dialogues"
        nlu = home / "nlu_data"
        self.examples = (nlu / "intents", nlu / "lookups", nlu / "patterns.yml")
        self.knowledge = nlu / "knowledge"
        self.held_out = nlu / "heldout"
        self.encoder = encoder_folder(settings) / "encoder.json"
        self.code = (
            home / "bot" / "assistant" / "components",
            home / "handoff" / "decision.py",
            home / "handoff" / "thresholds.json",
            home / "retrieval" / "text.py",
            home / "requirements-assistant.lock",
        )

    def check(self) -> None:
        """Raises NotFound naming all that is missing."""
        missing = [path for path in (self.config, self.domain, self.dialogues, *self.examples, self.knowledge)
                   if not path.exists()]  # fmt: skip
        if missing:
            raise NotFound(f"the assistant's sources are incomplete, missing: {', '.join(map(str, missing))}")
        if not self.python.exists():
            raise NotFound(f"there is no environment for Rasa ({self.python}): ./kefu up makes it")
        if not self.encoder.exists():
            raise NotFound(f"there is no sentence encoder ({self.encoder.parent}): ./kefu up prepares it")

    def fingerprint(self) -> str:
        """12 hexadecimal digits over names and contents of all sources. Held-out data is no source."""
        digest = hashlib.sha256()
        sources = (self.config, self.domain, self.dialogues, *self.examples, self.knowledge, self.encoder, *self.code)
        for path in _files(sources):
            digest.update(f"{path.name}\0".encode())
            digest.update(hashlib.sha256(path.read_bytes()).digest())
        return digest.hexdigest()[:12]


def encoder_folder(settings: Settings) -> Path:
    return settings.var_dir / "models" / "encoder"


def _environment(settings: Settings) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("KEFU_")}
    models = settings.var_dir / "models"
    return {
        **kept,
        "KEFU_ENCODER_DIR": str(encoder_folder(settings)),
        "KEFU_VECTOR_CACHE": str(models / "vectors"),
        "PYTHONPATH": str(settings.home),
        "PYTHONUTF8": "1",
        "PYTHONUNBUFFERED": "1",
        "PYTHONWARNINGS": "ignore",
        "OMP_NUM_THREADS": "1",
        "OMP_WAIT_POLICY": "passive",
        # Rasa's own cache knows nothing of the modules behind our components.
        "RASA_MAX_CACHE_SIZE": "0",
        "RASA_CACHE_DIRECTORY": str(models / "rasa-cache"),
        "RASA_TELEMETRY_ENABLED": "false",
        "TF_CPP_MIN_LOG_LEVEL": "3",
    }


def _run(command: Iterable[str | Path], settings: Settings, report: Report) -> None:
    """Passes the child's lines on; the whole output is kept in logs/training.log."""
    log = settings.var_dir / "logs" / "training.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    lines: list[str] = []
    with (
        log.open("w", encoding="utf-8") as kept,
        subprocess.Popen(
            [str(part) for part in command],
            env=_environment(settings),
            cwd=settings.home,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
        ) as child,
    ):
        try:
            for line in child.stdout or ():
                kept.write(line)
                if line.strip() and _PROGRESS_BAR not in line:
                    lines.append(line.rstrip())
                    report(line.strip())
        except BaseException:  # Ctrl-C: the child must not train on alone
            child.kill()
            raise
    if child.returncode:
        raise TrainingFailed(f"the assistant could not be trained (all of it in {log}):\n{_tail(lines)}")


def _existing(model: Path) -> TrainedAssistant | None:
    metrics = _metrics_path(model)
    if not (model.is_file() and metrics.is_file()):
        return None
    return TrainedAssistant(model, json.loads(metrics.read_text(encoding="utf-8")), fresh=False)


def _metrics_path(model: Path) -> Path:
    return model.with_name(model.name.removesuffix(".tar.gz") + ".json")


def _files(paths: Iterable[Path]) -> Iterator[Path]:
    for path in paths:
        if path.is_dir():
            yield from sorted(file for file in path.rglob("*") if file.is_file() and file.suffix in {".yml", ".py"})
        else:
            yield path


def _plain(question: str) -> str:
    """A question as an NLU example: on one line, and no bracket that the format would take for an entity."""
    return " ".join(question.replace("[", "【").replace("]", "】").split())


def _tail(lines: list[str]) -> str:
    """The reason, when the child gave one, else the end of what it said."""
    start = next((number for number, line in enumerate(lines) if line.startswith("Error: ")), -LAST_LINES)
    return "\n".join(lines[start:][:LAST_LINES])


def summary(trained: TrainedAssistant) -> str:
    """What the metrics say, in lines for a terminal."""
    intent, held_out = trained.metrics["intent"], trained.metrics["held_out"]
    out_of_fold = intent["out_of_fold"]
    lines = [
        f"model      {trained.model}",
        f"intents    {intent['intents']} from {intent['examples']} examples",
        f"out of fold  accuracy {out_of_fold['accuracy']:.3f}  ECE {out_of_fold['ece']:.3f}"
        f"  fallback below {intent['threshold']:.2f} ({1 - out_of_fold['accepted']:.1%} of utterances)",
        f"held out     accuracy {held_out['accuracy']:.3f}  ECE {held_out['ece']:.3f}"
        f"  of the accepted {held_out['accepted_accuracy']:.3f}"
        f"  entities P {held_out['entities']['precision']:.2f} R {held_out['entities']['recall']:.2f}",
        *(
            f"  {share:5.0%}  {name}"
            for name, share in sorted(held_out["per_intent"].items(), key=lambda item: item[1])
        ),
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    print(summary(train(load_settings())))
