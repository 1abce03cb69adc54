"""The exchange form: which order, what instead, and are you sure."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import ClassVar

from actions.backends.aftersales import ExchangeItem, ExchangeOptions, ExchangeStatus
from actions.backends.orders import Order, OrderStatus
from actions.backends.refusals import Refusal
from actions.base import Answer, CustomerAction, MemberAction
from actions.forms.form import FALLBACK, Submit, is_answer
from actions.forms.order_form import OrderForm
from actions.forms.variants import Wish, look, read_wish, the_only_one, variant_of
from actions.goods import is_called
from actions.references import read_mention
from actions.turn import Turn
from actions.wording import day, order_title, short

_NOT_SENT = {OrderStatus.PENDING_PAYMENT, OrderStatus.PAID}
_RECEIVED = {OrderStatus.DELIVERED, OrderStatus.COMPLETED}
_RECENTLY = timedelta(days=30)
"""What was received longer ago is hardly meant, unless it is named."""
_QUESTIONS = {"product_question", FALLBACK}
_WISH_INTENTS = {"inform", "exchange_goods", "affirm", "deny", "never_mind", *_QUESTIONS}
_INSTEAD = re.compile(r"(?<![不别])换(?![货了])")
_SWAP = re.compile(r"换一?[个件]")
_MOST_BUTTONS = 8
_LONGEST_REASON = 100
_BARE_GOODS = 6
"""Characters: 空气炸锅, asked which of several; whatever the intent model takes it for."""
_OVER = {ExchangeStatus.DONE, ExchangeStatus.REJECTED}


class ExchangeForm(OrderForm):
    form = "exchange_form"
    trigger = "exchange_goods"
    nothing = "utter_exchange_nothing"
    refusals: ClassVar = {
        Refusal.ALREADY_REQUESTED: "utter_exchange_already_requested",
        Refusal.NOT_DELIVERED: "utter_exchange_not_delivered",
        Refusal.WINDOW_CLOSED: "utter_exchange_window_closed",
        Refusal.NOT_RETURNABLE: "utter_exchange_not_possible",
    }

    def wanted(self, order: Order) -> bool:
        recent = order.delivered_at is not None and self.services.clock() - order.delivered_at <= _RECENTLY
        return recent and order.status in _RECEIVED

    def reading(self, turn: Turn) -> Turn:
        """换个颜色 wants another colour, not another order."""
        return replace(turn, text=_SWAP.sub("换", turn.text))

    def names_another(self, turn: Turn) -> bool:
        """红色那件 is what it is to become."""
        return super().names_another(turn) and not turn.mention.may_be_aside

    def changes_its_mind(self, turn: Turn) -> bool:
        """另一个 may be another piece of the same order."""
        return super().changes_its_mind(turn) and "单" in turn.text

    def is_leaving(self, turn: Turn, requested: str) -> bool:
        """那算了换 L 吧 gives up one wish for another."""
        return super().is_leaving(turn, requested) and _INSTEAD.search(turn.text) is None

    async def accepts(self, turn: Turn, member_id: str, order: Order, answer: Answer) -> bool:
        if order.status in _NOT_SENT:
            answer.say("utter_exchange_not_shipped", title=order_title(order))
            answer.offer(turn, "cancel_order", order_number=order.number)
            return False
        options = await self.services.exchanges.options(member_id, order.number)
        if not options.eligible:
            await self._refuse(turn, member_id, order, options, answer)
            return False
        answer.set(exchange_offers=_offers(options.items), exchange_wish=None, exchange_target=None)
        if wish := self._read(turn, options.items) or self._read_before(turn, options.items):
            self._keep(wish, answer)
        return True

    async def _refuse(self, turn: Turn, member_id: str, order: Order, options: ExchangeOptions, answer: Answer) -> None:
        if options.refusal == Refusal.IN_SERVICE:
            for request in await self.services.exchanges.progress(member_id, order.number):
                if request.status not in _OVER:
                    answer.say(
                        "utter_exchange_under_way",
                        title=order_title(order),
                        request_number=request.number,
                        wanted=request.wanted_name,
                        status=request.status.label,
                    )
                    return
        known = self.refusals.get(options.refusal or "") or f"utter_refused_{options.refusal}"
        answer.say(known, title=order_title(order), deadline=day(options.deadline))
        answer.offer(turn, "human_agent")

    def prefill(self, turn: Turn, answer: Answer) -> None:
        """What it is to become is kept as said: only an order tells whether there is such a piece."""
        self._keep_reason(turn, answer)
        colors, sizes = turn.entities.get("color", ()), turn.entities.get("size", ())
        if colors or sizes:
            answer.set(exchange_said=[turn.text, colors, sizes])

    def _keep_reason(self, turn: Turn, answer: Answer) -> None:
        if reason := turn.entity("reason"):
            answer.set(exchange_reason=reason[:_LONGEST_REASON])

    async def take_exchange_wish(self, turn: Turn, answer: Answer) -> None:
        items = await self._items(turn)
        wish = self._read(turn, items) if turn.intent in _WISH_INTENTS else None
        if wish is None and (is_answer(turn) or len(turn.text) <= _BARE_GOODS):
            wish = the_only_one(turn.text, items)
        if wish:
            self._keep_reason(turn, answer)
            self._keep(wish, answer)
            return
        fault = turn.intent == "wrong_or_damaged"
        if not fault and (
            turn.intent not in _WISH_INTENTS or (turn.intent in _QUESTIONS and turn.faq.outcome != "none")
        ):
            return
        self._keep_reason(turn, answer)
        if (
            fault
            or turn.intent in {self.trigger, "affirm"}
            or turn.entity("reason")
            or turn.entity("product")
            or turn.intent == "product_question"
        ):
            answer.set(exchange_wish=None)
        else:
            self.fail(turn, answer, "exchange_wish", "utter_exchange_wish_unclear")

    async def take_confirm(self, turn: Turn, answer: Answer) -> None:
        """不对，换成红色 is another wish, not a no; 另一单 is left to the order."""
        if turn.intent in _WISH_INTENTS - {"affirm"} and not turn.entity("confirms"):
            wish = self._read(turn, await self._items(turn))
            same = wish and wish.variant and wish.variant.name == turn.slots["exchange_wish"]
            if same and turn.intent == "never_mind":  # 算了就换 L 吧: asked once more rather than taken for a no
                answer.set(confirm=None)
                return
            if wish and not same:
                if not self._keep(wish, answer) and turn.intent in _QUESTIONS:  # only asked; what was chosen stays
                    answer.set(exchange_wish=turn.slots["exchange_wish"], exchange_target=turn.slots["exchange_target"])
                return
        if turn.intent == "wrong_or_damaged" and self._is_about_it(turn):  # 裙子尺码大了: why, and no yes
            self._keep_reason(turn, answer)
            answer.set(confirm=None)
            return
        await super().take_confirm(self.reading(turn), answer)

    def _is_about_it(self, turn: Turn) -> bool:
        mention = turn.mention
        return not mention.number and all(is_called(turn.slots["exchange_wish"], goods) for goods in mention.products)

    async def _items(self, turn: Turn) -> tuple[ExchangeItem, ...]:
        assert turn.member_id is not None  # the form did not open without
        return (await self.services.exchanges.options(turn.member_id, turn.slots["order_number"])).items

    def _read(self, turn: Turn, items: tuple[ExchangeItem, ...]) -> Wish | None:
        pressed, nth = turn.entity("sku"), read_mention(turn.text, {}).position or 0
        offers = turn.slots.get("exchange_offers") or []
        if not pressed and turn.slots.get("requested_slot") == "exchange_wish" and 0 < nth <= len(offers):
            pressed = offers[nth - 1]["sku"]
        if pressed:
            return variant_of(pressed, items)
        return read_wish(turn.text, items, turn.entities.get("color", ()), turn.entities.get("size", ()))

    def _read_before(self, turn: Turn, items: tuple[ExchangeItem, ...]) -> Wish | None:
        """What was said while the order was being asked for."""
        said = turn.slots.get("exchange_said")
        return read_wish(said[0], items, said[1], said[2]) if said and not turn.opened else None

    def _keep(self, wish: Wish, answer: Answer) -> bool:
        """Whether it can be. What is sold out or never was is said; the question then shows what there is."""
        if wish.variant and wish.variant.stock:
            target = [wish.item.sku, wish.variant.sku]
            answer.set(exchange_wish=wish.variant.name, exchange_target=target, confirm=None, form_failures=0)
            return True
        if wish.variant:
            answer.say("utter_exchange_sold_out", wanted=wish.variant.name)
        else:
            answer.say("utter_exchange_no_such", name=short(wish.item.name))
        answer.set(exchange_wish=None, exchange_target=None)
        return False


def _offers(items: tuple[ExchangeItem, ...]) -> list[dict[str, str]]:
    """What is in stock, the same again last: it is the rarest wish."""
    several = len(items) > 1
    offers = []
    for item in items:
        own, *others = [variant for variant in item.variants if variant.stock or variant is item.variants[0]]
        named = [(variant, variant.name if several else look(variant)) for variant in others]
        if own.stock:
            named.append((own, f"{short(own.name)} 换新" if several else "同款换新"))
        offers += [{"title": title, "sku": variant.sku} for variant, title in named]
    return offers[:_MOST_BUTTONS]


def sku_buttons(offers: Sequence[Mapping[str, str]]) -> list[dict[str, str]]:
    return [{"title": offer["title"], "payload": f'/inform{{"sku":"{offer["sku"]}"}}'} for offer in offers]


class AskExchangeWish(CustomerAction):
    action_name = "action_ask_exchange_form_exchange_wish"

    async def respond(self, turn: Turn, answer: Answer) -> None:
        answer.ask("utter_ask_exchange_wish", sku_buttons(turn.slots.get("exchange_offers") or []))


class SubmitExchange(Submit, MemberAction):
    action_name = "action_submit_exchange"
    required = ("order_number", "exchange_wish", "confirm")
    left = "utter_exchange_left"
    refusals: ClassVar = {**ExchangeForm.refusals, Refusal.OUT_OF_STOCK: "utter_exchange_sold_out_meanwhile"}

    async def serve(self, turn: Turn, member_id: str, answer: Answer) -> None:
        order, (sku, wanted_sku) = turn.slots["order_number"], turn.slots["exchange_target"]
        reason = turn.slots.get("exchange_reason") or ""
        request = await self.services.exchanges.create(member_id, order, sku, wanted_sku, reason, self.key(turn))
        answer.say("utter_exchange_submitted", request_number=request.number, wanted=turn.slots["exchange_wish"])
