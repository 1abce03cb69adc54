"""Which orders do I have: the latest ones, or those of a day, some goods, a sum or a state."""

import json

from actions.backends.orders import Order
from actions.base import Answer, MemberAction
from actions.choice import SHOWN
from actions.references import STATES, Mention, described_by, state_in
from actions.turn import Turn
from actions.wording import order_button

_MOST = 50
_FILTERS = ("date", "amount", "product", "color", "size", "state")


class OrderList(MemberAction):
    """Shown by fives. A button carries what the list was filtered by, and how many were shown (`skip`)."""

    action_name = "action_order_list"

    async def serve(self, turn: Turn, member_id: str, answer: Answer) -> None:
        orders = await self.services.orders.recent(member_id, _MOST)
        if not orders:
            answer.say("utter_no_orders")
            return
        state = turn.entity("state") or state_in(turn.text)
        mention = _described(turn)
        fitting = tuple(order for order in orders if state is None or order.status in STATES[state][1])
        filtered = state is not None or mention != Mention()
        if mention != Mention():
            fitting = described_by(mention, fitting, self.services.clock()) or ()
        if not fitting:
            self._show(turn, answer, "utter_order_list_none_such", orders[:SHOWN])
            return
        skip = int(turn.entity("skip") or 0)
        page = fitting[skip : skip + SHOWN]
        more = fitting[skip + SHOWN :]
        response = "utter_order_list_next" if skip else "utter_order_list_found" if filtered else "utter_order_list"
        self._show(turn, answer, response, page, more=_more(turn, state, skip + SHOWN) if more else None)

    def _show(
        self, turn: Turn, answer: Answer, response: str, orders: tuple[Order, ...], more: dict[str, str] | None = None
    ) -> None:
        shown = [order_button(order) for order in orders]
        buttons = [
            {"title": order["title"], "payload": f'/order_status{{"order_number":"{order["order_number"]}"}}'}
            for order in shown
        ]
        answer.ask(response, [*buttons, more] if more else buttons, count=len(orders))
        if not turn.active_form:  # which has a list of its own
            answer.set(shown_orders=shown)
            answer.expect_order(turn, "order_status")


def _described(turn: Turn) -> Mention:
    """Only what orders are like. 第二个 belongs to a list, and this makes a new one."""
    named = turn.mention
    return Mention(
        day=named.day or turn.entity("date"),
        amount=named.amount or turn.entity("amount"),
        products=named.products,
        looks=named.looks,
    )


def _more(turn: Turn, state: str | None, skip: int) -> dict[str, str]:
    kept = {name: value for name in _FILTERS if (value := state if name == "state" else turn.entity(name))}
    details = json.dumps({"skip": str(skip), **kept}, ensure_ascii=False, separators=(",", ":"))
    return {"title": "更多订单", "payload": f"/order_list{details}"}
