"""Asking which order is meant, and what an answer costs in patience. Used by the actions on orders and by the forms."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import ClassVar

from actions.backends.orders import Order
from actions.base import Answer, MemberAction
from actions.choice import SHOWN, Choice, Chosen, Nothing, Several, Unknown, anything, choose
from actions.several import SeveralOrders, several_orders
from actions.turn import Turn
from actions.wording import order_button, order_title

PICK_AFTER = 2
"""Failures after which the recent orders are shown to pick from."""


class AboutAnOrder(MemberAction):
    """Finds the order first; `about` then deals with it."""

    intent: ClassVar[str]
    ask: ClassVar[str] = "utter_which_order"
    nothing: ClassVar[str] = "utter_no_orders"
    """Said when the customer has orders, but none that the question makes sense for."""

    of_several: ClassVar[bool] = False
    """Whether it can be asked of several orders at once: it only reads."""

    def wanted(self, order: Order) -> bool:
        return anything(order)

    @abstractmethod
    async def about(self, turn: Turn, member_id: str, order: Order, answer: Answer) -> None: ...

    async def choose(self, turn: Turn, member_id: str) -> Choice:
        if offered := turn.offer.get("order_number") if turn.intent == "affirm" else None:
            return Chosen(await self.services.orders.get(member_id, offered))
        return await choose(self.services.orders, member_id, turn, self.services.clock(), self.wanted)

    async def serve(self, turn: Turn, member_id: str, answer: Answer) -> None:
        answer.set(asked_about={"intent": self.intent, "message_id": turn.spoken_in})
        if self.of_several:
            backend, now = self.services.orders, self.services.clock()
            if several := await several_orders(backend, member_id, turn, now, self.wanted):
                await self._about_each(turn, member_id, several, answer)
                return
        match await self.choose(turn, member_id):
            case Chosen(order):
                answer.set(last_order_number=order.number, form_failures=0)
                answer.expect_order(turn)
                await self.about(turn, member_id, order, answer)
            case Several(orders):
                self._ask_which(turn, answer, orders)
            case Unknown() as unknown:
                self._unknown(turn, answer, unknown)
            case Nothing(has_orders):
                answer.say(self.nothing if has_orders else "utter_no_orders")
                answer.expect_order(turn)

    async def _about_each(self, turn: Turn, member_id: str, several: SeveralOrders, answer: Answer) -> None:
        if not several.orders:
            recent = await self.services.orders.recent(member_id, SHOWN)
            self._unknown(turn, answer, Unknown("", recent, described=True))
            return
        await self.about_each(turn, member_id, several.orders, answer)
        for words in several.missing:
            answer.say("utter_order_none_of_several", words=words)
        answer.set(offer=None, form_failures=0)  # a yes would not tell to which of them
        if not turn.active_form:
            answer.set(shown_orders=[order_button(order) for order in several.orders])
        answer.expect_order(turn)

    async def about_each(self, turn: Turn, member_id: str, orders: Sequence[Order], answer: Answer) -> None:
        for order in orders:
            await self.about(turn, member_id, order, answer)

    def _ask_which(self, turn: Turn, answer: Answer, orders: tuple[Order, ...]) -> None:
        if turn.active_form:  # whose question comes next: a second one beside it could not be told from it
            lines = "\n".join(f"· {order_title(order)}（{order.number}）" for order in orders)
            answer.say("utter_name_the_order", orders=lines)
            return
        if not turn.waiting:  # else the question has just been asked
            show_orders(answer, self.ask, orders)
        answer.expect_order(turn, self.intent)

    def _unknown(self, turn: Turn, answer: Answer, unknown: Unknown) -> None:
        if turn.active_form:
            answer.say("utter_order_none_described_aside" if unknown.described else "utter_order_unknown_aside")
            return
        tell_unknown(turn, answer, unknown, self.services.thresholds.form_failures)
        answer.expect_order(turn, self.intent)


def show_orders(answer: Answer, response: str, orders: tuple[Order, ...]) -> None:
    shown = [order_button(order) for order in orders]
    answer.ask(response, buttons_for(shown))
    answer.set(shown_orders=shown)


def buttons_for(shown: Sequence[Mapping[str, str]]) -> list[dict[str, str]]:
    """A button informs of the order; the one that asked knows what for."""
    return [
        {"title": order["title"], "payload": f'/inform{{"order_number":"{order["order_number"]}"}}'} for order in shown
    ]


def tell_unknown(turn: Turn, answer: Answer, unknown: Unknown, stuck_at: int) -> None:
    """Another try first, then the recent orders to pick from; at `stuck_at` failures a person is about to take over."""
    failures = turn.form_failures + 1
    answer.set(form_failures=failures, asked_in=turn.message_id)
    if failures >= stuck_at:
        answer.say("utter_order_unknown_still")
    elif unknown.described and unknown.recent:
        show_orders(answer, "utter_order_none_described", unknown.recent[:SHOWN])
    elif failures >= PICK_AFTER and unknown.recent:
        show_orders(answer, "utter_order_unknown_pick", unknown.recent[:SHOWN])
    elif unknown.given:
        answer.say("utter_order_unknown", given=unknown.given)
    else:
        answer.say("utter_order_number_malformed")
