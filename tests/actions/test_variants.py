"""What is wanted instead, read from what customers write."""

import pytest

from actions.backends.aftersales import ExchangeItem, Variant
from actions.forms.variants import look, read_wish, the_only_one, variant_of


def item(
    sku: str, name: str, own: tuple[str | None, str | None], *others: tuple[str | None, str | None]
) -> ExchangeItem:
    looks = (own, *others)
    variants = (Variant(f"{sku}-{n}", f"{name} {c} {s}", 5, c, s) for n, (c, s) in enumerate(looks))
    return ExchangeItem(f"{sku}-0", f"{name} {own[0]} {own[1]}", tuple(variants))


DRESS = item(
    "FZ", "栖木碎花连衣裙", ("雾蓝", "M"), ("雾蓝", "S"), ("雾蓝", "L"), ("雾蓝", "XL"), ("红色", "M"), ("杏色", "L")
)
SHOES = item("XZ", "学步鞋", (None, "21"), (None, "22"), (None, "23"))
SHIRT = item("TX", "远山纯棉 T 恤", ("白", "L"), ("黑", "L"), ("白", "XL"))
PAN = item("GZ", "不粘锅", (None, None))


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("换成红色", "红色 M"),
        ("换红的", "红色 M"),
        ("我要换L码", "雾蓝 L"),
        ("M换L", "雾蓝 L"),
        ("M码太小了 想换xl", "雾蓝 XL"),
        ("雾蓝不好看，换成杏色 L", "杏色 L"),
        ("L", "雾蓝 L"),
        ("换大一号", "雾蓝 L"),
        ("大一码的", "雾蓝 L"),
        ("换大两码", "雾蓝 XL"),
        ("小一号", "雾蓝 S"),
        ("太大了换小点的", "雾蓝 S"),
        ("换成大号", "雾蓝 L"),
        ("同款换个新的", "雾蓝 M"),
        ("给我换新", "雾蓝 M"),
        ("一样的再发一件", "雾蓝 M"),
        ("红色有货吗", "红色 M"),
    ],
)
def test_a_wish(text: str, wanted: str) -> None:
    wish = read_wish(text, [DRESS])
    assert wish and wish.variant and look(wish.variant) == wanted


@pytest.mark.parametrize("text", ["换货", "我要换货", "大小不合适", "质量太差", "颜色不好看", "M码的", "随便", ""])
def test_no_wish(text: str) -> None:
    assert read_wish(text, [DRESS]) is None


@pytest.mark.parametrize(
    ("text", "said"), [("换成红色 XL", ()), ("换成绿色", ("绿色",)), ("换3XL", ("3XL",)), ("小三码", ("小三码",))]
)
def test_what_the_shop_does_not_have(text: str, said: tuple[str, ...]) -> None:
    wish = read_wish(text, [DRESS], said)
    assert wish and wish.variant is None


@pytest.mark.parametrize(
    ("text", "wanted"), [("21换22", "22"), ("22码", "22"), ("大一码", "22"), ("大两码", "23"), ("换23号的", "23")]
)
def test_sizes_in_numbers(text: str, wanted: str) -> None:
    wish = read_wish(text, [SHOES])
    assert wish and wish.variant and wish.variant.size == wanted


def test_the_largest_has_no_larger() -> None:
    wish = read_wish("再大一码", [item("XZ", "学步鞋", (None, "23"), (None, "22"))])
    assert wish and wish.variant is None


@pytest.mark.parametrize(
    ("text", "wanted"),
    [("换成红色", "红色 M"), ("T恤换黑色", "黑 L"), ("连衣裙换L", "雾蓝 L"), ("XL", None), ("换大一号", None)],
)
def test_of_several_pieces_it_must_be_clear_which(text: str, wanted: str | None) -> None:
    wish = read_wish(text, [DRESS, SHIRT])
    assert (look(wish.variant) if wish and wish.variant else None) == wanted


def test_what_comes_in_one_kind_only_is_replaced_by_its_like() -> None:
    wish = read_wish("换个新的", [PAN])
    assert wish and wish.variant == PAN.variants[0] and look(PAN.variants[0]) == ""
    assert read_wish("换货", [PAN]) is None


def test_a_button_names_the_variant() -> None:
    wish = variant_of("FZ-4", [DRESS, SHIRT])
    assert wish and wish.item is DRESS and wish.variant is DRESS.variants[4]
    assert variant_of("XX", [DRESS]) is None


def test_goods_of_one_kind_need_no_more_than_their_name() -> None:
    one = the_only_one("不粘锅那个", (DRESS, PAN))
    assert one is not None and one.item is PAN and one.variant == PAN.variants[0]
    assert the_only_one("连衣裙", (DRESS, PAN)) is None and the_only_one("那个", (DRESS, PAN)) is None
