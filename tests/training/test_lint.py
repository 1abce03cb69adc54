"""Lint finds planted mistakes, at their file and line, and nothing where there is nothing."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from core.settings import Settings
from tests.assistant.conftest import settings_of
from tests.training.project import set_up
from training.lint import Finding, Level, check
from training.lint.dialogue import contradictions
from training.lint.files import plain, read
from training.lint.labels import labels
from training.sources import KNOWLEDGE_INTENT, Sources

GREET = ["你好呀在吗", "哈喽有人没有", "早上好客服"]
TRACK = ["我的[纸尿裤](product)到哪里了", "快递[KF202611080123](order_number)走到哪了", "包裹怎么还在路上啊"]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A small shop's data without a mistake."""
    nlu, assistant = tmp_path / "nlu_data", tmp_path / "bot" / "assistant"
    utterances(nlu / "intents", "greet", GREET)
    utterances(nlu / "intents", "track_logistics", TRACK)
    utterances(nlu / "heldout", "greet", ["下午好哦店家"])
    put(nlu / "heldout" / "knowledge.jsonl", '{"text": "几天可以到货呢", "id": "kb-time"}\n')
    put(nlu / "knowledge_calibration.jsonl", '{"text": "今天天气如何", "id": null}\n')
    put(nlu / "sentiment" / "train.tsv", "degree\ttext\nnegative\t太慢了吧你们\n")
    put(nlu / "sentiment" / "heldout.tsv", "degree\ttext\npositive\t真不错我喜欢\n")
    entries(nlu, {"id": "kb-time", "question": "多久能送到", "similar": ["送货要几天"]})
    put(assistant / "domain" / "intents.yml", "intents: [greet, track_logistics]\nentities: [product, order_number]\n")
    put(assistant / "domain" / "responses" / "flow.yml", "responses:\n  utter_greet:\n  - text: 您好\n")
    put(assistant / "dialogues" / "rules.yml",
        "rules:\n- rule: 问候\n  steps:\n  - intent: greet\n  - action: utter_greet\n")  # fmt: skip
    return settings_of(home=tmp_path, var_dir=tmp_path / "var")


def put(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, "utf-8")


def utterances(folder: Path, intent: str, examples: list[str]) -> None:
    lines = "".join(f"    - {example}\n" for example in examples)
    put(folder / f"{intent}.yml", f'version: "3.1"\nnlu:\n- intent: {intent}\n  examples: |\n{lines}')


def entries(nlu: Path, *fields: dict[str, object]) -> None:
    common = {
        "answer": "三天。",
        "category": "物流",
        "owner": "物流组",
        "valid_from": "2026-01-01",
        "valid_until": None,
    }
    content = {"entries": [{**common, **one} for one in fields]}
    put(nlu / "knowledge" / "shipping.yml", yaml.safe_dump(content, allow_unicode=True))


def found(settings: Settings, name: str) -> list[Finding]:
    return [finding for finding in check(settings) if finding.check == name]


def test_clean_data_has_only_too_few_utterances(settings: Settings) -> None:
    assert {finding.check for finding in check(settings)} == {"few"}


@pytest.mark.parametrize(
    ("utterance", "name", "said"),
    [
        ("查[KF20261108](order_number)0123到哪了", "span", "KF202611080123"),
        ("我的[纸尿裤 ](product)呢怎么还没到", "span", "space"),
        ("我的[奶粉](produkt)在哪个地方呢", "entity", "produkt"),
        ("我的[奶粉(product)什么时候能到", "brackets", "partner"),
        ("我的快递\u200b到什么地方了", "characters", "U+200B"),
        ("我的订单１２３到哪里去了", "full-width", "１２３"),
    ],
)
def test_a_faulty_utterance_is_found_at_its_line(settings: Settings, utterance: str, name: str, said: str) -> None:
    utterances(settings.home / "nlu_data" / "intents", "track_logistics", [*TRACK, utterance])
    (finding, *_) = found(settings, name)
    assert finding.place.file.name == "track_logistics.yml"
    assert finding.place.line == 5 + len(TRACK)
    assert said in finding.message


def test_emoji_of_several_characters_and_spans_side_by_side_are_no_fault(settings: Settings) -> None:
    fine = ["服了\U0001f926\u200d♀️到现在都没有到", "查[KF202611080123](order_number)[3](product)号那个"]
    utterances(settings.home / "nlu_data" / "intents", "track_logistics", [*TRACK, *fine])
    assert {finding.check for finding in check(settings)} == {"few"}


def test_the_same_utterance_under_two_intents_and_in_held_out_data(settings: Settings) -> None:
    nlu = settings.home / "nlu_data"
    utterances(nlu / "intents", "track_logistics", [*TRACK, "你好呀在吗"])
    utterances(nlu / "heldout", "greet", ["哈喽有人没有", "早上好啊客服"])
    (two,) = found(settings, "two labels")
    assert (two.level, two.place.line) == (Level.error, 8)
    assert "greet.yml:5" in two.message
    (leak,) = found(settings, "leak")
    assert (leak.level, leak.place.file.parent.name) == (Level.error, "heldout")


