"""Choosing the order that a customer means, the same way for every action and form."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from actions.backends.orders import Order, Orders
from actions.goods import (
    asked_on,
    bought_misspelt_in,
    called_in,
    is_called,
    is_name_of,
    misspelt_in,
    named_in,
    that_one,
)
from actions.references import described_by, insists, matching, unnamed_goods
from actions.turn import Turn
from core.errors import NotFound

RECENT = 10
SHOWN = 5

Wanted = Callable[[Order], bool]


@dataclass(frozen=True)
class Chosen:
    order: Order


@dataclass(frozen=True)
class Several:
    """The customer has to say which; newest first, short enough to be shown."""

    orders: tuple[Order, ...]


@dataclass(frozen=True)
class Unknown:
    """A number was given that is no order of this customer's, whoever else's it may be."""

    given: str
    recent: tuple[Order, ...]
    described: bool = False
    """No number: 洗衣机那单, and there is none with a washing machine."""


@dataclass(frozen=True)
class Nothing:
    """No order at all, or none that the question makes sense for."""

    has_orders: bool


Choice = Chosen | Several | Unknown | Nothing


def anything(_order: Order) -> bool:
    return True


async def choose(orders: Orders, member_id: str, turn: Turn, now: datetime, wanted: Wanted = anything) -> Choice:
    """Words that point at an order win over what the question is `wanted` for: the action then explains.

    Without such words, the order spoken of last is meant if it is wanted, else the only one wanted.
    """
    mention = turn.mention
    if mention.number:
        try:
            return Chosen(await orders.get(member_id, mention.number))
        except NotFound:
            return Unknown(mention.number, await orders.recent(member_id, RECENT))
    recent = await orders.recent(member_id, RECENT)
    if not mention.points:
        if mention.malformed:
            return Unknown("", recent)
        return _by_goods(recent, turn, wanted) or _without_words(recent, turn, wanted)
    if goods := unnamed_goods(turn.text, mention):
        return _of_goods(goods, recent, wanted)
    shown = [order["order_number"] for order in turn.shown_orders]
    meant = matching(mention, recent, shown, turn.slots.get("last_order_number"), now)
    if not meant and (mention.tail or mention.tracking_number):
        return Unknown(mention.tail or mention.tracking_number or "", recent)
    if mention.malformed and len(meant) == len(recent):
        return Unknown("", recent)
    if mention.position is None and described_by(mention, recent, now) is None:
        if insists(turn.text, mention):
            return _by_goods(recent, turn, wanted) or Unknown("", recent, described=True)
        if mention.products and (by_goods := _by_goods(recent, turn, wanted)):
            return by_goods
        if (mention.products or mention.other) and not any(map(wanted, meant)):
            return Nothing(has_orders=bool(recent))
    if mention.may_be_aside and len(meant) == len(recent) > 1:
        return _by_goods(recent, turn, wanted) or _without_words(recent, turn, wanted)
    return _narrowed(meant, recent, wanted)


async def bought(orders: Orders, member_id: str, goods: str, *, beside: str | None = None) -> bool:
    """Whether a recent order holds what may be goods in the customer's words, 纸尿库 but not 退款; and the order
    `beside` does not."""
    holding = [
        order.number
        for order in await orders.recent(member_id, RECENT)
        if any(is_name_of(goods, item.name) for item in order.items)
    ]
    return bool(holding) and beside not in holding


def _by_goods(recent: Sequence[Order], turn: Turn, wanted: Wanted) -> Choice | None:
    """Goods named in the customer's own words, which no entity caught."""
    names = _names_of(recent)
    named = named_in(turn.text, names) or bought_misspelt_in(turn.text, names) or called_in(turn.text, names)
    if not named and (goods := that_one(turn.text) or asked_on(turn.text)):
        named = misspelt_in(goods, names)
    return _narrowed([recent[index] for index in named], recent, wanted) if named else None


def _of_goods(goods: str, recent: Sequence[Order], wanted: Wanted) -> Choice:
    """电视机那单: that order or none, never the one spoken of last."""
    names = _names_of(recent)
    called = [index for index, name in enumerate(names) if is_called(name, goods)]
    named = called or _meant(goods, names)
    if not named:
        return Unknown("", tuple(recent), described=True)
    return _narrowed([recent[index] for index in named], recent, wanted)


def _meant(goods: str, names: Sequence[str]) -> list[int]:
    return named_in(goods, names) or called_in(goods, names) or misspelt_in(goods, names)


def _names_of(orders: Sequence[Order]) -> list[str]:
    return [" ".join(item.name for item in order.items) for order in orders]


def _without_words(recent: Sequence[Order], turn: Turn, wanted: Wanted) -> Choice:
    fitting = tuple(order for order in recent if wanted(order))
    last = turn.slots.get("last_order_number")
    for order in fitting:
        if order.number == last:
            return Chosen(order)
    return _one_or_several(fitting, recent)


def _narrowed(meant: Sequence[Order], recent: Sequence[Order], wanted: Wanted) -> Choice:
    fitting = tuple(order for order in meant if wanted(order))
    if len(meant) == 1 or not fitting:
        return _one_or_several(meant or recent, recent)
    return _one_or_several(fitting, recent)


def _one_or_several(orders: Sequence[Order], recent: Sequence[Order]) -> Choice:
    if not orders:
        return Nothing(has_orders=bool(recent))
    return Chosen(orders[0]) if len(orders) == 1 else Several(tuple(orders[:SHOWN]))
