import pytest

from bot.assistant.components.quantity import read_quantity


@pytest.mark.parametrize(
    ("text", "number"),
    [("50件", 50), ("五十", 50), ("十二箱", 12), ("两百二十个", 220), ("两百零五", 205), ("一万三千", 13000),
     ("来俩", 2), ("100 箱", 100), ("没有", None)],
)  # fmt: skip
def test_quantities_as_customers_write_them(text: str, number: int | None) -> None:
    assert read_quantity(text) == number
