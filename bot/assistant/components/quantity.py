"""How many, as customers write it: "50", "五十", "两百二十". Standard library only."""

from __future__ import annotations

import re

_DIGITS = {digit: value for value, digit in enumerate("零一二三四五六七八九")} | {"两": 2, "俩": 2, "〇": 0}
_UNITS = {"十": 10, "百": 100, "千": 1000, "万": 10000}
_LATIN = re.compile(r"\d+")
_CHINESE = re.compile(f"[{''.join(_DIGITS)}{''.join(_UNITS)}]+")


def read_quantity(text: str) -> int | None:
    """The first number in the text; None when there is none. "五十件" is 50, "100 箱" is 100."""
    if latin := _LATIN.search(text):
        return int(latin[0])
    if chinese := _CHINESE.search(text):
        return _read_chinese(chinese[0])
    return None


def _read_chinese(numeral: str) -> int:
    total = section = digit = 0
    for character in numeral:
        if character in _DIGITS:
            digit = _DIGITS[character]
        elif (unit := _UNITS[character]) == _UNITS["万"]:
            total += (section + digit) * unit
            section = digit = 0
        else:
            # "十二" begins with its unit: one ten.
            section += (digit or 1) * unit
            digit = 0
    return total + section + digit
