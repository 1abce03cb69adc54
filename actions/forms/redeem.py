"""Redeeming points for a coupon: how many, and are you sure."""

import re

from actions.backends.refusals import NotAllowed, Refusal
from actions.base import Answer, MemberAction
from actions.forms.form import Form, Submit, is_answer
from actions.turn import Turn
from actions.wording import day

_ALL = re.compile(r"全部|所有|全换|都[换兑]|全都")
_NUMBER = re.compile(r"([0-9]+)\s*(百|千|万)?")
_POINTS = re.compile(r"([0-9]+)\s*(百|千|万)?\s*个?积?分")
_CHINESE = re.compile(r"([一二两三四五六七八九十])(百|千|万)")
_DIGITS = {"一": 1, "二": 2, "两": 2, "三": 3, "四": 4, "五": 5, "六": 6, "七": 7, "八": 8, "九": 9, "十": 10}
_UNITS = {"百": 100, "千": 1000, "万": 10_000}


def read_points(text: str, balance: int, *, bare: bool) -> int | None:
    """How many points are meant. `bare`: a number alone counts too, since the question was how many."""
    if _ALL.search(text):
        return balance
    if found := _CHINESE.search(text):
        return _DIGITS[found[1]] * _UNITS[found[2]]
    if found := (_NUMBER if bare else _POINTS).search(text):
        return int(found[1]) * _UNITS.get(found[2], 1)
    return None


class RedeemForm(Form):
    form = "redeem_form"
    trigger = "redeem_points"

    async def open(self, turn: Turn, answer: Answer) -> None:
        assert turn.member_id is not None  # the form did not open without
        points = await self.services.members.points(turn.member_id)
        if not points.balance:
            answer.say("utter_points_none")
            self.end(answer)
            return
        answer.set(points_balance=points.balance)
        pressed = turn.entity("quantity") if not turn.text else None
        wanted = read_points(pressed or turn.text, points.balance, bare=pressed is not None)
        if wanted and wanted <= points.balance:
            answer.set(points_amount=wanted)

    async def take_points_amount(self, turn: Turn, answer: Answer) -> None:
        balance = int(turn.slots["points_balance"])
        wanted = read_points(turn.text, balance, bare=True)
        if not (is_answer(turn) or turn.intent in {self.trigger, "affirm"}):
            return
        if not wanted and turn.intent in {self.trigger, "affirm"}:
            answer.set(points_amount=None)
        elif not wanted:
            self.fail(turn, answer, "points_amount", "utter_points_unclear")
        elif wanted > balance:
            self.fail(turn, answer, "points_amount", "utter_points_too_many", balance=balance)
        else:
            answer.set(points_amount=wanted, form_failures=0)


class SubmitRedeem(Submit, MemberAction):
    action_name = "action_submit_redeem"
    required = ("points_amount", "confirm")
    left = "utter_redeem_left"

    def when_refused(self, turn: Turn, refusal: NotAllowed, answer: Answer) -> None:
        step = int(refusal.details.get("step", "0"))
        rounded = int(turn.slots["points_amount"]) // step * step if step else 0
        if refusal.code != Refusal.POINTS_STEP or not rounded:
            super().when_refused(turn, refusal, answer)
            return
        button = {"title": f"换 {rounded} 分", "payload": f'/redeem_points{{"quantity":"{rounded}"}}'}
        answer.ask("utter_redeem_rounded", [button], step=step, points=rounded)

    async def serve(self, turn: Turn, member_id: str, answer: Answer) -> None:
        done = await self.services.members.redeem(member_id, int(turn.slots["points_amount"]), self.key(turn))
        answer.say(
            "utter_redeemed",
            points=done.points,
            coupon=done.coupon.name,
            valid_until=day(done.coupon.valid_until),
            balance=done.balance,
        )
