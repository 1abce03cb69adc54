"""What the desk shows about a customer, from the shop's systems; and the member's name on the chat page."""

import asyncio
from typing import Any

from actions.backends.members import Coupon, CouponStatus, Member
from actions.backends.orders import Order
from actions.backends.protocols import Shop
from core.errors import NotFound, Unavailable
from handoff.facts import CouponFacts, Facts, MemberFacts, OrderFacts

ORDERS_SHOWN = 8


class ShopFacts:
    """`handoff.facts.CustomerFacts` over the backends."""

    def __init__(self, shop: Shop) -> None:
        self._shop = shop

    async def read(self, member_id: str) -> Facts:
        """Raises Unavailable when the shop's systems are down, NotFound for an unknown member."""
        member, orders, coupons, points = await asyncio.gather(
            self._shop.members.get(member_id),
            self._shop.orders.recent(member_id, ORDERS_SHOWN),
            self._shop.members.coupons(member_id),
            self._shop.members.points(member_id),
        )
        usable = [coupon for coupon in coupons if coupon.status is CouponStatus.AVAILABLE]
        return Facts(
            member=_member(member),
            orders=tuple(_order(order) for order in orders),
            coupons=tuple(_coupon(coupon) for coupon in usable),
            points=points.balance,
        )

    async def card(self, member_id: str) -> dict[str, Any] | None:
        """Name and level for the customer's own page; without the shop's systems the chat goes on all the same."""
        try:
            member = await self._shop.members.get(member_id)
        except (NotFound, Unavailable):
            return None
        return {"name": member.name, "level": member.level}


def _member(member: Member) -> MemberFacts:
    return MemberFacts(
        member_id=member.id,
        name=member.name,
        level=member.level,
        vip=member.vip,
        phone=member.phone,
        growth=member.growth,
    )


def _order(order: Order) -> OrderFacts:
    return OrderFacts(
        number=order.number,
        title=order.title,
        status=order.status.value,
        status_label=order.status_label,
        amount=order.amount,
        created_at=order.created_at,
        carrier=order.carrier,
        tracking_number=order.tracking_number,
    )


def _coupon(coupon: Coupon) -> CouponFacts:
    return CouponFacts(name=coupon.name, value=coupon.value, minimum=coupon.minimum, valid_until=coupon.valid_until)
