"""Days as customers name them: 昨天, 上周三, 11月8号, 双十一那天, 这个月. They lie in the past: somebody speaks of what
was bought. Pure reading; a span is (first day, last day), both included."""

import re
from calendar import monthrange
from collections.abc import Callable
from datetime import date, timedelta

from actions.numerals import NUMERAL, read_number

Span = tuple[date, date]

_DAYS = {"今": 0, "昨": 1, "前": 2, "大前": 3}
_WEEKDAYS = {name: day for day, names in enumerate(["一", "二", "三", "四", "五", "六", "日天"]) for name in names}
_FESTIVALS: dict[str, tuple[tuple[int, int], tuple[int, int]]] = {
    # The weeks of a sale, and its day.
    r"双(?:十一|11)": ((10, 31), (11, 11)),
    r"双(?:十二|12)": ((12, 8), (12, 12)),
    r"(?<![0-9])618|六一八": ((6, 1), (6, 18)),
    r"国庆|十一(?!月)": ((10, 1), (10, 7)),
    r"五一": ((5, 1), (5, 5)),
    r"元旦": ((1, 1), (1, 3)),
    r"三八|女神节|妇女节": ((3, 1), (3, 8)),
    r"圣诞": ((12, 24), (12, 25)),
    r"情人节": ((2, 14), (2, 14)),
}
_N = f"(?:{NUMERAL})"


def read_span(text: str, today: date) -> Span | None:
    """The span that is named, or None; the most exact way of naming one decides."""
    for pattern, read in _READERS:
        if found := pattern.search(text):
            return read(found, today)
    return None


def _calendar_day(found: re.Match[str], today: date) -> Span | None:
    day, month = int(read_number(found["day"])), int(read_number(found["month"]))
    return _one(_latest(month, day, _year(found["year"], today), today))


def _day_of_month(found: re.Match[str], today: date) -> Span | None:
    day = int(read_number(found[1]))
    this = _one(_date(today.year, today.month, day))
    before = today.replace(day=1) - timedelta(days=1)
    return this if this and this[0] <= today else _one(_date(before.year, before.month, day))


def _month(found: re.Match[str], today: date) -> Span | None:
    month = int(read_number(found["month"]))
    first = _latest(month, 1, _year(found["year"], today), today)
    return _part_of_month(first, found["part"]) if first else None


def _near_month(found: re.Match[str], today: date) -> Span | None:
    first = today.replace(day=1)
    for _ in range(found[1].count("上")):
        first = (first - timedelta(days=1)).replace(day=1)
    return _part_of_month(first, found[2])


def _part_of_month(first: date, part: str | None) -> Span:
    last = first.replace(day=monthrange(first.year, first.month)[1])
    parts = {"初": (first, first.replace(day=10)), "中": (first.replace(day=11), first.replace(day=20))}
    return parts.get((part or "")[:1]) or ((first.replace(day=21), last) if part else (first, last))


def _near_day(found: re.Match[str], today: date) -> Span:
    day = today - timedelta(days=_DAYS[found[1]])
    return day, day


def _days_ago(found: re.Match[str], today: date) -> Span:
    units = {"天": 1, "日": 1, "周": 7, "星期": 7, "礼拜": 7, "月": 30}
    unit = units[found[2]]
    day = today - timedelta(days=round(read_number(found[1]) * unit))
    # 三天前 is exact, 两周前 and 一个月前 are not.
    slack = timedelta(days=0 if unit == 1 else 3 if unit == 7 else 10)
    return day - slack, day + slack


def _recent(found: re.Match[str], today: date) -> Span:
    return today - timedelta(days=4 if found[1] in {"这", "最近"} else 7), today


def _recent_count(found: re.Match[str], today: date) -> Span:
    unit = {"天": 1, "周": 7, "星期": 7, "礼拜": 7, "月": 30, "年": 365}[found[2]]
    return today - timedelta(days=round(read_number(found[1]) * unit)), today


