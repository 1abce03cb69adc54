"""The first question of most forms: which order?"""

from abc import abstractmethod
from dataclasses import replace
from typing import ClassVar

from actions.backends.orders import Order
from actions.base import Answer, CustomerAction
from actions.choice import SHOWN, Choice, Chosen, Nothing, Several, Unknown, bought, choose
from actions.forms.form import Form, is_answer
from actions.goods import asked_on, that_one
from actions.order_action import PICK_AFTER, buttons_for, tell_unknown
from actions.references import changes_order, insists
from actions.turn import Turn
from actions.wording import order_button, order_title

_BARE_GOODS = 6
"""Characters: 连衣裙, 那个电饭煲. Asked which order, nobody means a question by it."""


class OrderForm(Form):
    nothing: ClassVar[str]
    """Said when no order of the customer's can be meant."""

    @abstractmethod
    def wanted(self, order: Order) -> bool: ...

    @abstractmethod
    async def accepts(self, turn: Turn, member_id: str, order: Order, answer: Answer) -> bool:
        """Whether the form can go on with this order; if not, this says why. Raises NotAllowed likewise."""

    def names_another(self, turn: Turn) -> bool:
        """洗衣机那个, or 不对，换成空调那单: in the middle of the form, another order than the one it is about."""
        mention = turn.mention
        named = insists(turn.text, mention) or (mention.state is not None and not mention.state_told)
        return named or mention.received_last or self.changes_its_mind(turn)

    def changes_its_mind(self, turn: Turn) -> bool:
        """换成刚收到的那单, 不是这单: said in so many words, whatever the intent model takes it for."""
        return changes_order(turn.text)

    def is_leaving(self, turn: Turn, requested: str) -> bool:
        """算了 换成洗衣机那单 leaves one order for another."""
        return super().is_leaving(turn, requested) and not self.changes_its_mind(turn)

    def reading(self, turn: Turn) -> Turn:
        """The first utterance as far as it may name the order."""
        return turn

    def prefill(self, turn: Turn, answer: Answer) -> None:
        """Take what the first utterance tells besides the order."""

    async def open(self, turn: Turn, answer: Answer) -> None:
        turn = turn.as_wished(self.trigger)
        if await self._take_order(self.reading(turn), answer):
            self.prefill(turn, answer)

    async def take(self, turn: Turn, answer: Answer, requested: str) -> None:
        """Another order changes the order, whatever was asked."""
        if requested != "order_number" and await self._means_another(turn):
            if await self._take_order(turn, answer):
                self.prefill(turn, answer)
        else:
            await super().take(turn, answer, requested)

    async def _means_another(self, turn: Turn) -> bool:
        if self.changes_its_mind(turn):
            return True
        number = turn.slots.get("order_number")
        meant = is_answer(turn) or turn.intent in {self.trigger, "deny", "exchange_goods"}
        if meant and (turn.mention.number not in {None, number} or self.names_another(turn)):
            return True
        goods = that_one(turn.text) or (asked_on(turn.text) if len(turn.text) <= _BARE_GOODS else None)
        if not goods or not (meant or turn.intent in {"product_question", "faq"}):
            return False
        return await bought(self.services.orders, turn.member_id or "", goods, beside=number)

    async def take_order_number(self, turn: Turn, answer: Answer) -> None:
        mention = turn.mention
        goods_alone = turn.intent == "product_question" and mention.points and len(turn.text) <= _BARE_GOODS
        if not (
            is_answer(turn) or goods_alone or mention.received_last or turn.intent in {self.trigger, "affirm", "deny"}
        ):
            return
        if mention.points or mention.malformed:
            if await self._take_order(turn, answer):
                self.prefill(turn, answer)
        elif turn.intent in {self.trigger, "affirm"}:
            self.prefill(turn, answer)
            answer.set(order_number=None)
        elif self._told_ahead(turn, answer):
            answer.set(order_number=None)
        else:
            response = "utter_order_not_listed" if turn.intent == "deny" else "utter_order_unclear"
            self.fail(turn, answer, "order_number", response)
            if turn.form_failures + 1 < PICK_AFTER:
                answer.set(asked_in=turn.message_id)

    def _told_ahead(self, turn: Turn, answer: Answer) -> bool:
        """个人, while it is asked which order the invoice is for: kept for the question that comes later."""
        self.prefill(turn, answer)
        return answer.gathers()

    async def take_confirm(self, turn: Turn, answer: Answer) -> None:
        other = turn.mention.other
        if other and (is_answer(turn) or turn.intent in {self.trigger, "deny"}):
            await self._take_order(turn, answer)
        else:
            await super().take_confirm(turn, answer)

    async def _take_order(self, turn: Turn, answer: Answer) -> bool:
        """Whether the form goes on."""
        assert turn.member_id is not None  # the form did not open without
        if offered := turn.offer.get("order_number") if turn.intent == "affirm" else None:
            choice: Choice = Chosen(await self.services.orders.get(turn.member_id, offered))
        else:
            now = self.services.clock()
            choice = await choose(self.services.orders, turn.member_id, turn, now, self.wanted)
        match choice:
            case Chosen(order):
                return await self._accept(turn, turn.member_id, order, answer)
            case Several(orders):
                answer.set(order_number=None, shown_orders=[order_button(order) for order in orders])
            case Unknown() as unknown:
                if unknown.described:
                    fitting = tuple(order for order in unknown.recent if self.wanted(order))
                    unknown = replace(unknown, recent=fitting or unknown.recent)
                stuck_at = self.services.thresholds.form_failures
                answer.set(order_number=None, shown_orders=[order_button(order) for order in unknown.recent[:SHOWN]])
                tell_unknown(turn, answer, unknown, stuck_at)
                if turn.form_failures + 1 >= stuck_at:
                    answer.set(requested_slot=None)
            case Nothing() if turn.mention.other and turn.slots.get("order_number"):
                answer.say("utter_no_other_order")
                answer.set(confirm=None)
                return False
            case Nothing(has_orders):
                answer.say(self.nothing if has_orders else "utter_no_orders")
                self.end(answer)
                return False
        return True

    async def _accept(self, turn: Turn, member_id: str, order: Order, answer: Answer) -> bool:
        answer.set(last_order_number=order.number)
        if not await self.accepts(turn, member_id, order, answer):
            self.end(answer)
            return False
        answer.set(order_number=order.number, order_title=order_title(order), form_failures=0)
        return True


class AskOrderNumber(CustomerAction):
    """The question itself, also when the form asks again: it shows the list it has, without asking the backend."""

    action_name = "action_ask_order_number"

    async def respond(self, turn: Turn, answer: Answer) -> None:
        if turn.slots.get("asked_in") != turn.message_id:
            answer.ask(f"utter_which_{turn.active_form}", buttons_for(turn.shown_orders))
