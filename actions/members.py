"""Points, level and coupons of the customer."""

from datetime import timedelta

from actions.backends.members import Coupon, CouponStatus
from actions.base import Answer
from actions.rules import MemberOrRule
from actions.turn import Turn
from actions.wording import SHOP_TIME, day, money

_COUPONS_SHOWN = 5
_SOON = timedelta(days=60)


class QueryPoints(MemberOrRule):
    action_name = "action_query_points"
    intent = "query_points"

    async def serve(self, turn: Turn, member_id: str, answer: Answer) -> None:
        points = await self.services.members.points(member_id)
        today = self.services.clock().astimezone(SHOP_TIME).date()
        if points.expiring and points.expires_on and points.expires_on - today <= _SOON:
            answer.say(
                "utter_points_expiring",
                balance=points.balance,
                expiring=points.expiring,
                expires_on=day(points.expires_on),
            )
        elif points.balance:
            answer.say("utter_points", balance=points.balance)
        else:
            answer.say("utter_points_none")


class MemberLevel(MemberOrRule):
    action_name = "action_member_level"
    intent = "member_level"

    async def serve(self, turn: Turn, member_id: str, answer: Answer) -> None:
        member = await self.services.members.get(member_id)
        answer.say(
            "utter_member_level" if member.next_level else "utter_member_level_top",
            level=member.level,
            growth=member.growth,
            next_level=member.next_level or "",
            growth_to_next=member.growth_to_next or 0,
        )


class QueryCoupons(MemberOrRule):
    action_name = "action_query_coupons"
    intent = "query_coupons"

    async def serve(self, turn: Turn, member_id: str, answer: Answer) -> None:
        coupons = await self.services.members.coupons(member_id)
        usable = [coupon for coupon in coupons if coupon.status is CouponStatus.AVAILABLE]
        if not usable:
            answer.say("utter_coupons_none")
            return
        answer.say(
            "utter_coupons" if len(usable) <= _COUPONS_SHOWN else "utter_coupons_more",
            count=len(usable),
            shown=_COUPONS_SHOWN,
            coupons="\n".join(_coupon_line(coupon) for coupon in usable[:_COUPONS_SHOWN]),
        )


def _coupon_line(coupon: Coupon) -> str:
    terms = f"满{money(coupon.minimum)}减{money(coupon.value)}" if coupon.minimum else f"{money(coupon.value)} 无门槛"
    return f"· {coupon.name}：{terms}，{coupon.scope}，{day(coupon.valid_until)}前有效"