def test_near_duplicates_across_training_and_held_out(settings: Settings) -> None:
    nlu = settings.home / "nlu_data"
    utterances(nlu / "intents", "greet", [*GREET, "请问一下你们客服小姐姐现在在线上吗"])
    utterances(nlu / "heldout", "greet", ["请问一下你们客服小姐姐现在在线上嘛"])
    (near,) = found(settings, "near leak")
    assert (near.level, near.place.line) == (Level.warning, 5)
    assert near.hint


def test_knowledge_is_checked(settings: Settings) -> None:
    nlu = settings.home / "nlu_data"
    entries(
        nlu,
        {"id": "kb-time", "question": "多久能送到", "similar": ["送货要几天"], "valid_until": "2025-01-01"},
        {"id": "kb-time", "question": "送货要几天", "similar": ["要等多久"], "answer": ""},
    )
    messages = {finding.check: finding.message for finding in check(settings)}
    assert "kb-time ends on 2025-01-01, before it begins" in messages["dates"]
    assert "is the id of another entry" in messages["two entries"]
    assert "`answer` is missing" in messages["fields"]
    assert "送货要几天" in messages["twice"]


def test_a_file_that_is_not_utf8_is_named_and_the_rest_is_checked(settings: Settings) -> None:
    nlu = settings.home / "nlu_data"
    (nlu / "intents" / "thank.yml").write_bytes("nlu:\n- intent: thank\n  examples: |\n    - 多谢了".encode("gbk"))
    utterances(nlu / "intents", "track_logistics", [*TRACK, "你好呀在吗"])
    (encoding,) = found(settings, "encoding")
    assert (encoding.place.file.name, encoding.place.line) == ("thank.yml", 4)
    assert found(settings, "two labels")


def test_responses_that_nobody_says_and_that_do_not_exist(settings: Settings) -> None:
    assistant = settings.home / "bot" / "assistant"
    put(assistant / "domain" / "responses" / "flow.yml",
        "responses:\n  utter_greet:\n  - text: 您好\n  utter_left_over:\n  - text: 嗯\n")  # fmt: skip
    put(
        assistant / "dialogues" / "more.yml",
        "rules:\n- rule: 别\n  steps:\n  - intent: greet\n  - action: utter_gone\n",
    )
    (unused,), (unknown,) = found(settings, "unused"), found(settings, "unknown")
    assert ("utter_left_over" in unused.message, unused.place.line) == (True, 4)
    assert ("utter_gone" in unknown.message, unknown.place.line) == (True, 5)


def test_annotations_are_taken_out() -> None:
    text, spans = plain('要[3](quantity)件[红的]{"entity": "color", "value": "红色"}')
    assert text == "要3件红的"
    assert [(text[span.start : span.end], span.entity) for span in spans] == [("3", "quantity"), ("红的", "color")]


@pytest.fixture
def judged(settings: Settings, tmp_path: Path) -> Callable[[list[list[float]]], list[Finding]]:
    """What the labels' check says when a training gave these probabilities to 41 greetings and 40 questions."""
    greet = [*(f"问候{number}号你好" for number in range(40)), "我的快递在哪里"]
    track = [f"快递{number}号到哪" for number in range(40)]
    nlu = settings.home / "nlu_data" / "intents"
    utterances(nlu, "greet", greet)
    utterances(nlu, "track_logistics", track)

    def check(probabilities: list[list[float]]) -> list[Finding]:
        content = {
            "names": ["greet", "track_logistics"],
            "texts": [*greet, *track],
            "intents": ["greet"] * 41 + ["track_logistics"] * 40,
            "probabilities": probabilities,
        }
        put(tmp_path / "out_of_fold.json", json.dumps(content))
        return list(labels(read(Sources(settings), KNOWLEDGE_INTENT).train, tmp_path / "out_of_fold.json"))

    return check


def test_a_wrong_label_is_found_by_what_the_last_training_says(
    judged: Callable[[list[list[float]]], list[Finding]],
) -> None:
    pytest.importorskip("cleanlab", reason="needs the extra `lint`")
    findings = judged([[0.95, 0.05]] * 40 + [[0.02, 0.98]] + [[0.05, 0.95]] * 40)
    assert [(found.check, found.place.file.name, found.place.line) for found in findings] == [
        ("label", "greet.yml", 45)
    ]


def test_intents_that_are_taken_for_each_other_are_close(judged: Callable[[list[list[float]]], list[Finding]]) -> None:
    half = [[0.6, 0.4], [0.4, 0.6]] * 41
    assert "close" in {finding.check for finding in judged(half[:81])}
    sure = [[0.9, 0.1]] * 41 + [[0.1, 0.9]] * 40
    assert "close" not in {finding.check for finding in judged(sure)}


@pytest.mark.timeout(300)
def test_rules_that_contradict_are_named_at_their_line(tmp_path: Path) -> None:
    project = set_up(tmp_path)
    rules = project.home / "bot" / "assistant" / "dialogues" / "contradiction.yml"
    put(rules, 'version: "3.1"\nrules:\n- rule: 矛盾\n  steps:\n  - intent: greet\n  - action: utter_goodbye\n')
    findings = list(contradictions(project))
    assert (rules, 3) in [(finding.place.file, finding.place.line) for finding in findings]
