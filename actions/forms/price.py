"""Price protection: which order, and shall the difference be claimed."""

import re
from dataclasses import replace
from datetime import timedelta
from typing import ClassVar

from actions.backends.aftersales import PriceCheck
from actions.backends.orders import Order, OrderStatus
from actions.backends.refusals import Refusal
from actions.base import Answer, MemberAction
from actions.forms.form import Submit
from actions.forms.order_form import OrderForm
from actions.turn import Turn
from actions.wording import day, money, order_title, short

_CLOSED = {OrderStatus.CANCELLED, OrderStatus.REFUNDING, OrderStatus.REFUNDED}
_RECENTLY = timedelta(days=15)
"""What was paid longer ago is hardly meant, unless it is named."""

_JUST = re.compile(r"刚(?:才|刚)?(?:下单|下|买|拍|付款|付)")


class PriceForm(OrderForm):
    form = "price_form"
    trigger = "price_protection"
    nothing = "utter_price_nothing"
    refusals: ClassVar = {
        Refusal.ALREADY_REQUESTED: "utter_price_already_claimed",
        Refusal.WINDOW_CLOSED: "utter_price_window_closed",
    }

    def reading(self, turn: Turn) -> Turn:
        """刚买就降价 says how it feels, not that it was the newest order."""
        return replace(turn, text=_JUST.sub("", turn.text))

    def wanted(self, order: Order) -> bool:
        recent = order.paid_at is not None and self.services.clock() - order.paid_at <= _RECENTLY
        return recent and order.status not in _CLOSED

    async def accepts(self, turn: Turn, member_id: str, order: Order, answer: Answer) -> bool:
        check = await self.services.prices.check(member_id, order.number)
        if check.eligible:
            answer.set(price_difference=money(check.difference), price_lines=_compared(check))
            return True
        known = self.refusals.get(check.refusal or "") or f"utter_refused_{check.refusal}"
        if check.refusal == Refusal.NO_DIFFERENCE and check.items:
            known = "utter_price_no_difference"
        answer.say(known, title=order_title(order), deadline=day(check.deadline), prices=_compared(check))
        return False


def _compared(check: PriceCheck) -> str:
    """Those that fell; all when none did."""
    fell = [item for item in check.items if item.now < item.paid] or check.items
    return "；".join(f"{short(item.name)} 买时 {money(item.paid)}，现在 {money(item.now)}" for item in fell)


class SubmitPrice(Submit, MemberAction):
    action_name = "action_submit_price"
    required = ("order_number", "confirm")
    left = "utter_price_left"
    refusals: ClassVar = PriceForm.refusals

    async def serve(self, turn: Turn, member_id: str, answer: Answer) -> None:
        claim = await self.services.prices.claim(member_id, turn.slots["order_number"], self.key(turn))
        said = {"amount": money(claim.amount), "method": claim.method}
        if claim.expected_on:
            answer.say("utter_price_claimed", **said, expected_on=day(claim.expected_on))
        else:
            answer.say("utter_price_claimed_no_date", **said)
