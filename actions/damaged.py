"""It came broken, wrong or incomplete: which order, and then what may be done about it."""

import json
import re
from datetime import timedelta

from actions.backends.orders import Order, OrderStatus
from actions.base import Answer
from actions.guesses import PERSON
from actions.order_action import AboutAnOrder
from actions.turn import Turn
from actions.wording import order_title

_MISSING = re.compile(r"少|漏发|漏寄|缺|没给|没发|没有发|没放|不够|不全|不齐")
_RECEIVED = {OrderStatus.DELIVERED, OrderStatus.COMPLETED}
_RECENTLY = timedelta(days=30)
_LONGEST_REASON = 60
_RETURN, _EXCHANGE, _TICKET = ("退货退款", "return_goods"), ("换货", "exchange_goods"), ("登记补发", "leave_ticket")


class WrongOrDamaged(AboutAnOrder):
    """Offers return, exchange and a person with what was said as the reason; for what is missing, a ticket to send it
    after."""

    action_name = "action_wrong_or_damaged"
    intent = "wrong_or_damaged"
    ask = "utter_damaged_which"
    nothing = "utter_damaged_nothing"

    def wanted(self, order: Order) -> bool:
        recent = order.delivered_at is not None and self.services.clock() - order.delivered_at <= _RECENTLY
        return recent and order.status in _RECEIVED

    async def serve(self, turn: Turn, member_id: str, answer: Answer) -> None:
        """The order may be named only in the next turn: what was wrong is kept for then."""
        if turn.intent == self.intent:
            answer.set(said_reason=turn.text.strip()[:_LONGEST_REASON] or turn.entity("reason"))
        await super().serve(turn, member_id, answer)

    async def about(self, turn: Turn, member_id: str, order: Order, answer: Answer) -> None:
        if order.delivered_at is None:
            answer.say("utter_damaged_not_received", title=order_title(order), status=order.status_label)
            answer.offer(turn, "human_agent")
            return
        said = turn.text.strip()[:_LONGEST_REASON] if turn.intent == self.intent else turn.slots.get("said_reason")
        reason = turn.entity("reason") or said or ""
        if _MISSING.search(said or reason):
            response, ways = "utter_damaged_missing", [_TICKET, _RETURN]
        else:
            response, ways = "utter_damaged", [_RETURN, _EXCHANGE]
        buttons = [_button(way, order, (said or reason) if way is _TICKET else reason) for way in ways]
        answer.ask(response, [*buttons, PERSON], title=order_title(order))


def _button(way: tuple[str, str], order: Order, reason: str) -> dict[str, str]:
    title, intent = way
    details = {"order_number": order.number} | ({"reason": reason} if reason else {})
    return {"title": title, "payload": f"/{intent}{json.dumps(details, ensure_ascii=False, separators=(',', ':'))}"}
