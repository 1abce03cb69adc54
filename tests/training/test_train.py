"""What goes into a training, and what is said when it cannot be done. The training itself: tests/assistant."""

import shutil
from pathlib import Path

import pytest
import yaml

from core.errors import InvalidInput, NotFound
from core.settings import HOME, Settings
from tests.assistant.conftest import settings_of
from tests.conftest import missing
from training.train import TrainingFailed, current_model, model_path, train, write_knowledge_examples

COPIED = ("config.yml", "requirements-assistant.lock", "nlu_data", "handoff", "retrieval", "bot/assistant")


@pytest.fixture
def project(tmp_path: Path) -> Settings:
    """A copy of the project with the encoder and Rasa's environment of the real one."""
    for name in COPIED:
        source, target = HOME / name, tmp_path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        (shutil.copytree if source.is_dir() else shutil.copy)(source, target)
    (tmp_path / ".venv-assistant").symlink_to(HOME / ".venv-assistant")
    (tmp_path / "var" / "models").mkdir(parents=True)
    (tmp_path / "var" / "models" / "encoder").symlink_to(HOME / "var" / "models" / "encoder")
    if not (tmp_path / ".venv-assistant").exists() or not (tmp_path / "var" / "models" / "encoder").exists():
        missing("the assistant is not set up: ./kefu test does it")
    return settings_of(home=tmp_path, var_dir=tmp_path / "var")


def test_the_model_is_named_by_all_that_it_is_made_of(project: Settings) -> None:
    name = model_path(project)
    assert model_path(project) == name
    held_out = project.home / "nlu_data" / "heldout" / "greet.yml"
    held_out.write_text(held_out.read_text("utf-8") + "# nothing learns from this\n", "utf-8")
    assert model_path(project) == name
    for source in ("config.yml", "nlu_data/intents/greet.yml", "bot/assistant/components/turn_router.py"):
        file = project.home / source
        file.write_text(file.read_text("utf-8") + "\n# changed\n", "utf-8")
        assert model_path(project) != name
        name = model_path(project)
    with pytest.raises(NotFound, match="kefu train"):
        current_model(project)


def test_what_is_missing_is_named(project: Settings) -> None:
    shutil.rmtree(project.home / "nlu_data" / "lookups")
    (project.home / "config.yml").unlink()
    with pytest.raises(NotFound, match=r"config\.yml.*lookups"):
        train(project)


@pytest.mark.timeout(300)
def test_rasas_reason_is_passed_on(project: Settings) -> None:
    rules = project.home / "bot" / "assistant" / "dialogues" / "contradiction.yml"
    rules.write_text(
        'version: "3.1"\nrules:\n- rule: 矛盾\n  steps:\n  - intent: greet\n  - action: utter_goodbye\n', "utf-8"
    )
    lines: list[str] = []
    with pytest.raises(TrainingFailed, match=r"(?s)Error: .*矛盾"):
        train(project, lines.append)
    assert lines
    assert (project.var_dir / "logs" / "training.log").is_file()
    assert not list((project.var_dir / "models" / "assistant").iterdir()), "nothing half-made is left"


def test_knowledge_questions_become_examples(tmp_path: Path) -> None:
    (tmp_path / "goods.yml").write_text(
        yaml.safe_dump(
            {
                "entries": [
                    {"question": "怎么退货", "similar": ["如何退", "[急]退\n货"]},
                    {"question": "多重", "similar": [], "intent": "product_question"},
                ]
            },
            allow_unicode=True,
        ),
        "utf-8",
    )
    made = tmp_path / "made.yml"
    assert write_knowledge_examples(tmp_path, made) == 4
    faq, product = yaml.safe_load(made.read_text("utf-8"))["nlu"]
    assert (faq["intent"], faq["examples"]) == ("faq", "- 怎么退货\n- 如何退\n- 【急】退 货\n")
    assert product["intent"] == "product_question"


def test_a_knowledge_file_of_another_form_is_named(tmp_path: Path) -> None:
    (tmp_path / "bad.yml").write_text("entries:\n- {answer: 有}\n", "utf-8")
    with pytest.raises(InvalidInput, match=r"bad\.yml"):
        write_knowledge_examples(tmp_path, tmp_path / "made.yml")
