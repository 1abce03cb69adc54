"""Several orders in one question: 洗衣机那个和冰箱那个分别到哪了, 第一个和第三个, 我有三个订单 分别告诉我状态."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from actions.backends.orders import Order, Orders
from actions.choice import RECENT, SHOWN, Chosen, Several, Wanted, choose
from actions.numerals import NUMERAL, read_number
from actions.references import NUMBER
from actions.turn import Turn

_EACH = re.compile(r"分别|各自|各是|每一?[个单笔]|一个一个|逐个")
_TOGETHER = re.compile(r"和|跟|与|以及|还有|、|，|,")
_ORDINAL = re.compile(r"第\s*[一二三四五1-5]\s*[个单]")
_COUNT = re.compile(rf"({NUMERAL})\s*(?:个|单|笔)(?:订?单)?")


@dataclass(frozen=True)
class SeveralOrders:
    orders: tuple[Order, ...]
    missing: tuple[str, ...] = ()
    """What was named and is no order of the customer's, in the customer's words."""


async def several_orders(
    orders: Orders, member_id: str, turn: Turn, now: datetime, wanted: Wanted
) -> SeveralOrders | None:
    """None when the question is about one order, or does not tell which: then it is for `choose`."""
    named = tuple(_named(turn))[:SHOWN]
    if len(named) > 1:
        return await _each_of(named, orders, member_id, turn, now, wanted)
    if named or turn.mention.points or not _EACH.search(turn.text):
        return None
    recent = await orders.recent(member_id, RECENT)
    fitting = tuple(order for order in recent if wanted(order)) or recent
    counted = _COUNT.search(turn.text)
    several = fitting[: min(int(read_number(counted[1])), SHOWN) if counted else SHOWN]
    return SeveralOrders(several) if len(several) > 1 else None


def _named(turn: Turn) -> Iterator[str]:
    """The words that name an order each."""
    numbers = NUMBER.findall(turn.text.upper())
    if len(numbers) > 1:
        yield from dict.fromkeys(numbers)
    elif turn.shown_orders and len(ordinals := _ORDINAL.findall(turn.text)) > 1:
        yield from ordinals
    elif len(products := turn.entities.get("product", ())) > 1 and (
        _EACH.search(turn.text) or _joined(turn.text, products)
    ):
        yield from products


def _joined(text: str, products: Sequence[str]) -> bool:
    """洗衣机和冰箱, with nothing between them but what joins them."""
    first, second = products[:2]
    between = text.partition(first)[2].partition(second)[0]
    return bool(_TOGETHER.search(between)) and len(between) <= 5


async def _each_of(
    named: Sequence[str], orders: Orders, member_id: str, turn: Turn, now: datetime, wanted: Wanted
) -> SeveralOrders | None:
    found: dict[str, Order] = {}
    missing = []
    for words in named:
        match await choose(orders, member_id, _only(turn, words), now, wanted):
            case Chosen(order):
                found[order.number] = order
            case Several(fitting):
                found |= {order.number: order for order in fitting}
            case _:
                missing.append(words)
    if len(found) + len(missing) < 2:  # both are in one order
        return None
    return SeveralOrders(tuple(found.values())[:SHOWN], tuple(missing))


def _only(turn: Turn, words: str) -> Turn:
    """The turn as if it named this order alone."""
    if NUMBER.fullmatch(words):
        return replace(turn, text=words, entities={"order_number": (words,)})
    if _ORDINAL.fullmatch(words):
        return replace(turn, text=words, entities={})
    return replace(turn, text=f"{words}那单", entities={"product": (words,)})
