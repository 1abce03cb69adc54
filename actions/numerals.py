"""Numbers as customers write them: "128", "三百二", "一千零五", "两". Pure reading."""

import re

_DIGITS = {digit: value for value, digit in enumerate("零一二三四五六七八九")} | {"〇": 0, "两": 2, "俩": 2}
_UNITS = {"十": 10, "百": 100, "千": 1000, "万": 10_000}
NUMERAL = rf"[0-9]+(?:\.[0-9]+)?|[{''.join(_DIGITS)}{''.join(_UNITS)}]+"
_HUNDREDS = re.compile(rf"[百千万][{''.join(_DIGITS)}]$")


def read_number(numeral: str) -> float:
    """What `NUMERAL` matched. 三百二 is 320: a digit left alone behind a unit counts the next smaller one."""
    if numeral[0].isdigit() and numeral.isascii():
        return float(numeral)
    total = section = digit = 0
    last = 0
    for character in numeral:
        if character in _DIGITS:
            digit = _DIGITS[character]
            # "二零二六" counts places instead of naming units.
            section, last = (section * 10 + last, digit) if not set(numeral) & _UNITS.keys() else (section, digit)
        elif (unit := _UNITS[character]) == _UNITS["万"]:
            total += (section + digit) * unit
            section = digit = 0
        else:
            section += (digit or 1) * unit
            digit = 0
    if not set(numeral) & _UNITS.keys():
        return section * 10 + digit
    if _HUNDREDS.search(numeral):
        digit *= _UNITS[numeral[-2]] // 10
    return total + section + digit
