"""A copy of the project, with the encoder and Rasa's environment of the real one; to be changed and trained on."""

import shutil
from collections.abc import Collection
from pathlib import Path

import yaml

from core.settings import HOME, Settings
from tests.assistant.conftest import settings_of
from tests.conftest import missing

COPIED = ("config.yml", "requirements-assistant.lock", "nlu_data", "handoff", "retrieval", "bot/assistant")


def set_up(folder: Path) -> Settings:
    for name in COPIED:
        source, target = HOME / name, folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        (shutil.copytree if source.is_dir() else shutil.copy)(source, target)
    (folder / ".venv-assistant").symlink_to(HOME / ".venv-assistant")
    models = folder / "var" / "models"
    models.mkdir(parents=True)
    for name in ("encoder", "vectors"):
        (models / name).symlink_to(HOME / "var" / "models" / name)
    if not (folder / ".venv-assistant").exists() or not (models / "encoder").exists():
        missing("the assistant is not set up: ./kefu test does it")
    return settings_of(home=folder, var_dir=folder / "var")


def shorten(settings: Settings, intents: Collection[str], examples: int) -> None:
    """Only these intents, so many utterances each, little knowledge, a third of the moods: for a quick training."""
    nlu = settings.home / "nlu_data"
    for file in (*(nlu / "intents").glob("*.yml"), *(nlu / "heldout").glob("*.yml")):
        if file.stem not in intents:
            file.unlink()
    for name in intents:
        file = nlu / "intents" / f"{name}.yml"
        content = yaml.safe_load(file.read_text("utf-8"))
        for block in content["nlu"]:
            block["examples"] = "".join(block["examples"].splitlines(keepends=True)[:examples])
        file.write_text(yaml.safe_dump(content, allow_unicode=True), "utf-8")
    for file in (nlu / "knowledge").glob("*.yml"):
        entries = yaml.safe_load(file.read_text("utf-8"))["entries"]
        kept = [entry for entry in entries if entry.get("intent", "faq") in intents][:3]
        file.write_text(yaml.safe_dump({"entries": kept}, allow_unicode=True), "utf-8")
    _keep_marked_entities(settings.home / "config.yml", "".join(map(_text, (nlu / "intents").glob("*.yml"))))
    shutil.rmtree(nlu / "stories")
    for file in (nlu / "sentiment").glob("*.tsv"):
        header, *rows = file.read_text("utf-8").splitlines(keepends=True)
        file.write_text("".join([header, *rows[::3]]), "utf-8")


def _keep_marked_entities(config: Path, examples: str) -> None:
    """The tagger learns no entity that nothing marks."""
    content = yaml.safe_load(_text(config))
    for component in content["pipeline"]:
        if component["name"].endswith("EntityTagger"):
            component["entities"] = [name for name in component["entities"] if f"]({name})" in examples]
    config.write_text(yaml.safe_dump(content, allow_unicode=True, sort_keys=False), "utf-8")


def _text(file: Path) -> str:
    return file.read_text("utf-8")
