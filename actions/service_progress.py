"""换到哪了, 修到哪了: how far an exchange or a repair is. The words tell which is meant, for no intent does."""

import re

from actions.backends.aftersales import ExchangeRequest, RepairRequest, RepairStatus
from actions.base import Answer
from actions.goods import named_in
from actions.services import Services
from actions.turn import Turn
from actions.wording import day, moment, short

_EXCHANGE = re.compile(r"换(?!成?退|[句个]|成钱)")
_REPAIR = re.compile(r"修(?!改)")
_HOW_FAR = re.compile(
    r"到哪|哪一?步|进度|进展|怎么?样|咋样|[好完]了?[没吗]|了[没吗]|什么时候|啥时候|多久|几天|通过|寄[回出]|动静"
)


async def tell_service(services: Services, turn: Turn, member_id: str, answer: Answer) -> bool:
    """Whether the utterance asks this; then it has been answered."""
    if not _HOW_FAR.search(turn.text):
        return False
    if _REPAIR.search(turn.text):
        repairs = await services.repairs.progress(member_id)
        _tell_repair(turn, repairs, answer)
    elif _EXCHANGE.search(turn.text):
        exchanges = await services.exchanges.progress(member_id)
        _tell_exchange(turn, exchanges, answer)
    else:
        return False
    answer.expect_order(turn)
    return True


def _tell_exchange(turn: Turn, requests: tuple[ExchangeRequest, ...], answer: Answer) -> None:
    if not requests:
        answer.say("utter_exchange_none")
        return
    request = requests[_meant(turn, [request.name for request in requests])]
    answer.set(last_order_number=request.order_number)
    answer.say(
        "utter_exchange_progress_sent" if request.tracking_number else "utter_exchange_progress",
        name=short(request.name),
        wanted=request.wanted_name,
        request_number=request.number,
        requested_at=moment(request.created_at),
        status=request.status.label,
        carrier=request.carrier or "快递",
        tracking_number=request.tracking_number,
    )


def _tell_repair(turn: Turn, requests: tuple[RepairRequest, ...], answer: Answer) -> None:
    if not requests:
        answer.say("utter_repair_none")
        return
    request = requests[_meant(turn, [request.name for request in requests])]
    waits = request.status is RepairStatus.REQUESTED and request.pickup_on is not None
    answer.set(last_order_number=request.order_number)
    answer.say(
        "utter_repair_progress_pickup" if waits else "utter_repair_progress",
        name=short(request.name),
        request_number=request.number,
        requested_at=moment(request.created_at),
        status=request.status.label,
        pickup_on=day(request.pickup_on),
    )
    if request.status is RepairStatus.QUOTED:
        answer.offer(turn, "human_agent")


def _meant(turn: Turn, names: list[str]) -> int:
    """The one named, else the latest."""
    return next(iter(named_in(turn.text, names)), 0)
