"""A real training on a little data: killed, it goes on where it stopped; a planted regression is refused and named."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from core.settings import HOME, Settings
from tests.training.project import set_up, shorten
from training.promote import REFUSED, judge, last_refusal, settle, settled
from training.registry import Registry
from training.sources import Sources
from training.train import train

INTENTS = ("greet", "human_agent", "track_logistics", "refund_progress", "return_goods", "change_address", "faq")
EXAMPLES = 40
PROGRAM = """
import sys
from pathlib import Path
from tests.assistant.conftest import settings_of
from training.train import train
train(settings_of(home=Path(sys.argv[1]), var_dir=Path(sys.argv[1]) / "var"))
"""
pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    settings = set_up(tmp_path_factory.mktemp("project"))
    shorten(settings, INTENTS, EXAMPLES)
    return settings


def test_a_killed_training_goes_on_where_it_stopped(project: Settings) -> None:
    registry = Registry(project)
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(project.home)],
        env={**os.environ, "PYTHONPATH": str(HOME)},
        start_new_session=True,
    ) as training:
        while not (finished := [*registry.steps_dir.glob("*/assistant.tar.gz"), *registry.steps_dir.glob("*/model")]):
            assert training.poll() is None, "it ended too early"
            time.sleep(0.02)
        os.killpg(training.pid, signal.SIGKILL)
    assert registry.versions() == []
    before = {step: step.stat().st_ino for step in finished}

    said: list[str] = []
    version = train(project, lambda part, text: said.append(part))
    assert {step: step.stat().st_ino for step in finished} == before, "what was finished is not made again"
    assert registry.versions() == [version]
    assert version.manifest["held_out"]["accuracy"] > 0.7
    assert set(version.manifest["hashes"]) == {"data", "assistant", "sentiment", "config", "encoder"}
    assert json.loads(version.thresholds.read_text())["sentiment"] == version.manifest["thresholds"]["sentiment"]
    assert set(said) == {"assistant", "sentiment", "version"}

    said.clear()
    assert train(project, lambda part, text: said.append(part)).name == version.name
    assert said == [], "nothing changed, nothing is trained"


def test_a_planted_regression_is_refused_and_named(project: Settings) -> None:
    """Half of what asks for a return is labelled as a question for the refund."""
    registry = Registry(project)
    good = train(project)
    registry.point_to(good, "first")
    relabel(project.home / "nlu_data" / "intents", "return_goods", "refund_progress", EXAMPLES - 10)
    assert not settled(project)

    settle(project, lambda part, text: None)

    bad = registry.made_from(Sources(project).fingerprint())
    assert bad is not None
    assert bad.name != good.name
    assert registry.current().name == good.name, "the old one goes on serving"
    assert registry.history()[-1]["what"] == REFUSED
    assert settled(project), "it is not tried again"
    assert any(reason.startswith("return_goods") for reason in last_refusal(project) or [])
    verdict = judge(project, bad, good)
    named = {change.measure for change in verdict.regressions}
    assert "return_goods" in named
    assert "greet" not in named
    assert judge(project, good, bad).passed


def relabel(folder: Path, intent: str, other: str, count: int) -> None:
    """The first `count` utterances of `intent` move to `other`."""
    blocks = {name: yaml.safe_load((folder / f"{name}.yml").read_text("utf-8")) for name in (intent, other)}
    lines = blocks[intent]["nlu"][0]["examples"].splitlines(keepends=True)
    blocks[intent]["nlu"][0]["examples"] = "".join(lines[count:])
    blocks[other]["nlu"][0]["examples"] += "".join(lines[:count])
    for name, content in blocks.items():
        (folder / f"{name}.yml").write_text(yaml.safe_dump(content, allow_unicode=True), "utf-8")
