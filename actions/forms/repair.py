"""The repair form: which order, which piece of it, what is wrong, and are you sure."""

import re
from dataclasses import replace
from typing import ClassVar

from actions.backends.aftersales import RepairStatus, Warranty
from actions.backends.orders import Order, OrderStatus
from actions.backends.refusals import Refusal
from actions.base import Answer, CustomerAction, MemberAction
from actions.forms.exchange import sku_buttons
from actions.forms.form import FALLBACK, Submit
from actions.forms.order_form import OrderForm
from actions.goods import named_in
from actions.references import read_mention
from actions.turn import Turn
from actions.wording import day, order_title, short

_FAULT_INTENTS = {"inform", "request_repair", "wrong_or_damaged", "complain", "deny", FALLBACK}
_LONGEST_FAULT = 100
_BARE_GOODS = 6  # characters

_JUST = re.compile(r"刚(?:才|刚)?(?:下单|下|买|拍|付款|付)(?!的)")


class RepairForm(OrderForm):
    form = "repair_form"
    trigger = "request_repair"
    nothing = "utter_repair_nothing"
    refusals: ClassVar = {
        Refusal.ALREADY_REQUESTED: "utter_repair_already_requested",
        Refusal.NOT_DELIVERED: "utter_repair_not_delivered",
        Refusal.NOT_SHIPPED: "utter_repair_not_delivered",
        Refusal.NOT_REPAIRABLE: "utter_repair_no_service",
    }

    def wanted(self, order: Order) -> bool:
        return order.status in {OrderStatus.DELIVERED, OrderStatus.COMPLETED}

    async def accepts(self, turn: Turn, member_id: str, order: Order, answer: Answer) -> bool:
        check = await self.services.repairs.warranty(member_id, order.number)
        if not check.eligible:
            await self._refuse(turn, member_id, order, check.refusal or "", answer)
            return False
        answer.set(repair_offers=[_offer(item) for item in check.items], repair_item=None)
        self._take_item(turn, check.items, answer)
        return True

    async def _refuse(self, turn: Turn, member_id: str, order: Order, refusal: str, answer: Answer) -> None:
        if refusal == Refusal.IN_SERVICE:
            for request in await self.services.repairs.progress(member_id, order.number):
                if request.status is not RepairStatus.DONE:
                    answer.say(
                        "utter_repair_under_way",
                        name=short(request.name),
                        request_number=request.number,
                        status=request.status.label,
                    )
                    return
        answer.say(self.refusals.get(refusal) or f"utter_refused_{refusal}", title=order_title(order))
        answer.offer(turn, "return_goods" if refusal == Refusal.NOT_REPAIRABLE else "human_agent")

    def _take_item(self, turn: Turn, items: tuple[Warranty, ...], answer: Answer) -> bool:
        """The only one, the one pressed, or the one that the words name; whether it is clear."""
        meant = list(items) if len(items) == 1 else [item for item in items if item.sku == turn.entity("sku")]
        meant = meant or [items[index] for index in named_in(turn.text, [item.name for item in items])]
        if len(meant) == 1:
            (item,) = meant
            answer.set(
                repair_item=item.sku,
                repair_name=short(item.name),
                warranty_until=f"{item.until.year}年{day(item.until)}",
                repair_free=item.covered,
                form_failures=0,
            )
        return len(meant) == 1

    def reading(self, turn: Turn) -> Turn:
        """刚买没多久就坏了 complains; the newest order is hardly there yet."""
        return replace(turn, text=_JUST.sub("", turn.text))

    def prefill(self, turn: Turn, answer: Answer) -> None:
        if fault := turn.entity("reason"):
            answer.set(fault=fault[:_LONGEST_FAULT])

    async def take_repair_item(self, turn: Turn, answer: Answer) -> None:
        if turn.intent not in _FAULT_INTENTS | {"affirm"}:
            return
        assert turn.member_id is not None  # the form did not open without
        check = await self.services.repairs.warranty(turn.member_id, turn.slots["order_number"])
        self.prefill(turn, answer)
        nth = read_mention(turn.text, {}).position or 0
        picked = check.items[nth - 1 : nth] if 0 < nth <= len(check.items) else check.items
        if self._take_item(turn, picked, answer) or (turn.intent == FALLBACK and turn.faq.outcome != "none"):
            return
        self.fail(turn, answer, "repair_item", "utter_repair_item_unclear")

    async def take_fault(self, turn: Turn, answer: Answer) -> None:
        if turn.intent == FALLBACK and turn.faq.outcome != "none":
            return
        if turn.intent not in _FAULT_INTENTS and not turn.entity("reason"):
            return
        fault = turn.text.strip() or turn.entity("reason") or ""
        if turn.intent == self.trigger and not turn.entity("reason"):
            answer.set(fault=None)
        elif len(fault) < 2 or fault.isdigit() or read_mention(fault, {}).position is not None:
            self.fail(turn, answer, "fault", "utter_fault_unclear")
        else:
            answer.set(fault=fault[:_LONGEST_FAULT], form_failures=0)

    async def take_confirm(self, turn: Turn, answer: Answer) -> None:
        """A better description, or another piece of the order, instead of a yes."""
        if len(turn.text) <= _BARE_GOODS and await self._takes_another(turn, answer):
            return
        better = turn.entity("reason")
        if turn.intent in {"inform", "wrong_or_damaged", self.trigger} and better and better != turn.slots["fault"]:
            answer.set(fault=better[:_LONGEST_FAULT])
        else:
            await super().take_confirm(turn, answer)

    async def _takes_another(self, turn: Turn, answer: Answer) -> bool:
        """空气炸锅, when the rice cooker of the same order has been read out."""
        offers = turn.slots.get("repair_offers") or []
        named = [offers[index]["sku"] for index in named_in(turn.text, [offer["title"] for offer in offers])]
        if len(named) != 1 or named[0] == turn.slots["repair_item"]:
            return False
        assert turn.member_id is not None  # the form did not open without
        check = await self.services.repairs.warranty(turn.member_id, turn.slots["order_number"])
        answer.set(confirm=None)
        return self._take_item(turn, tuple(item for item in check.items if item.sku == named[0]), answer)


