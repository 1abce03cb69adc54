"""The return form: which order, why, and are you sure."""

from typing import ClassVar

from actions.backends.orders import Order, OrderStatus
from actions.backends.refusals import Refusal
from actions.base import Answer, MemberAction
from actions.forms.form import FALLBACK, Submit
from actions.forms.order_form import OrderForm
from actions.references import read_mention
from actions.turn import Turn
from actions.wording import day, money, order_title

_NOT_SENT = {OrderStatus.PENDING_PAYMENT, OrderStatus.PAID}
_REASON_INTENTS = {"inform", "return_goods", "wrong_or_damaged", "complain", "deny", FALLBACK}
_LONGEST_REASON = 100


class ReturnForm(OrderForm):
    form = "return_form"
    trigger = "return_goods"
    nothing = "utter_return_nothing"
    refusals: ClassVar = {
        Refusal.ALREADY_REQUESTED: "utter_return_already_requested",
        Refusal.NOT_DELIVERED: "utter_return_not_delivered",
        Refusal.WINDOW_CLOSED: "utter_return_window_closed",
    }

    def wanted(self, order: Order) -> bool:
        return order.status is OrderStatus.DELIVERED

    async def accepts(self, turn: Turn, member_id: str, order: Order, answer: Answer) -> bool:
        if order.status in _NOT_SENT:
            answer.say("utter_return_not_shipped", title=order_title(order))
            answer.offer(turn, "cancel_order", order_number=order.number)
            return False
        eligibility = await self.services.returns.eligibility(member_id, order.number)
        if not eligibility.eligible:
            known = self.refusals.get(eligibility.refusal or "") or f"utter_refused_{eligibility.refusal}"
            answer.say(known, title=order_title(order), deadline=day(eligibility.deadline))
            answer.offer(turn, "human_agent")
            return False
        answer.set(refund_amount=money(eligibility.amount))
        return True

    def prefill(self, turn: Turn, answer: Answer) -> None:
        if reason := turn.entity("reason"):
            answer.set(return_reason=reason)

    def is_leaving(self, turn: Turn, requested: str) -> bool:
        """不想要了 is why somebody returns a thing, when that is what was asked."""
        if requested == "return_reason" and turn.entity("reason"):
            return False
        return super().is_leaving(turn, requested)

    async def take_return_reason(self, turn: Turn, answer: Answer) -> None:
        if turn.intent == FALLBACK and turn.faq.outcome != "none":
            return
        if turn.intent not in _REASON_INTENTS and not turn.entity("reason"):
            return
        reason = turn.text.strip() or turn.entity("reason") or ""
        if turn.intent == self.trigger and not turn.entity("reason"):
            answer.set(return_reason=None)
        elif len(reason) < 2 or reason.isdigit() or read_mention(reason, {}).position is not None:
            self.fail(turn, answer, "return_reason", "utter_reason_unclear")
        else:
            answer.set(return_reason=reason[:_LONGEST_REASON], form_failures=0)

    async def take_confirm(self, turn: Turn, answer: Answer) -> None:
        """A better reason instead of a yes."""
        better = turn.entity("reason")
        if turn.intent in _REASON_INTENTS - {"deny"} and better and better != turn.slots["return_reason"]:
            answer.set(return_reason=better)
        else:
            await super().take_confirm(turn, answer)


class SubmitReturn(Submit, MemberAction):
    action_name = "action_submit_return"
    required = ("order_number", "return_reason", "confirm")
    left = "utter_return_left"
    refusals: ClassVar = ReturnForm.refusals

    async def serve(self, turn: Turn, member_id: str, answer: Answer) -> None:
        order, reason = turn.slots["order_number"], turn.slots["return_reason"]
        request = await self.services.returns.create(member_id, order, reason, self.key(turn))
        answer.say(
            "utter_return_submitted",
            request_number=request.number,
            amount=money(request.refund.amount),
            method=request.refund.method,
        )
