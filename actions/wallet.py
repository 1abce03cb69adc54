"""When points lapse, what a level gives, and why a coupon does not work."""

from datetime import date
from typing import ClassVar

from actions.backends.members import CouponCheck, CouponProblem, LevelBenefits
from actions.base import Answer
from actions.rules import MemberOrRule
from actions.turn import Turn
from actions.wording import SHOP_TIME, day, money

_LINES = 5


class PointsExpiry(MemberOrRule):
    action_name = "action_points_expiry"
    intent = "points_expiry"

    async def serve(self, turn: Turn, member_id: str, answer: Answer) -> None:
        points = await self.services.members.points(member_id)
        if not points.balance:
            answer.say("utter_points_none")
        elif not points.expiries:
            answer.say("utter_points_expiry_none", balance=points.balance)
        else:
            today = self.services.clock().astimezone(SHOP_TIME).date()
            lines = "\n".join(
                f"· {lapse.amount} 分，{_dated(lapse.expires_on, today)}到期" for lapse in points.expiries[:_LINES]
            )
            answer.say("utter_points_expiry", balance=points.balance, expiries=lines)


class MemberBenefits(MemberOrRule):
    action_name = "action_member_benefits"
    intent = "member_benefits"

    async def serve(self, turn: Turn, member_id: str, answer: Answer) -> None:
        member = await self.services.members.get(member_id)
        levels = await self.services.members.benefits(member_id)
        own = next((level for level in levels if level.level == member.level), None)
        asked = next((level for level in levels if level.level in turn.text), None)
        if asked and asked != own:
            answer.say("utter_member_benefits_of", level=asked.level, own=member.level, benefits=_listed(asked))
        elif own is None:
            answer.say("utter_backend_down")
        elif "生日" in turn.text and (birthday := [benefit for benefit in own.benefits if "生日" in benefit]):
            answer.say("utter_member_birthday", level=own.level, benefit="，".join(birthday))
        else:
            answer.say("utter_member_benefits", level=own.level, benefits=_listed(own))


class CouponProblems(MemberOrRule):
    """For the goods of the order that is named; without one, what is wrong with the coupons as such."""

    action_name = "action_coupon_problem"
    intent = "coupon_problem"
    # What can still be mended first.
    first: ClassVar = (
        CouponProblem.BELOW_MINIMUM,
        CouponProblem.WRONG_CATEGORY,
        CouponProblem.NOT_YET_VALID,
        CouponProblem.USED,
        CouponProblem.EXPIRED,
    )

    async def serve(self, turn: Turn, member_id: str, answer: Answer) -> None:
        checks = await self.services.members.check_coupons(member_id, turn.mention.number)
        failing = sorted((check for check in checks if check.problem), key=self._urgency)
        usable = [check for check in checks if not check.problem]
        if not checks:
            answer.say("utter_coupons_none")
            return
        if failing:
            lines = "\n".join(_why(check) for check in failing[:_LINES])
            answer.say("utter_coupon_problem", reasons=lines)
        if usable:
            lines = "\n".join(_terms(check) for check in usable[:_LINES])
            answer.say("utter_coupon_fine" if failing else "utter_coupon_all_fine", coupons=lines)
        answer.offer(turn, "human_agent")

    def _urgency(self, check: CouponCheck) -> int:
        return self.first.index(CouponProblem(check.problem)) if check.problem in self.first else -1


def _dated(on: date, today: date) -> str:
    """Points of two years may lapse on the same day of theirs."""
    return day(on) if on.year == today.year else f"{on.year}年{day(on)}"


def _listed(level: LevelBenefits) -> str:
    return "\n".join(f"· {benefit}" for benefit in level.benefits)


def _terms(check: CouponCheck) -> str:
    coupon = check.coupon
    minimum = f"满{money(coupon.minimum)}可用" if coupon.minimum else "无门槛"
    return f"· {coupon.name}：{minimum}，{coupon.scope}，{day(coupon.valid_until)}前有效"


def _why(check: CouponCheck) -> str:
    coupon = check.coupon
    match check.problem:
        case CouponProblem.NOT_YET_VALID:
            why = f"{day(coupon.valid_from)}才开始能用"
        case CouponProblem.EXPIRED:
            why = f"{day(coupon.valid_until)}已经过期"
        case CouponProblem.USED:
            why = f"已用在订单 {coupon.order_number}" if coupon.order_number else "已经用掉了"
        case CouponProblem.BELOW_MINIMUM:
            missing = f"，还差 {money(check.missing)}" if check.missing else ""
            why = f"要满 {money(coupon.minimum)}{missing}"
        case CouponProblem.WRONG_CATEGORY:
            why = f"只限{coupon.scope}，不能买别的品类"
        case _:
            why = "现在用不了，可以转人工问问"
    return f"· {coupon.name}：{why}"
