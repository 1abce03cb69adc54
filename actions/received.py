"""It shows as signed for, and the customer has nothing."""

import re

from actions.backends.orders import Order, OrderStatus, Shipment, ShipmentStatus
from actions.backends.refusals import NotAllowed, Refusal
from actions.base import Answer
from actions.choice import Choice, Nothing, choose
from actions.guesses import PERSON
from actions.order_action import AboutAnOrder
from actions.turn import Turn
from actions.wording import SHOP_TIME, moment, near_day, order_title

_PICK_UP = re.compile(r"柜|驿站|自提|代收点|菜鸟|妈妈")
_ON_THE_WAY = {OrderStatus.SHIPPED, OrderStatus.IN_TRANSIT}
FILE = "file"


class SignedNotReceived(AboutAnOrder):
    """When and where it was signed for, what to look at, and a ticket to have it traced (after a yes)."""

    action_name = "action_signed_not_received"
    intent = "signed_not_received"
    nothing = "utter_signed_none"

    def wanted(self, order: Order) -> bool:
        return order.status is OrderStatus.DELIVERED

    async def choose(self, turn: Turn, member_id: str) -> Choice:
        """Shops show "signed" in ways of their own: with nothing delivered, a parcel on the way is meant."""
        found = await super().choose(turn, member_id)
        if not isinstance(found, Nothing):
            return found
        return await choose(
            self.services.orders, member_id, turn, self.services.clock(), lambda order: order.status in _ON_THE_WAY
        )

    async def about(self, turn: Turn, member_id: str, order: Order, answer: Answer) -> None:
        try:
            shipment = await self.services.logistics.track(member_id, order.number)
        except NotAllowed as refusal:
            if refusal.code != Refusal.NOT_SHIPPED:
                raise
            answer.say("utter_logistics_no_parcel", title=order_title(order), status=order.status_label)
            return
        if turn.entity("choice") == FILE or turn.intent == "affirm":
            await self._file(turn, order, shipment, answer)
        elif shipment.status is ShipmentStatus.DELIVERED or order.status is OrderStatus.DELIVERED:
            self._signed(turn, order, shipment, answer)
        else:
            self._on_the_way(order, shipment, answer)

    def _signed(self, turn: Turn, order: Order, shipment: Shipment, answer: Answer) -> None:
        latest = shipment.latest
        note = latest.text if latest else shipment.status.label
        answer.ask(
            "utter_signed_pick_up" if _PICK_UP.search(note) else "utter_signed",
            [_trace(order), PERSON],
            title=order_title(order),
            signed_at=moment(order.delivered_at or (latest.at if latest else None)),
            carrier=shipment.carrier,
            tracking_number=shipment.tracking_number,
            note=note,
        )
        answer.offer(turn, self.intent, order_number=order.number)

    def _on_the_way(self, order: Order, shipment: Shipment, answer: Answer) -> None:
        latest = shipment.latest
        answer.say(
            "utter_not_signed",
            title=order_title(order),
            status=shipment.status.label,
            where=f"{moment(latest.at)} {latest.city} {latest.text}" if latest else shipment.carrier,
            eta=near_day(shipment.eta, self.services.clock().astimezone(SHOP_TIME).date()) if shipment.eta else "近日",
        )

    async def _file(self, turn: Turn, order: Order, shipment: Shipment, answer: Answer) -> None:
        signed = moment(order.delivered_at)
        body = (
            f"查件：{order_title(order)}（{order.number}）显示 {signed} 签收，客户没有收到。"
            f"{shipment.carrier} {shipment.tracking_number}"
        )
        number = await self.services.tickets.create(turn.conversation_id, body, f"{turn.message_id}:{self.action_name}")
        answer.say("utter_trace_filed", ticket_number=number, title=order_title(order))


def _trace(order: Order) -> dict[str, str]:
    payload = f'/signed_not_received{{"order_number":"{order.number}","choice":"{FILE}"}}'
    return {"title": "登记查件", "payload": payload}
