"""A button named in words: by its title, or by its place in the list."""

import pytest

from handoff.choices import Button, meant


def offered(*titles: str, payload: str = "/inform") -> list[Button]:
    return [{"title": title, "payload": f"{payload}{n}"} for n, title in enumerate(titles, start=1)]


REASONS = offered("不想要了", "质量问题", "发错或漏发", "尺码不合适", "与描述不符")


def chosen(text: str, *lists: list[Button], orders_shown: int = 0) -> str | None:
    button = meant(text, lists or [REASONS], orders_shown)
    return button["title"] if button else None


@pytest.mark.parametrize(
    ("words", "title"),
    [
        ("第二个 2 选2 选二 我选第二个吧 第2个 那就第二个 2号 2. 第二 回复2 要第二项", "质量问题"),
        ("第一个 1 一 头一个 最上面那个 选第一个原因", "不想要了"),
        ("最后一个 最后一个吧 倒数第一个 最下面那个 就最后那个", "与描述不符"),
        ("倒数第二个", "尺码不合适"),
        ("第二个到哪了 6 第九个 十一 要2个 2件 第一次买 一般 最后一次 100 最后 选", None),
    ],
)
def test_places_as_customers_say_them(words: str, title: str | None) -> None:
    assert {word: chosen(word) for word in words.split()} == dict.fromkeys(words.split(), title)


def test_titles_with_numbers_are_called_by_them() -> None:
    marks = offered("5 分 非常满意", "4 分 满意", "3 分 一般")
    assert chosen("3", marks) is None
    assert chosen("第三个", marks) == "3 分 一般"


def test_without_a_list() -> None:
    assert meant("第一个", []) is None


def test_a_title_of_any_a_place_of_the_newest() -> None:
    older = offered("转人工", "留言")
    assert chosen("留言", REASONS, older) == "留言"
    assert chosen("第二个", REASONS, older) == "质量问题"


def test_the_last_order_is_not_the_button_for_more() -> None:
    orders: list[Button] = [
        {"title": "奶瓶", "payload": '/order_status{"order_number":"KF1"}'},
        {"title": "纸尿裤", "payload": '/order_status{"order_number":"KF2"}'},
        {"title": "更多订单", "payload": '/order_list{"skip":"5"}'},
    ]
    assert chosen("最后一个", orders) == "纸尿裤"
    assert chosen("第三个", orders) == "更多订单"


def test_the_first_order_is_no_yes() -> None:
    asked = offered("确认退货", "先不退了", payload='/affirm{"confirms":"m1"}')
    assert chosen("第一个", asked, orders_shown=2) is None
    assert chosen("1", asked, orders_shown=2) == "确认退货"
    assert chosen("第一个", asked) == "确认退货"
