"""What goes into a training, and what is said when it cannot be done. The training itself: tests/assistant."""

import shutil
from pathlib import Path

import pytest
import yaml

from core.errors import InvalidInput, NotFound
from core.settings import Settings
from tests.training.project import set_up
from training.rasa import TrainingFailed
from training.registry import Registry
from training.sources import Sources, write_knowledge_examples
from training.train import train, trained


@pytest.fixture
def project(tmp_path: Path) -> Settings:
    return set_up(tmp_path)


def test_a_version_is_named_by_all_that_it_is_made_of(project: Settings) -> None:
    sources = Sources(project)
    name = sources.fingerprint()
    assert sources.fingerprint() == name
    held_out = project.home / "nlu_data" / "heldout" / "greet.yml"
    held_out.write_text(held_out.read_text("utf-8") + "# nothing learns from this\n", "utf-8")
    assert sources.fingerprint() == name
    for source in (
        "config.yml",
        "nlu_data/intents/greet.yml",
        "nlu_data/sentiment/train.tsv",
        "nlu_data/sentiment/lexicon.yml",
        "handoff/thresholds.json",
        "bot/assistant/components/turn_router.py",
    ):
        file = project.home / source
        file.write_text(file.read_text("utf-8") + "\n", "utf-8")
        assert sources.fingerprint() != name, source
        name = sources.fingerprint()
    with pytest.raises(NotFound, match="kefu train"):
        trained(project)


def test_the_mood_and_the_assistant_are_trained_apart(project: Settings) -> None:
    sources = Sources(project)
    assistant, mood = sources.assistant_fingerprint(), sources.sentiment_fingerprint()
    with sources.sentiment.open("a", encoding="utf-8") as file:
        file.write("positive\t真好\n")
    assert (sources.assistant_fingerprint() == assistant, sources.sentiment_fingerprint() == mood) == (True, False)


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
        train(project, lambda part, text: lines.append(f"{part} {text}"))
    assert lines
    assert (project.var_dir / "logs" / "train_model.log").is_file()
    assert Registry(project).versions() == []


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
