"""What the bench of switching customers finds right and wrong, on transcripts made by hand."""

from collections.abc import Sequence

import pytest

from training.bench.continuity import Played, Said, judge
from training.bench.persons import Person, wording
from training.bench.shop import Shopper
from training.bench.switching import Line, Scene, app_to_mini

ONE = Person("12345", 1, "invoice", Shopper("B1", "KF000000000001", ("KF000000000002",)), "13900000001")
TWO = Person("12345", 2, "ticket", None, "13900000002")


def played(person: Person, lines: Sequence[Line], shown: Sequence[tuple[int, str]] = ()) -> Played:
    scene = Scene(None, list(lines), list(shown))  # type: ignore[arg-type]  # nothing is played here
    return Played(app_to_mini, [person], scene, went_well=True)


def switched(person: Person, conversations: Sequence[str] = ("c1", "c1")) -> tuple[list[Line], list[Said]]:
    """The form begun in the app and ended in the mini-program."""
    ways = [("app", f"a{person.number}"), ("mini", f"o{person.number}")]
    lines = [Line(person.number, *way, step.text) for way, step in zip(ways, person.steps, strict=True)]
    said = [
        Said(conversation, "in", line.channel, line.sender, line.text)
        for conversation, line in zip(conversations, lines, strict=True)
    ]
    return lines, said


def changed(mark: str) -> list[tuple[str, str]]:
    return [("B1", "KF000000000001")] if mark == ONE.mark else []


def test_who_went_on_in_one_conversation_about_their_own_order_resumed() -> None:
    lines, said = switched(ONE)
    figures = judge([played(ONE, lines=lines)], said, changed, 1.0)
    assert (figures.resumed, figures.resumed_percent, figures.wrong_merges, figures.failed) == (1, 100.0, 0, {})


@pytest.mark.parametrize(
    "orders", [[], [("B1", "KF000000000002")], [("B2", "KF000000000001")], [("B1", "KF000000000001"), ("B2", "KF1")]]
)
def test_another_order_than_the_members_own_is_not_right(orders: list[tuple[str, str]]) -> None:
    lines, said = switched(ONE)
    figures = judge([played(ONE, lines=lines)], said, lambda mark: orders, 1.0)
    assert (figures.resumed, figures.failed) == (0, {"app_to_mini": 1})


def test_two_conversations_and_a_wrong_order_of_lines_are_not_right() -> None:
    lines, said = switched(ONE, conversations=("c1", "c2"))
    assert judge([played(ONE, lines=lines)], said, changed, 1.0).resumed == 0
    lines, said = switched(ONE)
    assert judge([played(ONE, lines=lines)], said[::-1], changed, 1.0).resumed == 0


def test_two_people_in_one_conversation_are_a_wrong_merge() -> None:
    lines, said = switched(ONE)
    more, others = switched(TWO)
    both = [played(ONE, lines=lines), played(TWO, lines=more)]
    assert judge(both, said + others, changed, 1.0).wrong_merges == 1
    _, apart = switched(TWO, conversations=("c2", "c2"))
    assert judge(both, said + apart, changed, 1.0).wrong_merges == 0


def test_a_strangers_mark_in_an_answer_or_on_the_screen_counts() -> None:
    lines, said = switched(ONE)
    leak = Said("c1", "out", "mini", "o1", f"抬头{TWO.mark}科技有限公司")
    both = [played(ONE, lines=lines, shown=[(1, f"订单{TWO.mark}"), (1, ONE.mark)]), played(TWO, lines=[])]
    assert judge(both, [*said, leak], changed, 1.0).foreign_texts == 2


def test_a_response_is_found_in_any_of_its_wordings() -> None:
    question = wording("utter_ask_invoice_form_invoice_title")
    assert question.search("好的。\n「毛衣」的发票抬头写什么？开给个人就点一下，公司的话把全称发我。\n1. 个人")
    assert not question.search("您要退的是哪一单？点一下就行。")
