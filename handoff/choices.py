"""A choice made in words, where there is nothing to press: 第一个, 选2, 最后一个, or the title itself.

Pure, and imports no more than the text's normalisation: also runs inside Rasa (Python 3.10). The buttons are those of
the last answer, whatever they were offered for and on whatever channel.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence

from retrieval.text import normalise

Button = Mapping[str, str]
"""`title` and `payload`."""

_NUMERALS = {numeral: value for value, numeral in enumerate("一二三四五六七八九十", start=1)}
_N = rf"([1-9]|10|[{''.join(_NUMERALS)}])"
_UNIT = r"(?:个|项|条|种|单|笔|款|件|张|样|行|号|位)"
_LEAD = r"(?:[那嗯哦好就我要想选点按来是帮办]|给我|回复|[,，\s])*"
_TRAIL = r"(?:选项|原因|订单|那个|这个|[的吧呀啊哈呢哦嘛啦了咯喽嘅好谢]|[\s.。,，、!！~～)）])*"
_PLACE = re.compile(
    rf"{_LEAD}(?:(?P<back>倒数)?第\s*{_N}\s*{_UNIT}?|(?P<said>选项?|选择|[点按发]|回复)\s*{_N}\s*[号项]?)[那这]?{_TRAIL}"
)
_BARE = re.compile(rf"{_N}\s*号?{_TRAIL}")
_ONE = rf"[那这]?一?{_UNIT}"
_FIRST = re.compile(rf"{_LEAD}(?:头{_ONE}|最[上前]面(?:{_ONE})?){_TRAIL}")
_LAST = re.compile(rf"{_LEAD}(?:最(?:后面?|尾){_ONE}|最下面(?:{_ONE})?){_TRAIL}")
_NUMBER = re.compile(r"[0-9]+")
_AGREES = "/affirm"


def meant(text: str, lists: Sequence[Sequence[Button]], orders_shown: int = 0) -> Button | None:
    """The button that the words name: by its title one of any of the `lists`, the newest first; by its place one of
    the newest. `text` is normalised.

    `orders_shown`: how many orders an earlier list holds. Where the buttons ask for a yes, 第一个 may mean the first of
    those: the form has to see which.
    """
    if named := next((button for offered in lists for button in offered if normalise(button["title"]) == text), None):
        return named
    newest = lists[0] if lists else ()
    for_a_yes = any(button["payload"].startswith(_AGREES) for button in newest)
    place = _place(text, [button["title"] for button in newest], by_number_only=for_a_yes and orders_shown > 1)
    if place == -1:
        return _last(newest)
    return newest[place] if place is not None and -len(newest) <= place < len(newest) else None


def _place(text: str, titles: Sequence[str], *, by_number_only: bool) -> int | None:
    """Counted from 0, or from -1 backwards."""
    if (found := _PLACE.fullmatch(text)) and (found["said"] or not by_number_only):
        number = _number(found[2] or found[4])
        return -number if found["back"] else number - 1
    if found := _BARE.fullmatch(text):
        number = _number(found[1])
        # 5, where the titles are 5 分, 4 分 …, is what it says and no place.
        return None if any(str(number) in _NUMBER.findall(title) for title in titles) else number - 1
    if by_number_only:
        return None
    if _FIRST.fullmatch(text):
        return 0
    return -1 if _LAST.fullmatch(text) else None


def _number(numeral: str) -> int:
    return _NUMERALS.get(numeral) or int(numeral)


def _last(buttons: Sequence[Button]) -> Button | None:
    """Of a list of orders the last order: what stands below it shows more of them."""
    orders = [button for button in buttons if "order_number" in _details(button)]
    listed = orders if orders and orders[0] is buttons[0] else buttons
    return listed[-1] if listed else None


def _details(button: Button) -> Mapping[str, str]:
    _, brace, details = button["payload"].partition("{")
    found: Mapping[str, str] = json.loads(brace + details) if brace else {}
    return found
