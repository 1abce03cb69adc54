"""Answers to what the bot said: an order named, yes, no, or nothing understood. An open form has the first word."""

from collections.abc import Mapping, Sequence

from actions.base import Answer, CustomerAction
from actions.faq import answer_from_knowledge
from actions.guesses import PERSON, guessed_wishes
from actions.references import insists
from actions.services import Services
from actions.turn import Turn

ORDER_STATUS = "order_status"
FORMS = {
    "return_goods": "return_form",
    "change_address": "address_form",
    "cancel_order": "cancel_form",
    "request_invoice": "invoice_form",
    "exchange_goods": "exchange_form",
    "request_repair": "repair_form",
    "price_protection": "price_form",
    "leave_ticket": "ticket_form",
    "redeem_points": "redeem_form",
}
"""Forms by the intent that opens them; an answer may offer one, and one may wait for an order to be named."""


class Inform(CustomerAction):
    """The answer to "which order?" goes to the action that asked; an order named out of the blue is looked up."""

    action_name = "action_inform"

    def __init__(self, services: Services, by_intent: Mapping[str, CustomerAction]) -> None:
        super().__init__(services)
        self._by_intent = by_intent

    async def respond(self, turn: Turn, answer: Answer) -> None:
        if not await self.names_an_order(turn, answer):
            answer.say("utter_inform_unclear")

    async def names_an_order(self, turn: Turn, answer: Answer) -> bool:
        """Whether it does; then it has been dealt with."""
        mention = turn.mention
        waiting = [intent for intent in turn.pending if intent in FORMS or intent in self._by_intent]
        if waiting and (mention.points or (mention.malformed and waiting[0] in self._by_intent)):
            await self._serve(waiting, turn, answer)
        elif mention.number or mention.tracking_number or mention.state or self._pointed_out(turn):
            await self._by_intent[ORDER_STATUS].respond(turn, answer)
        else:
            return False
        return True

    def _pointed_out(self, turn: Turn) -> bool:
        in_list = turn.mention.position is not None and bool(turn.shown_orders)
        return in_list or insists(turn.text, turn.mention)

    async def _serve(self, waiting: Sequence[str], turn: Turn, answer: Answer) -> None:
        """All that waited for the order; a form comes last, for it has questions of its own."""
        for intent in waiting:
            if intent in FORMS:
                answer.open_form(FORMS[intent])
                answer.set(next_form=next((later for later in waiting[1:] if later in FORMS and later != intent), None))
                return
            await self._by_intent[intent].respond(turn, answer)
            if asks_on := answer.pending():  # not this order, or not clear yet
                answer.set(pending_intent=" ".join([asks_on, *waiting[waiting.index(intent) + 1 :]]))
                return


class Fallback(CustomerAction):
    """The intent was not clear. An answer to "which order?", or the knowledge base, may be; else: please rephrase."""

    action_name = "action_fallback"

    def __init__(self, services: Services, inform: Inform) -> None:
        super().__init__(services)
        self._inform = inform

    async def respond(self, turn: Turn, answer: Answer) -> None:
        if not turn.active_form and await self._inform.names_an_order(turn, answer):
            return
        if await answer_from_knowledge(self, turn, answer):
            return
        if guesses := guessed_wishes(turn):
            answer.ask("utter_did_you_want", [*guesses, PERSON])
        else:
            answer.say("utter_rephrase")


class Affirm(CustomerAction):
    """Yes to what was just offered."""

    action_name = "action_affirm"

    def __init__(self, services: Services, by_intent: Mapping[str, CustomerAction]) -> None:
        super().__init__(services)
        self._by_intent = by_intent

    async def respond(self, turn: Turn, answer: Answer) -> None:
        offered = turn.offer.get("intent", "")
        if turn.entity("confirms"):
            answer.say("utter_button_stale")
        elif form := FORMS.get(offered):
            answer.open_form(form)
        elif action := self._by_intent.get(offered):
            await action.respond(turn, answer)
        else:
            answer.say("utter_affirm_idle")


class Deny(CustomerAction):
    """No to what was just offered; after an answer from the knowledge base: that was of no help."""

    action_name = "action_deny"

    async def respond(self, turn: Turn, answer: Answer) -> None:
        match turn.offer.get("intent"):
            case "faq":
                answer.say("utter_unhelpful")
                answer.set(unhelpful_streak=int(turn.slots.get("unhelpful_streak") or 0) + 1)
                answer.offer(turn, "human_agent")
            case None:
                answer.say("utter_deny_idle")
            case _:
                answer.say("utter_offer_declined")
