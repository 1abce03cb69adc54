"""Days as customers name them; it is Tuesday, 10 November 2026."""

from datetime import date

import pytest

from actions.dates import read_span
from actions.numerals import read_number

TODAY = date(2026, 11, 10)


@pytest.mark.parametrize(
    ("said", "first", "last"),
    [
        ("昨天", "11-09", "11-09"),
        ("昨晚", "11-09", "11-09"),
        ("大前天", "11-07", "11-07"),
        ("三天前", "11-07", "11-07"),
        ("两周前", "10-24", "10-30"),
        ("最近三天", "11-07", "11-10"),
        ("这两天", "11-08", "11-10"),
        ("这几天", "11-06", "11-10"),
        ("周一", "11-09", "11-09"),
        ("周五", "11-06", "11-06"),
        ("上周三", "11-04", "11-04"),
        ("上上周五", "10-30", "10-30"),
        ("上个星期天", "11-08", "11-08"),
        ("上周末", "11-07", "11-08"),
        ("上周", "11-02", "11-08"),
        ("11月8号", "11-08", "11-08"),
        ("十月二十一日", "10-21", "10-21"),
        ("2026-11-08", "11-08", "11-08"),
        ("11.8", "11-08", "11-08"),
        ("8号", "11-08", "11-08"),
        ("二十号", "10-20", "10-20"),
        ("这个月", "11-01", "11-30"),
        ("上个月", "10-01", "10-31"),
        ("10月底", "10-21", "10-31"),
        ("9月份", "09-01", "09-30"),
        ("国庆", "10-01", "10-08"),
        ("双十一", "10-31", "11-12"),
    ],
)
def test_a_day_or_several(said: str, first: str, last: str) -> None:
    assert read_span(said, TODAY) == (date.fromisoformat(f"2026-{first}"), date.fromisoformat(f"2026-{last}"))


def test_what_has_not_come_this_year_was_last_year() -> None:
    assert read_span("双十二那天", TODAY) == (date(2025, 12, 12), date(2025, 12, 12))
    assert read_span("12月1号", TODAY) == (date(2025, 12, 1), date(2025, 12, 1))
    assert read_span("去年双十一当天", TODAY) == (date(2025, 11, 11), date(2025, 11, 11))
    assert read_span("1号", date(2026, 1, 5)) == (date(2026, 1, 1), date(2026, 1, 1))
    assert read_span("上个月", date(2026, 1, 5)) == (date(2025, 12, 1), date(2025, 12, 31))


@pytest.mark.parametrize("said", ["", "你好", "三号线", "31月5号", "2月30号", "128块"])
def test_what_is_no_day(said: str) -> None:
    assert read_span(said, TODAY) is None


@pytest.mark.parametrize(
    ("numeral", "value"),
    [("128", 128), ("12.5", 12.5), ("十二", 12), ("三百二", 320), ("三百零二", 302), ("一千零五", 1005), ("两千", 2000),
     ("一万二", 12_000), ("二零二六", 2026)],
)  # fmt: skip
def test_numerals(numeral: str, value: float) -> None:
    assert read_number(numeral) == value
