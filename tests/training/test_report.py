"""The report is one page that needs nothing from outside and says what went wrong."""

import re
from pathlib import Path

from training.evaluation import Evaluation, Mood, Story, Utterance
from training.registry import Version
from training.report import intent_rows, share, write
from training.report.charts import reliability

FAQ = dict.fromkeys(
    ("recall_at_1", "recall_at_5", "answered_right", "answered_wrong", "offered_with_right", "none"), 0.5
)


def utterance(text: str, intent: str, guess: str, probability: float) -> Utterance:
    return Utterance(text, intent, ((guess, probability),), probability > 0.5, (("product", 0, 2),), (), 0.0)


EVALUATION = Evaluation(
    (
        utterance("到哪了", "track_logistics", "track_logistics", 0.9),
        utterance("<b>钱呢</b>", "refund_progress", "complain", 0.95),
        utterance("退款", "refund_progress", "return_goods", 0.4),
    ),
    (Story("退货", False, ({"after": "我要退", "wanted": "return_form", "got": "action_fallback"},)),),
    (Mood("太差了", "negative", "neutral", 0.8, -0.1), Mood("好", "positive", "positive", 0.9, 0.5)),
    {},
)


def page_of(folder: Path, evaluation: Evaluation, faq: dict[str, float] | None) -> str:
    version = Version(folder / "20261122-000000-abc")
    version.folder.mkdir()
    (version.folder / "manifest.json").write_text('{"trained_at": "2026-11-22T00:00:00", "seconds": {"all": 42.0}}')
    write(folder / "page.html", version, evaluation, faq)
    return (folder / "page.html").read_text("utf-8")


def test_the_worst_error_comes_first_and_nothing_is_loaded_from_outside(tmp_path: Path) -> None:
    page = page_of(tmp_path, EVALUATION, {**FAQ, "entries": 3, "questions": 2})
    assert page.index("&lt;b&gt;钱呢") < page.index(">退款<")
    assert "<b>钱呢" not in page
    assert not re.search(r"(?:src|href)\s*=|url\(|@import|<script", page)
    assert page.count("<svg") == 5
    assert all(word in page for word in ("太差了", "action_fallback", "recall@5", "会反问"))


def test_an_empty_evaluation_makes_a_page_too(tmp_path: Path) -> None:
    page = page_of(tmp_path, Evaluation(EVALUATION.utterances[:1], (), (), {}), None)
    assert "知识检索" not in page
    assert "没有。" in page


def test_intents_are_scored_one_by_one_the_weakest_first() -> None:
    weakest, best = intent_rows(EVALUATION.utterances)
    assert (weakest.name, weakest.f1, weakest.recall, weakest.utterances) == ("refund_progress", 0, 0, 2)
    assert weakest.taken_for == "complain 1、return_goods 1"
    assert (best.name, best.f1) == ("track_logistics", 1)


def test_a_dot_a_bin_of_confidence() -> None:
    assert reliability([0.05, 0.95, 1.0], [False, True, True]).count("<circle") == 2


def test_shares_are_percentages() -> None:
    assert (share(0.123), share(1, 0), share(None)) == ("12.3%", "100%", "—")
