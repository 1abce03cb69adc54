"""The Rasa project around the data: responses that nobody says, rules that contradict one another."""

import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

import yaml

from core.settings import Settings
from training import rasa
from training.lint.files import text_of
from training.lint.findings import Finding, Level, Place
from training.rasa import TrainingFailed
from training.sources import Sources

_RESPONSE = re.compile(r"^  (utter_\w+):")
_NAME = re.compile(r"utter_\w+")
_PART_OF_A_NAME = re.compile(r"[\"'](utter_\w*?)\{")
_SPOKEN_BY_RASA = ("utter_ask_", "utter_default", "utter_restart")


def names(sources: Sources, kind: str) -> list[str]:
    """Of `intents` or `entities` in the domain."""
    found: list[str] = []
    for path in sorted(sources.domain.rglob("*.yml")):
        content = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
        found += [next(iter(one)) if isinstance(one, dict) else str(one) for one in content.get(kind) or ()]
    return found


def responses(sources: Sources, home: Path) -> Iterator[Finding]:
    """Unused ones, and ones that are said and do not exist."""
    defined: dict[str, Place] = {}
    faults: list[Finding] = []
    for path in sorted(sources.domain.rglob("*.yml")):
        for number, line in enumerate((text_of(path, faults) or "").splitlines(), start=1):
            if found := _RESPONSE.match(line):
                defined[found[1]] = Place(path, number)
    said: dict[str, Place] = {}
    prefixes = set(_SPOKEN_BY_RASA)
    for path in (*sources.dialogues.glob("*.yml"), *_code(home)):
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
            prefixes |= set(_PART_OF_A_NAME.findall(line))
            said |= {name: Place(path, number) for name in _NAME.findall(line)}
    for path in sorted(sources.domain.rglob("*.yml")):  # listed as an action, or named in another response
        text = _RESPONSE.sub("", "\n".join((text_of(path, faults) or "").splitlines()))
        said |= {name: Place(path, 0) for name in _NAME.findall(re.sub(r"(?m)^  utter_\w+:", "", text))}
    for name, place in defined.items():
        if name not in said and not name.startswith(tuple(prefixes)):
            yield Finding(Level.warning, "unused", place, f"nothing says {name}", "remove it, or say it")
    for path in sources.dialogues.glob("*.yml"):
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
            for name in _NAME.findall(line):
                if name not in defined:
                    yield Finding(
                        Level.error, "unknown", Place(path, number), f"there is no response {name}", "write it"
                    )


def contradictions(settings: Settings) -> Iterator[Finding]:
    """What RulePolicy finds when it is trained: `rasa data validate` does not. Some ten seconds."""
    sources = Sources(settings)
    with tempfile.TemporaryDirectory(prefix="kefu-lint-") as name:
        config = Path(name) / "config.yml"
        config.write_text("recipe: default.v1\nlanguage: zh\nassistant_id: lint\npolicies:\n- name: RulePolicy\n")
        arguments: list[str | Path] = ["--config", config, "--domain", sources.domain, "--data", sources.dialogues]
        arguments += ["--output", Path(name) / "rules.tar.gz", "--metrics", Path(name) / "report.json"]
        try:
            rasa.run("bot.assistant.train_model", arguments, settings, lambda text: None)
        except TrainingFailed as error:
            yield from _named(error.message, sources)


def _named(reason: str, sources: Sources) -> Iterator[Finding]:
    """One finding a sentence that names a rule or story, at the line where that one begins."""
    places: dict[str, Place] = {}
    for path in sorted(sources.dialogues.glob("*.yml")):
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
            if found := re.match(r"^\s*- (?:rule|story): [\"']?(.*?)[\"']?\s*$", line):
                places[found[1]] = Place(path, number)
    named = False
    for line in reason.splitlines():
        known = [places[name] for name in re.findall(r"'([^']+)'", line) if name in places]
        if known:
            named = True
            message = line.strip().removeprefix("- ") + "".join(f" ({place})" for place in known[1:])
            yield Finding(Level.error, "contradiction", known[0], message, "two rules want different things here")
    if not named:
        yield Finding(Level.error, "contradiction", Place(sources.dialogues, 0), reason, "")


def _code(home: Path) -> Iterator[Path]:
    for room in ("actions", "bot"):
        yield from (path for path in (home / room).rglob("*.py") if "__pycache__" not in path.parts)
        yield from (path for path in (home / room).rglob("*.yml") if "domain" not in path.parts)