def _offer(item: Warranty) -> dict[str, str]:
    return {"title": short(item.name), "sku": item.sku}


class AskRepairItem(CustomerAction):
    action_name = "action_ask_repair_form_repair_item"

    async def respond(self, turn: Turn, answer: Answer) -> None:
        answer.ask("utter_ask_repair_item", sku_buttons(turn.slots.get("repair_offers") or []))


class AskRepairConfirm(CustomerAction):
    """Whether it costs anything is part of what is agreed to."""

    action_name = "action_ask_repair_form_confirm"

    async def respond(self, turn: Turn, answer: Answer) -> None:
        answer.say(
            "utter_ask_repair_confirm_free" if turn.slots.get("repair_free") else "utter_ask_repair_confirm_paid"
        )


class SubmitRepair(Submit, MemberAction):
    action_name = "action_submit_repair"
    required = ("order_number", "repair_item", "fault", "confirm")
    left = "utter_repair_left"
    refusals: ClassVar = RepairForm.refusals

    async def serve(self, turn: Turn, member_id: str, answer: Answer) -> None:
        slots = turn.slots
        request = await self.services.repairs.create(
            member_id, slots["order_number"], slots["repair_item"], slots["fault"], self.key(turn)
        )
        if not request.pickup_on:
            answer.say("utter_repair_submitted_no_date", request_number=request.number)
        elif request.free:
            answer.say("utter_repair_submitted", request_number=request.number, pickup_on=day(request.pickup_on))
        else:
            answer.say("utter_repair_submitted_paid", request_number=request.number, pickup_on=day(request.pickup_on))
