"""Refunds: how far one is, and how its amount comes about."""

from decimal import Decimal
from typing import ClassVar

from actions.backends.orders import Order, OrderStatus
from actions.backends.refusals import Refusal
from actions.backends.returns import RefundQuote, ReturnStatus
from actions.base import Answer
from actions.choice import Choice, Chosen, Nothing
from actions.order_action import AboutAnOrder
from actions.references import Mention
from actions.rules import MemberOrRule
from actions.service_progress import tell_service
from actions.turn import Turn
from actions.wording import day, moment, money, order_title

_NOTHING_PAID = {OrderStatus.PENDING_PAYMENT, OrderStatus.CANCELLED}
_GIVEN_BACK = {OrderStatus.REFUNDING, OrderStatus.REFUNDED}


class RefundProgress(MemberOrRule, AboutAnOrder):
    action_name = "action_refund_progress"
    intent = "refund_progress"
    nothing = "utter_refund_none"

    async def serve(self, turn: Turn, member_id: str, answer: Answer) -> None:
        if not await tell_service(self.services, turn, member_id, answer):
            await super().serve(turn, member_id, answer)

    async def choose(self, turn: Turn, member_id: str) -> Choice:
        """Without an order named, the latest request is meant: nobody asks after an order that is not refunded."""
        if turn.mention != Mention():
            return await super().choose(turn, member_id)
        return await self._requested(turn, member_id) or Nothing(has_orders=True)

    async def _requested(self, turn: Turn, member_id: str) -> Choice | None:
        requested = [request.order_number for request in await self.services.returns.progress(member_id)]
        if not requested:
            return None
        last = turn.slots.get("last_order_number")
        number = last if last in requested else requested[0]
        return Chosen(await self.services.orders.get(member_id, number))

    async def about(self, turn: Turn, member_id: str, order: Order, answer: Answer) -> None:
        requests = await self.services.returns.progress(member_id, order.number)
        if not requests:
            answer.say("utter_refund_none_for_order", title=order_title(order))
            return
        request = requests[0]
        refund = request.refund
        dated = request.status is ReturnStatus.REFUNDING and refund.expected_on is not None
        answer.say(
            "utter_refund_refunding_dated" if dated else f"utter_refund_{request.status}",
            title=order_title(order),
            request_number=request.number,
            requested_at=moment(request.created_at),
            amount=money(refund.amount),
            method=refund.method,
            expected_on=day(refund.expected_on),
            refunded_at=moment(refund.refunded_at),
        )


class RefundAmount(RefundProgress):
    """Of the request under way, if there is one; else of an order that was paid."""

    action_name = "action_refund_amount"
    intent = "refund_amount"
    nothing = "utter_refund_amount_nothing"
    refusals: ClassVar = {
        Refusal.NOT_PAID: "utter_refund_amount_nothing",
        Refusal.ORDER_CLOSED: "utter_refund_amount_nothing",
    }

    def wanted(self, order: Order) -> bool:
        return order.status not in _NOTHING_PAID and order.status is not OrderStatus.COMPLETED

    async def choose(self, turn: Turn, member_id: str) -> Choice:
        asked = turn.mention == Mention() and not turn.slots.get("last_order_number")
        requested = await self._requested(turn, member_id) if asked else None
        return requested or await AboutAnOrder.choose(self, turn, member_id)

    async def about(self, turn: Turn, member_id: str, order: Order, answer: Answer) -> None:
        quote = await self.services.returns.quote(member_id, order.number)
        answer.say(
            "utter_refund_amount_given" if order.status in _GIVEN_BACK else "utter_refund_amount",
            title=order_title(order),
            amount=money(quote.amount),
            method=quote.method,
            reckoning=_reckoning(quote),
        )
        answer.offer(turn, "human_agent")


def _reckoning(quote: RefundQuote) -> str:
    """One line a part; a part that is nothing is left out."""
    lines = [
        ("商品金额", quote.goods),
        ("优惠券抵扣", -quote.coupon),
        ("积分抵扣", -quote.points),
        ("运费", quote.postage_back),
        ("已退的差价", -quote.price_protection),
    ]
    said = [f"· {name} {'−' if amount < 0 else ''}{money(abs(amount))}" for name, amount in lines if amount]
    if quote.points_back:
        said.append(f"· 另外返还 {quote.points_back} 积分")
    if (kept := quote.postage - quote.postage_back) > Decimal():
        said.append(f"· 运费 {money(kept)} 已用于发货，不在退款里")
    return "\n".join(said)
