"""Which order do these words point at? Pure reading of one utterance; `choice.py` looks the order up."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from actions.backends.protocols import Order
from actions.wording import SHOP_TIME

NUMBER = re.compile(r"KF[0-9]{12}")
_NUMBER_LIKE = re.compile(r"(?<![0-9A-Za-z])(?:[Kk][Ff][0-9A-Za-z]{3,}|[0-9]{6,})(?![0-9A-Za-z])")
_TAIL = re.compile(r"(?:尾号|后四位|末尾|最后四位)[^0-9]{0,3}([0-9]{3,6})(?![0-9])")
_POSITION = re.compile(r"第\s*([一二三四五1-5])|选\s*([一二三四五1-5])|^\s*([1-5])\s*[个单号]?\s*$")
_FIRST = re.compile(r"头一[个单]|最上面")
_LAST = re.compile(r"最后一?[个单笔]|最下面")
_NEWEST = re.compile(r"最近|最新|上一[单笔]|刚(?:才|刚)?(?:下|买|拍|付)")
_SAME = re.compile(r"刚才|刚刚|它|[这那]一?[单笔]|[这那]个?订单|上面那|就是?[这那]个|^[这那]个$|前面那")
_OTHER = re.compile(r"另一|另外|别的|其他|换一?[个单]")
_DAYS = {"今天": 0, "今早": 0, "昨天": 1, "昨晚": 1, "前天": 2}
_DAY = re.compile(rf"({'|'.join(_DAYS)})[^，。,！？!?]{{0,5}}(?:下|买|拍|[那这]一?[个单笔])")
_CHINESE = re.compile(r"[\u4e00-\u9fff]+")
_GOODS = re.compile(r"^\S+ (.*?)(?:等[0-9]+件)? ¥.*$")  # within `wording.order_button`'s title
_SHORTEST_NAME = 2
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
    same: bool = False
    other: bool = False
    days_ago: int | None = None
    products: tuple[str, ...] = ()

    @property
    def points(self) -> bool:
        """It points at an order; only `malformed` does not tell which."""
        return self != Mention() and self != Mention(malformed=True)


def read_mention(text: str, entities: Mapping[str, Sequence[str]], shown: Sequence[str] = ()) -> Mention:
    """`shown`: the titles of the list shown last. 那个礼盒 points into it as well as 第二个 does."""
    numbers = [number.upper() for number in entities.get("order_number", ())]
    tracking = next(iter(entities.get("tracking_number", ())), None)
    phones = entities.get("phone", ())
    tail = _TAIL.search(text)
    day = _DAY.search(text)
    return Mention(
        number=next((number for number in numbers if NUMBER.fullmatch(number)), None),
        malformed=any(found not in phones and found != tracking for found in _NUMBER_LIKE.findall(text)),
        tracking_number=tracking.upper() if tracking else None,
        tail=tail[1] if tail else None,
        position=_position(text) or _named_position(text, shown),
        newest=bool(_NEWEST.search(text)),
        same=bool(_SAME.search(text)),
        other=bool(_OTHER.search(text)),
        days_ago=_DAYS[day[1]] if day else None,
        products=tuple(entities.get("product", ())),
    )


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
    if mention.products:
        named = _where(orders, lambda order: any(_names(order, product) for product in mention.products))
        return named or tuple(orders)
    if mention.newest:
        return tuple(orders[:1])
    if mention.days_ago is not None:
        on = (now.astimezone(SHOP_TIME) - timedelta(days=mention.days_ago)).date()
        return _where(orders, lambda order: order.created_at.astimezone(SHOP_TIME).date() == on)
    if mention.other and last:
        return _where(orders, lambda order: order.number != last)
    if mention.same and last:
        return _where(orders, lambda order: order.number == last)
    return tuple(orders)


def named_in(text: str, names: Sequence[str]) -> list[int]:
    """Which of the names the text shares the longest run of Chinese characters with; two at least, or none is meant."""
    if text.startswith("不是"):
        return []
    lengths = [max(map(len, _shared_runs(text, name)), default=0) for name in names]
    longest = max(lengths, default=0)
    return [index for index, length in enumerate(lengths) if length == longest >= _SHORTEST_NAME]


def _named_position(text: str, shown: Sequence[str]) -> int | None:
    found = named_in(text, [_GOODS.sub(r"\1", title) for title in shown])
    return found[0] + 1 if len(found) == 1 else None


def _shared_runs(text: str, name: str) -> Iterator[str]:
    for run in _CHINESE.findall(name):
        for start in range(len(run)):
            for end in range(len(run), start + _SHORTEST_NAME - 1, -1):
                if run[start:end] in text:
                    yield run[start:end]
                    break


def _where(orders: Sequence[Order], holds: Callable[[Order], bool]) -> tuple[Order, ...]:
    return tuple(order for order in orders if holds(order))


def _names(order: Order, product: str) -> bool:
    return any(product in item.name for item in order.items)


def _position(text: str) -> int | None:
    if found := _POSITION.search(text):
        digit = next(group for group in found.groups() if group)
        return _DIGITS.get(digit) or int(digit)
    if _FIRST.search(text):
        return 1
    return -1 if _LAST.search(text) else None
