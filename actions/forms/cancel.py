"""Cancelling an order that has not left the warehouse."""

from typing import ClassVar

from actions.backends.orders import Order, OrderStatus
from actions.backends.refusals import Refusal
from actions.base import Answer, MemberAction
from actions.forms.form import Submit
from actions.forms.order_form import OrderForm
from actions.turn import Turn
from actions.wording import order_title

_CANCELLABLE = {OrderStatus.PENDING_PAYMENT, OrderStatus.PAID}
_CLOSED = {OrderStatus.CANCELLED, OrderStatus.REFUNDING, OrderStatus.REFUNDED}
_RECEIVED = {OrderStatus.DELIVERED, OrderStatus.COMPLETED}
REASON = "客户通过在线客服取消"


class CancelForm(OrderForm):
    form = "cancel_form"
    trigger = "cancel_order"
    nothing = "utter_cancel_nothing"

    def wanted(self, order: Order) -> bool:
        return order.status in _CANCELLABLE

    async def accepts(self, turn: Turn, member_id: str, order: Order, answer: Answer) -> bool:
        if order.status in _CANCELLABLE:
            return True
        if order.status in _CLOSED:
            answer.say("utter_refused_order_closed")
        elif order.status in _RECEIVED:
            answer.say("utter_cancel_received", title=order_title(order))
            answer.offer(turn, "return_goods", order_number=order.number)
        else:
            answer.say("utter_cancel_already_shipped", title=order_title(order))
        return False


class SubmitCancel(Submit, MemberAction):
    action_name = "action_submit_cancel"
    required = ("order_number", "confirm")
    left = "utter_cancel_left"
    refusals: ClassVar = {Refusal.ALREADY_SHIPPED: "utter_cancel_shipped_meanwhile"}

    async def serve(self, turn: Turn, member_id: str, answer: Answer) -> None:
        number = turn.slots["order_number"]
        order = await self.services.orders.cancel(member_id, number, REASON, self.key(turn))
        paid = order.paid_at is not None
        answer.say("utter_cancelled_refund" if paid else "utter_cancelled", title=turn.slots["order_title"])
