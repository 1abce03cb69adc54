"""What a customer wants instead: 换成红色, 大一号, M换L, 同款换个新的. Pure reading against what the shop offers."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from actions.backends.aftersales import ExchangeItem, Variant

_WANTED = re.compile(r".*(?:换成|换为|换到|改成|改为|要换|换|想要|要)(?!货|个?新)", re.DOTALL)
_SAME = re.compile(
    r"同款|同样|一样的|一模一样|原样|(?:换|给|发|要|来)(?:我)?一?[个件只双台瓶包条套]?(?:新|好)的?|换新|重新?发|补发"
)
_STEP = re.compile(r"(大|小)\s*(一|1|两|二|2)?\s*(?:[个]?[码号]|点|些)")
_LETTERS = ("XXXS", "XXS", "XS", "S", "M", "L", "XL", "XXL", "XXXL", "XXXXL")
_SPOKEN = (
    (re.compile(r"(?:特大|加大)[号码]"), "XL"),
    (re.compile(r"大[号码]"), "L"),
    (re.compile(r"中[号码]"), "M"),
    (re.compile(r"小[号码]"), "S"),
    (re.compile(r"([2-4])\s*[Xx][Ll]"), "X"),
)


@dataclass(frozen=True)
class Wish:
    """Of `item`, `variant`; None: the shop has no such one."""

    item: ExchangeItem
    variant: Variant | None


def read_wish(
    text: str, items: Sequence[ExchangeItem], colors: Iterable[str] = (), sizes: Iterable[str] = ()
) -> Wish | None:
    """`colors` and `sizes`: the entities of the text. None: it names nothing, or it is not clear of which item."""
    wishes = [wish for item in items if (wish := _of(item, text, (*colors, *sizes)))]
    named = [wish for wish in wishes if _called(wish.item, text)] or wishes
    possible = [wish for wish in named if wish.variant] or named
    return possible[0] if len(possible) == 1 else None


def the_only_one(text: str, items: Sequence[ExchangeItem]) -> Wish | None:
    """空气炸锅那个, of goods that come in one kind only: the same again, when the words name one item and no other."""
    named = [item for item in items if _called(item, text)]
    return Wish(named[0], named[0].variants[0]) if len(named) == 1 and len(named[0].variants) == 1 else None


def variant_of(sku: str, items: Sequence[ExchangeItem]) -> Wish | None:
    """What the button of this variant means."""
    for item in items:
        for variant in item.variants:
            if variant.sku == sku:
                return Wish(item, variant)
    return None


def look(variant: Variant) -> str:
    """Colour and size; empty when it comes in one only."""
    return " ".join(part for part in (variant.color, variant.size) if part)


def _of(item: ExchangeItem, text: str, said: Sequence[str]) -> Wish | None:
    own = item.variants[0]
    wanted = _WANTED.sub("", text, count=1) or text
    for part in (wanted, text):
        color, size = _color(part, item), _size(part, item)
        if part is text:  # 雾蓝那条, M 码太小: what it is already is no wish, unless 换 comes before it
            color, size = (None if color == own.color else color), (None if size == own.size else size)
        if color or size:
            goal = (color or own.color, size or own.size)
            found = next((variant for variant in item.variants if (variant.color, variant.size) == goal), None)
            return Wish(item, found)
    if _SAME.search(text):
        return Wish(item, own)
    offered = [_core(part) for variant in item.variants for part in (variant.color, variant.size) if part]
    if any(_core(word) not in offered and word in wanted for word in said) or _STEP.search(wanted):
        return Wish(item, None)
    return None


def _color(text: str, item: ExchangeItem) -> str | None:
    colors = {variant.color for variant in item.variants if variant.color}
    found = [color for color in colors if color in text or _core(color) in text]
    return max(found, key=lambda color: (color in text, len(color)), default=None)


def _size(text: str, item: ExchangeItem) -> str | None:
    sizes = sorted({variant.size for variant in item.variants if variant.size}, key=_rank)
    if step := _STEP.search(text):
        return _stepped(sizes, item.variants[0].size, step)
    for pattern, letter in _SPOKEN:
        text = pattern.sub(lambda found, to=letter: to if to != "X" else "X" * int(found[1]) + "L", text)  # type: ignore[misc]
    found = [size for size in sizes if re.search(rf"(?<![A-Z0-9]){re.escape(_core(size))}(?![A-Z0-9])", text.upper())]
    return found[-1] if len(found) == 1 else None


def _stepped(sizes: Sequence[str], own: str | None, step: re.Match[str]) -> str | None:
    if own not in sizes:
        return None
    by = 2 if step[2] in ("两", "二", "2") else 1
    index = sizes.index(own) + (by if step[1] == "大" else -by)
    return sizes[index] if 0 <= index < len(sizes) else None


def _rank(size: str) -> tuple[int, float]:
    core = _core(size)
    if core in _LETTERS:
        return 0, _LETTERS.index(core)
    number = re.search(r"[0-9]+(?:\.[0-9]+)?", core)
    return 1, float(number[0]) if number else 0.0


def _core(word: str) -> str:
    """红色, 红; L 码, L."""
    return re.sub(r"(?<=.)色$|\s*[号码]$", "", word).upper()


def _called(item: ExchangeItem, text: str) -> bool:
    """Two characters of the goods' name in a row, but for what tells the variants apart."""
    own = item.variants[0]
    name = item.name
    for part in (own.color, own.size):
        name = name.replace(part, " ") if part else name
    return any(run in text for word in name.split() for run in (word[i : i + 2] for i in range(len(word) - 1)))