def _week(found: re.Match[str], today: date) -> Span | None:
    monday = today - timedelta(days=today.weekday() + 7 * (found[1] or "").count("上"))
    which = found[2]
    if which == "末":
        return monday + timedelta(days=5), monday + timedelta(days=6)
    if not which:
        return monday, monday + timedelta(days=6)
    day = monday + timedelta(days=_WEEKDAYS[which])
    # 周五 without more is the last one there was.
    return _one(day if day <= today else day - timedelta(days=7))


def _festival(begin: tuple[int, int], day: tuple[int, int]) -> Callable[[re.Match[str], date], Span | None]:
    def read(found: re.Match[str], today: date) -> Span | None:
        last = _latest(*day, _year(found["year"], today), today, soon=begin)
        if last is None:
            return None
        return (last, last) if found["exact"] else (date(last.year, *begin), last + timedelta(days=1))

    return read


def _year(word: str | None, today: date) -> int | None:
    if not word:
        return None
    near = {"今年": 0, "去年": 1, "前年": 2}
    if word in near:
        return today.year - near[word]
    year = int(read_number(word.removesuffix("年").strip("-/.")))
    return year if year > 100 else 2000 + year


def _latest(month: int, day: int, year: int | None, today: date, soon: tuple[int, int] | None = None) -> date | None:
    """That day of the year given, else the last one there was; of a sale, once it has begun (`soon`)."""
    if year:
        return _date(year, month, day)
    this = _date(today.year, month, day)
    begun = this if this is None or soon is None else _date(today.year, *soon)
    return this if begun is None or begun <= today else _date(today.year - 1, month, day)


def _date(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None


def _one(day: date | None) -> Span | None:
    return (day, day) if day else None


_YEAR = r"(?P<year>今年|去年|前年|(?:20)?[0-9]{2}年|二[零〇][一-龥]{2}年)?"
_READERS: tuple[tuple[re.Pattern[str], Callable[[re.Match[str], date], Span | None]], ...] = (
    (re.compile(r"(?P<year>20[0-9]{2}[-/.])(?P<month>[0-9]{1,2})[-/.](?P<day>[0-9]{1,2})(?![0-9])"), _calendar_day),
    (re.compile(rf"{_YEAR}的?(?P<month>{_N})月份?(?P<day>{_N})[日号]?(?!天)"), _calendar_day),
    *(
        (re.compile(rf"{_YEAR}的?(?:{name})(?P<exact>那天|当天|当晚|那晚)?"), _festival(begin, day))
        for name, (begin, day) in _FESTIVALS.items()
    ),
    (
        re.compile(
            r"(?P<year>(?!))?(?<![0-9.¥])(?P<month>1[0-2]|0?[1-9])[./-](?P<day>3[01]|[12][0-9]|0?[1-9])(?![0-9.块元斤])"
        ),
        _calendar_day,
    ),
    (re.compile(rf"{_YEAR}的?(?<!个)(?P<month>{_N})月份?(?P<part>初|中旬?|底|末)?(?!前|以前|龄)"), _month),
    (re.compile(r"(这个?|本|上+个?)月(?:份)?(初|中旬?|底|末)?"), _near_month),
    (re.compile(r"(今|昨|大前|(?<!大)前)(?:天|日|儿|晚|早)"), _near_day),
    (re.compile(rf"({_N})个?(天|日|周|星期|礼拜|月)(?:之|以)?前"), _days_ago),
    (re.compile(rf"(?:最近|近|过去|这)({_N})个?(天|周|星期|礼拜|月|年)"), _recent_count),
    (re.compile(r"(这|前|最近)(?:几|两|些)天"), _recent),
    (
        re.compile(r"(?:(上+|这|本)个?)?(?:周|星期|礼拜)(?:([一二三四五六日天末])|(?<=[上这本个].)|(?<=[上这本个]..))"),
        _week,
    ),
    (re.compile(rf"(?<![0-9一二三四五六七八九十])({_N})[号日](?!线|楼|店|码|柜)"), _day_of_month),
)
