import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval.text import normalise


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("  退货\u3000\t怎么办\n", "退货 怎么办"),
        ("ＫＦ２０２６１１０８０１２３", "KF202611080123"),
        ("退\u200b货\u200d运\ufeff费", "退货运费"),
        ("快递\x07到哪\x1b了", "快递到哪了"),
        ("啊啊啊啊啊快点！！！！", "啊啊快点!!"),
        ("13888888888", "13888888888"),
        ("www.example.com sooooo", "www.example.com soo"),
        ("气死了😡😡😡❤️", "气死了😡😡❤"),
        ("\ud800坏了的", "坏了的"),
        ("請問我的訂單到哪裏了 還在等著", "请问我的订单到哪里了 还在等着"),
        ("干嘛不发货 后天就要用 乾隆款著名面条", "干嘛不发货 后天就要用 乾隆款著名面条"),
        ("嗰個單去咗邊度 冇收到喎", "嗰个单去咗边度 冇收到㖞"),
        ("能退么 為什麼 怎么还没到", "能退么 为什么 怎么还没到"),
        ("", ""),
    ],
)
def test_normalise(typed: str, expected: str) -> None:
    assert normalise(typed) == expected


@given(st.text(st.characters(min_codepoint=0x3400, max_codepoint=0x9FFF)))
def test_nothing_becomes_a_character_that_phones_do_not_show(typed: str) -> None:
    assert max(normalise(typed), default="") <= "\uffff"


@given(st.text())
def test_normalising_twice_changes_nothing_more(text: str) -> None:
    once = normalise(text)
    assert normalise(once) == once
    assert unicodedata.is_normalized("NFKC", once)
