"""Which order do these words point at? Pure reading of one utterance; `choice.py` looks the order up."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from actions.backends.orders import Order, OrderStatus
from actions.dates import Span, read_span
from actions.goods import goods_pointed_at, is_called, named_in
from actions.numerals import NUMERAL, read_number
from actions.wording import SHOP_TIME

NUMBER = re.compile(r"KF[0-9]{12}")
_NUMBER_LIKE = re.compile(r"(?<![0-9A-Za-z])(?:[Kk][Ff][0-9A-Za-z]{3,}|[0-9]{6,})(?![0-9A-Za-z])")
_TAIL = re.compile(r"(?:尾号|后四位|末尾|最后四位)[^0-9]{0,3}([0-9]{3,6})(?![0-9])")
_POSITION = re.compile(r"第\s*([一二三四五1-5])|选\s*([一二三四五1-5])|^\s*([1-5])\s*[个单号]?\s*$")
_FIRST = re.compile(r"头一[个单]|最上面")
_LAST = re.compile(r"最后一?[个单笔]|最下面")
_NEWEST = re.compile(
    r"最近(?!几|[0-9一二两三四五六七八九十半])|最近的?一(?:[单笔]|个订?单)|最新|上一[单笔]|刚(?:才|刚)?(?:下|买|拍|付)"
)
_RECEIVED_LAST = re.compile(r"刚(?:才|刚)?(?:收到?|签收|拿到|送到|到手?)的")
_DEAREST = re.compile(r"最贵的?(?:[那这一]|$)")
_CHEAPEST = re.compile(r"最便宜的?(?:[那这一]|$)")
_SAME = re.compile(r"刚才|刚刚|它|[这那该]一?[单笔]|[这那该]个?订单|上面那|就是?[这那]个|^[这那]个$|前面那")
_OTHER = re.compile(r"另一|另外那?一?[个单笔]|别的|其他|换一?[个单]")
_NOT_THIS = re.compile(r"(?:不|唔)[是系](?:[这那呢]一?[单笔]|[这那]个?订单)|[选点弄搞说发]错了?(?:单|订单)")
_THAT_ORDER = r"[那这](?:一?[单笔]|个?订单)"
_CHANGING = re.compile(
    rf"{_NOT_THIS.pattern}|另[一外]那?一?[单笔]|别的订?单|换一?个?订?单"
    r"|另(?:一|外那?一?)个(?=$|订?单|[吧啊呀呢的，。,！!？?\s])"
    rf"|(?:换|改)(?:成|到|为|开)?[^，。,！？!?\s]{{0,12}}{_THAT_ORDER}"
    rf"|(?:不[是对]|错了)[^！？!?]{{0,6}}[是系开要][^，。,！？!?\s]{{1,12}}(?:{_THAT_ORDER}|[那这]个$)"
    rf"|[^，。,！？!?\s]{{1,12}}{_THAT_ORDER}呢[？?]?$"
)
_NAMED_DAY = re.compile(
    # What follows a day that an order is named by; 今天下午 and 今天到 name none.
    r"[^，。,！？!?]{0,3}?(?:下(?!午|班|周|个|星期|礼拜)|买|拍|订|付|入手|抢|的?[那这]|的(?:订单|快递|包裹|货|单))|的?$"
)
_DAY_WORD = re.compile(r"今[天早]|昨[天晚]|大?前天")
_AMOUNT = re.compile(rf"({NUMERAL})\s*(多|来)?\s*(?:块|元|圆)?(?:钱)?\s*(左右|上下)?")
_ORDER_OF_AMOUNT = re.compile(rf"(?<![0-9])({NUMERAL})(?:多|来)?(?:块|元)(?:多|钱)?(?:左右)?的?[那这]")
_POINTING = (
    r"[^，。,！？!?\s]{0,2}?(?:那(?:一?[单笔件双条台瓶套罐盒]|个(?:订单|快递|包裹|单|$))"
    r"|的(?:订单|快递|包裹)|[买拍下订]的)"
)
_BOUGHT = r"[买拍订]的[^，。,！？!?\s]{0,2}?"
STATES: Mapping[str, tuple[re.Pattern[str], frozenset[OrderStatus]]] = {
    "unpaid": (re.compile(r"待付|[没未](?:付[款钱]?|给钱|交钱|买单)"), frozenset({OrderStatus.PENDING_PAYMENT})),
    "unsent": (re.compile(r"待发|[没未]发"), frozenset({OrderStatus.PAID})),
    "on_the_way": (
        re.compile(r"在路上|运输|在途|派送|[待没未][收签到]"),
        frozenset({OrderStatus.SHIPPED, OrderStatus.IN_TRANSIT}),
    ),
    "refund": (re.compile(r"退款|退货|售后"), frozenset({OrderStatus.REFUNDING, OrderStatus.REFUNDED})),
    "cancelled": (re.compile(r"取消"), frozenset({OrderStatus.CANCELLED})),
    "received": (re.compile(r"签收|收到|完成"), frozenset({OrderStatus.DELIVERED, OrderStatus.COMPLETED})),
}
"""What an order is called by the state it is in."""
_STATES_WISHED = frozenset({"refund", "cancelled"})
_OF_STATE = re.compile(
    r"[^，。,！？!?\s]{0,2}?(?:的?[那这][一个]?(?:单|笔|订单|件|包裹|快递)|[的滴](?:订单|单子?)|的?[那这]个[啦呀吧啊呢]*$)"
)
_THAT_OF_STATE = re.compile(r"[那这](?:一?[单笔]|个)[^，。,！？!?\s]{0,4}$")
_OF_STATE_LAST = re.compile(r"[^，。,！？!?\s]?[的滴](?!时[候间]|话|那天|原因)")
"""那个没付款的: the state stands behind, and 先取消吧 may follow. 那单签收的时候 tells of a time."""
_STATE_WANTED = re.compile(r"[要想帮][我你]?$|给我$")
_STATE_BEHIND = re.compile(r"[货款钱]?[的了呢啊呀吧嘛吗]*(?:$|[，。,！？!?\s])")
_STATES_BEHIND = frozenset({"unpaid", "unsent"})
"""那单还没付钱: no 的 follows. 那单还没收到 says what happened to the one spoken of."""
_ALONE = re.compile(r"(?:就?是|那个|左右|上下|的|吧|\s)*")
_GOODS = re.compile(r"^\S+ (.*?)(?:等[0-9]+件)? ¥.*$")  # within `wording.order_button`'s title
_DIGITS = {"一": 1, "二": 2, "三": 3, "四": 4, "五": 5}


@dataclass(frozen=True)
class Mention:
    """How an utterance names an order; nothing set: it names none."""

    number: str | None = None
    malformed: bool = False
    """It holds something meant as an order number that cannot be one."""
    tracking_number: str | None = None
    tail: str | None = None
    position: int | None = None
    """In the list shown last, from 1; -1 is the last one."""
    newest: bool = False
    received_last: bool = False
    """刚收到的那个."""
    dearest: bool = False
    cheapest: bool = False
    same: bool = False
    other: bool = False
    day: str | None = None
    """When it was bought, as said: 昨天, 双十一."""
    amount: str | None = None
    products: tuple[str, ...] = ()
    looks: tuple[str, ...] = ()
    """Colours and sizes."""
    state: str | None = None
    """One of `STATES`: 还没发货那单."""
    state_told: bool = False
    """那单还没发货: told of an order rather than naming it; one in that state is meant if there is one."""

    @property
    def points(self) -> bool:
        """It points at an order; only `malformed` does not tell which."""
        return self != Mention() and self != Mention(malformed=True)

    @property
    def may_be_aside(self) -> bool:
        """All that it names is a sum, a colour or a size: often what is wanted, not what was bought."""
        return self == Mention(amount=self.amount, looks=self.looks)


def read_mention(text: str, entities: Mapping[str, Sequence[str]], shown: Sequence[str] = ()) -> Mention:
    """`shown`: the titles of the list shown last. 那个礼盒 points into it as well as 第二个 does."""
    numbers = [number.upper() for number in entities.get("order_number", ())]
    tracking = next(iter(entities.get("tracking_number", ())), None)
    phones = entities.get("phone", ())
    tail = _TAIL.search(text)
    state, state_told = _state_of(text)
    return Mention(
        number=next((number for number in numbers if NUMBER.fullmatch(number)), None),
        malformed=any(found not in phones and found != tracking for found in _NUMBER_LIKE.findall(text)),
        tracking_number=tracking.upper() if tracking else None,
        tail=tail[1] if tail else None,
        position=_position(text) or _named_position(text, shown),
        newest=bool(_NEWEST.search(text)),
        received_last=bool(_RECEIVED_LAST.search(text)),
        dearest=bool(_DEAREST.search(text)),
        cheapest=bool(_CHEAPEST.search(text)),
        same=bool(_SAME.search(_NOT_THIS.sub("", text))),
        other=bool(_OTHER.search(text) or _NOT_THIS.search(text)),
        day=_day(text, entities.get("date", ())),
        amount=_amount(text, entities.get("amount", ())),
        products=tuple(entities.get("product", ())),
        looks=(*entities.get("color", ()), *entities.get("size", ())),
        state=state,
        state_told=state_told,
    )


def changes_order(text: str) -> bool:
    """换成刚收到的那单, 不是这单, 另一个: another order than the one spoken of."""
    return bool(_CHANGING.search(text))


def insists(text: str, mention: Mention) -> bool:
    """洗衣机那单, 买的洗衣机 and 没付款那单 mean that order or none. The goods alone, or a colour elsewhere in the
    sentence, may be what is wanted instead; and so may 退货那单."""
    if mention.state and not mention.state_told and mention.state not in _STATES_WISHED:
        return True
    said = (*mention.products, *mention.looks, mention.day, mention.amount)
    bought = any(re.search(_BOUGHT + re.escape(product), text) for product in mention.products)
    return bought or any(word and re.search(re.escape(word) + _POINTING, text) for word in said)


def unnamed_goods(text: str, mention: Mention) -> str | None:
    """电视机那单, when no entity told what is meant: the words that stand for the goods."""
    known = mention.products or mention.looks or mention.day or mention.amount or mention.state or mention.tail
    return None if known or mention.position or mention.number or mention.tracking_number else goods_pointed_at(text)


def state_in(text: str) -> str | None:
    """Which of `STATES` the words name."""
    return next((state for state, (words, _) in STATES.items() if words.search(text)), None)


def _state_of(text: str) -> tuple[str | None, bool]:
    """The state that the words name an order by, and whether it is only told of it."""
    for state, (words, _) in STATES.items():
        for found in words.finditer(text):
            before = text[: found.start()]
            behind = _THAT_OF_STATE.search(before)
            pointed = _OF_STATE.match(text, found.end()) or (behind and _OF_STATE_LAST.match(text, found.end()))
            if _STATE_WANTED.search(before):
                continue
            if pointed:
                return state, False
            if behind and state in _STATES_BEHIND and _STATE_BEHIND.match(text, found.end()):
                return state, True
    return None, False


def matching(
    mention: Mention, orders: Sequence[Order], shown: Sequence[str], last: str | None, now: datetime
) -> tuple[Order, ...]:
    """Those of `orders` (newest first) that the words may mean, the surest kind of words first; all when none tell.

    `shown` are the numbers of the list shown last, `last` the order spoken of last.
    """
    if mention.tracking_number:
        return _where(orders, lambda order: (order.tracking_number or "").upper() == mention.tracking_number)
    if mention.tail:
        tail = mention.tail
        return _where(orders, lambda order: order.number.endswith(tail))
    if mention.position is not None and shown:
        index = mention.position - 1 if mention.position > 0 else len(shown) - 1
        wanted = shown[index] if index < len(shown) else None
        return _where(orders, lambda order: order.number == wanted)
    described = described_by(mention, orders, now)
    if described is not None:
        spoken_of = _where(described, lambda order: order.number == last) if mention.state_told else ()
        return spoken_of or _first_by(mention, described) or described
    if mention.products or mention.day:
        return tuple(orders)
    if first := _first_by(mention, orders):
        return first
    if mention.newest:
        return tuple(orders[:1])
    if mention.other and last:
        return _where(orders, lambda order: order.number != last)
    if mention.same and last:
        return _where(orders, lambda order: order.number == last)
    return tuple(orders)


def _first_by(mention: Mention, orders: Sequence[Order]) -> tuple[Order, ...]:
    """The one order that 刚收到的 or 最贵的 mean; empty when nothing of the kind was said."""
    received = [order for order in orders if order.delivered_at]
    if mention.received_last and received:
        return (max(received, key=lambda order: order.delivered_at or order.created_at),)
    if mention.dearest and orders:
        return (max(orders, key=lambda order: order.amount),)
    if mention.cheapest and orders:
        return (min(orders, key=lambda order: order.amount),)
    return ()


def described_by(mention: Mention, orders: Sequence[Order], now: datetime) -> tuple[Order, ...] | None:
    """The orders that most of the description fits: what fits none of them (a size wanted instead, a price that fell)
    was no part of it. None when nothing was described that fits."""
    left = tuple(orders)
    fitted = False
    for holds in _descriptions(mention, now):
        if found := _where(left, holds):
            left, fitted = found, True
    return left if fitted else None


def _descriptions(mention: Mention, now: datetime) -> Iterator[Callable[[Order], bool]]:
    if mention.products:
        yield lambda order: any(_names(order, product) for product in mention.products)
    if mention.day and (span := read_span(mention.day, now.astimezone(SHOP_TIME).date())):
        yield lambda order: _within(order, span)
    if mention.amount and (between := read_amount(mention.amount)):
        yield lambda order: between[0] <= order.amount <= between[1]
    if mention.state:
        statuses = STATES[mention.state][1]
        yield lambda order: order.status in statuses
    for look in mention.looks:
        yield lambda order, look=look: _names(order, look)  # type: ignore[misc]


def read_amount(text: str) -> tuple[Decimal, Decimal] | None:
    """Lowest and highest amount that is meant: 128块, 三百多, 五十左右."""
    found = _AMOUNT.search(text)
    if not found:
        return None
    value = Decimal(str(read_number(found[1])))
    if found[2] or "多" in text:
        return value, value + max(10 ** (len(str(int(value))) - 1), 1)
    if found[3]:
        return value * Decimal("0.9"), value * Decimal("1.1")
    # Nobody says the fen.
    return value, value + Decimal("0.99") if value == value.to_integral_value() else value


def _named_position(text: str, shown: Sequence[str]) -> int | None:
    found = named_in(text, [_GOODS.sub(r"\1", title) for title in shown])
    return found[0] + 1 if len(found) == 1 else None


def _where(orders: Sequence[Order], holds: Callable[[Order], bool]) -> tuple[Order, ...]:
    return tuple(order for order in orders if holds(order))


def _names(order: Order, word: str) -> bool:
    return any(is_called(item.name, word) for item in order.items)


def _within(order: Order, span: Span) -> bool:
    return span[0] <= order.created_at.astimezone(SHOP_TIME).date() <= span[1]


def _day(text: str, dates: Iterable[str]) -> str | None:
    """The day that an order is named by, not one that something is to happen on."""
    said: str
    for said in (*dates, *_DAY_WORD.findall(text)):
        _, found, after = text.partition(said)
        if (found or not text) and _NAMED_DAY.match(after):
            return said
    return None


def _amount(text: str, amounts: Iterable[str]) -> str | None:
    """The sum that an order is named by; any other is what somebody paid, misses or wants."""
    for said in amounts:
        before, found, after = text.partition(said)
        alone = _ALONE.fullmatch(before) and _ALONE.fullmatch(after)
        if (found or not text) and (alone or re.match(r"\s*(?:左右|上下)?的?(?:[那这]|订单)", after)):
            return said
    if found_in_text := _ORDER_OF_AMOUNT.search(text):
        return str(found_in_text[0][:-1])
    return None


def _position(text: str) -> int | None:
    if found := _POSITION.search(text):
        digit = next(group for group in found.groups() if group)
        return _DIGITS.get(digit) or int(digit)
    if _FIRST.search(text):
        return 1
    return -1 if _LAST.search(text) else None
