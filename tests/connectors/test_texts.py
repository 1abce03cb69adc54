"""Long texts are split by the vendor's limit; buttons become a numbered list."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.texts import numbered, split
from core.conversation.message import Button


@given(st.text(), st.integers(4, 60))
def test_pieces_fit_and_make_up_the_text(text: str, limit: int) -> None:
    pieces = split(text, limit)
    assert "".join(pieces) == text
    assert all(len(piece.encode()) <= limit for piece in pieces)
    assert all(pieces) or pieces == [""]


@pytest.mark.parametrize(
    ("text", "limit", "pieces"),
    [
        ("短", 2048, ["短"]),
        ("第一句话。第二句话。第三句", 20, ["第一句话。", "第二句话。", "第三句"]),
        ("没有标点的一长串文字", 12, ["没有标点", "的一长串", "文字"]),
        ("ab👨‍👩‍👧cd", 20, ["ab👨‍👩‍👧", "cd"]),
        ("ab👨‍👩‍👧cd", 19, ["ab", "👨‍👩‍👧c", "d"]),
        ("e\u0301e\u0301", 4, ["e\u0301", "e\u0301"]),
    ],
)
def test_where_a_text_is_cut(text: str, limit: int, pieces: list[str]) -> None:
    assert split(text, limit) == pieces


def test_buttons_as_a_list() -> None:
    buttons = [Button("查物流", "/track_logistics"), Button("退换货", "/return_goods")]
    assert numbered("请选择：", buttons) == "请选择：\n1. 查物流\n2. 退换货\n回复数字即可选择"
    assert numbered("您好", []) == "您好"
