"""Orders and parcels: status, logistics, urging the warehouse."""

from collections.abc import Sequence
from datetime import date
from typing import ClassVar

from actions.backends.orders import Order, OrderStatus, Shipment, ShipmentStatus
from actions.backends.refusals import NotAllowed, Refusal
from actions.base import Answer
from actions.choice import Choice, Chosen, Nothing
from actions.order_action import AboutAnOrder
from actions.service_progress import tell_service
from actions.turn import Turn
from actions.wording import SHOP_TIME, moment, money, near_day, order_title

_ON_THE_WAY = {OrderStatus.SHIPPED, OrderStatus.IN_TRANSIT}
_HAS_PARCEL = {*_ON_THE_WAY, OrderStatus.DELIVERED, OrderStatus.COMPLETED}
_TRACK_POINTS = 3


class OrderStatusAction(AboutAnOrder):
    action_name = "action_order_status"
    intent = "order_status"
    of_several = True

    async def about(self, turn: Turn, member_id: str, order: Order, answer: Answer) -> None:
        answer.say(
            f"utter_order_{order.status}",
            title=order_title(order),
            number=order.number,
            amount=money(order.amount),
            paid_at=moment(order.paid_at),
            shipped_at=moment(order.shipped_at),
            delivered_at=moment(order.delivered_at),
            carrier=order.carrier or "快递",
        )
        if order.status is OrderStatus.PAID:
            answer.offer(turn, "urge_shipping", order_number=order.number)
        elif order.status in _ON_THE_WAY:
            answer.offer(turn, "track_logistics", order_number=order.number)

    async def about_each(self, turn: Turn, member_id: str, orders: Sequence[Order], answer: Answer) -> None:
        lines = "\n".join(f"· {order_title(order)}：{order.status_label}" for order in orders)
        answer.say("utter_order_each", count=len(orders), orders=lines)


class TrackLogistics(AboutAnOrder):
    action_name = "action_track_logistics"
    intent = "track_logistics"
    of_several = True
    nothing = "utter_no_parcel"

    async def serve(self, turn: Turn, member_id: str, answer: Answer) -> None:
        """我的换货到哪了 asks after the piece that comes instead."""
        if not await tell_service(self.services, turn, member_id, answer):
            await super().serve(turn, member_id, answer)

    def wanted(self, order: Order) -> bool:
        return order.status in _ON_THE_WAY

    async def about(self, turn: Turn, member_id: str, order: Order, answer: Answer) -> None:
        try:
            shipment = await self.services.logistics.track(member_id, order.number)
        except NotAllowed as refusal:
            if refusal.code != Refusal.NOT_SHIPPED:
                raise
            self._not_shipped(turn, order, answer)
            return
        today = self.services.clock().astimezone(SHOP_TIME).date()
        answer.say(
            _logistics_response(shipment, today),
            title=order_title(order),
            carrier=shipment.carrier,
            tracking_number=shipment.tracking_number,
            status=shipment.status.label,
            eta=near_day(shipment.eta, today),
            track="\n".join(f"{moment(p.at)} {p.city} {p.text}" for p in shipment.points[:_TRACK_POINTS]),
        )

    def _not_shipped(self, turn: Turn, order: Order, answer: Answer) -> None:
        if order.status is OrderStatus.PAID:
            answer.say("utter_logistics_not_shipped", title=order_title(order), paid_at=moment(order.paid_at))
            answer.offer(turn, "urge_shipping", order_number=order.number)
        else:
            answer.say("utter_logistics_no_parcel", title=order_title(order), status=order.status_label)


class UrgeShipping(AboutAnOrder):
    action_name = "action_urge_shipping"
    intent = "urge_shipping"
    nothing = "utter_urge_nothing"
    refusals: ClassVar = {
        Refusal.ALREADY_SHIPPED: "utter_urge_shipped",
        Refusal.NOT_PAID: "utter_urge_not_paid",
    }

    def wanted(self, order: Order) -> bool:
        return order.status is OrderStatus.PAID

    async def choose(self, turn: Turn, member_id: str) -> Choice:
        """能不能快点, said of the parcel that was just tracked: that it is sent already is the answer."""
        choice = await super().choose(turn, member_id)
        last = turn.slots.get("last_order_number")
        if last is None or turn.mention.points or not isinstance(choice, Nothing):
            return choice
        order = await self.services.orders.get(member_id, last)
        return Chosen(order) if order.status in _ON_THE_WAY else choice

    async def about(self, turn: Turn, member_id: str, order: Order, answer: Answer) -> None:
        if order.status in _HAS_PARCEL:
            answer.say("utter_urge_already_shipped", title=order_title(order))
            answer.offer(turn, "track_logistics", order_number=order.number)
            return
        receipt = await self.services.orders.urge(member_id, order.number, f"{turn.message_id}:{self.action_name}")
        if receipt.ship_by:
            answer.say("utter_urged_ship_by", title=order_title(order), ship_by=moment(receipt.ship_by))
        else:
            answer.say("utter_urged", title=order_title(order))


def _logistics_response(shipment: Shipment, today: date) -> str:
    if not shipment.points:
        return "utter_logistics_no_points"
    if shipment.status in {ShipmentStatus.OUT_FOR_DELIVERY, ShipmentStatus.DELIVERED}:
        return f"utter_logistics_{shipment.status}"
    if shipment.eta is None:
        return "utter_logistics_no_eta"
    return "utter_logistics" if shipment.eta >= today else "utter_logistics_late"
