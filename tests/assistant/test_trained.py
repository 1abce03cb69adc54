"""The real trained assistant on utterances that it never saw."""

import pytest

from tests.assistant.conftest import settings_of
from training.evaluation import evaluation_of
from training.registry import Version

pytestmark = pytest.mark.timeout(600)


def test_out_of_fold(trained: Version) -> None:
    report = trained.manifest["metrics"]["intent"]
    assert report["out_of_fold"]["accuracy"] >= 0.78
    assert report["out_of_fold"]["ece"] <= 0.05
    assert 0 < report["threshold"] < 1
    assert report["out_of_fold"]["accepted_accuracy"] > report["out_of_fold"]["accuracy"]


def test_held_out(trained: Version) -> None:
    evaluation = evaluation_of(settings_of(), trained)
    figures = evaluation.figures()
    assert figures["accuracy"] >= 0.85, [one for one in evaluation.utterances if not one.right]
    assert figures["ece"] <= 0.1
    assert figures["entities"]["all"]["precision"] >= 0.9
    assert figures["entities"]["all"]["recall"] >= 0.75
