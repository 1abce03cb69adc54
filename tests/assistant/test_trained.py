"""The real trained assistant on utterances that it never saw."""

import pytest

from core.settings import HOME
from tests.assistant.conftest import settings_of
from training.train import TrainedAssistant, evaluate

pytestmark = pytest.mark.timeout(600)


def test_out_of_fold(trained: TrainedAssistant) -> None:
    report = trained.metrics["intent"]
    assert report["out_of_fold"]["accuracy"] >= 0.78
    assert report["out_of_fold"]["ece"] <= 0.05
    assert 0 < report["threshold"] < 1
    assert report["out_of_fold"]["accepted_accuracy"] > report["out_of_fold"]["accuracy"]


def test_held_out(trained: TrainedAssistant) -> None:
    figures = evaluate(settings_of(), trained.model, HOME / "nlu_data" / "heldout")
    assert figures["accuracy"] >= 0.85, figures["wrong"]
    assert figures["ece"] <= 0.1
    assert figures["entities"]["precision"] >= 0.9
    assert figures["entities"]["recall"] >= 0.75
    assert figures == trained.metrics["held_out"]
