"""Answers to what the bot said: an order named, yes, no, or nothing understood. An open form has the first word."""

from collections.abc import Mapping, Sequence

from actions.base import Answer, CustomerAction
from actions.choice import bought
from actions.faq import answer_from_knowledge
from actions.forms.form import FORMS, SUBMITTED
from actions.goods import asked_on
from actions.guesses import LEAST_LIKELY, PERSON, guessed_wishes
from actions.references import insists, unnamed_goods
from actions.services import Services
from actions.turn import Turn

ORDER_STATUS = "order_status"


class Inform(CustomerAction):
    """The answer to "which order?" goes to the action that asked; an order named out of the blue is looked up."""

    action_name = "action_inform"

    def __init__(self, services: Services, by_intent: Mapping[str, CustomerAction]) -> None:
        super().__init__(services)
        self._by_intent = by_intent

    async def respond(self, turn: Turn, answer: Answer) -> None:
        if not (await self.asks_on(turn, answer) or await self.names_an_order(turn, answer)):
            answer.say("utter_inform_unclear")

    async def asks_on(self, turn: Turn, answer: Answer) -> bool:
        """电饭煲呢, right after 到哪了: the same of another order. Whether it was that; then it has been answered."""
        goods = asked_on(turn.text)
        action = self._by_intent.get(turn.asked_just_now or "")
        if not (goods and action and turn.member_id and not turn.active_form):
            return False
        if not await bought(self.services.orders, turn.member_id, goods):
            return False
        await action.respond(turn, answer)
        return True

    async def names_an_order(self, turn: Turn, answer: Answer) -> bool:
        """Whether it does; then it has been dealt with."""
        mention = turn.mention
        waiting = [intent for intent in turn.pending if intent in FORMS or intent in self._by_intent]
        if waiting == [ORDER_STATUS] and (asked := self._asked(turn)):  # a list waits for that; the words ask for more
            waiting = [asked]
        if waiting and (mention.points or (mention.malformed and waiting[0] in self._by_intent)):
            await self._serve(waiting, turn, answer)
        elif self._pointed_out(turn):
            await self._by_intent[self._asked(turn) or ORDER_STATUS].respond(turn, answer)
        else:
            return False
        return True

    async def takes_as_order(self, turn: Turn, answer: Answer) -> bool:
        """Of an utterance that was not understood surely: if it points an order out, it is about that."""
        if await self.asks_on(turn, answer):
            return True
        guess = next((name for name, _ in turn.guesses if name != "faq"), "")
        if turn.active_form or not (guess in self._by_intent or guess == "inform") or not self._pointed_out(turn):
            return False
        return await self.names_an_order(turn, answer)

    def _pointed_out(self, turn: Turn) -> bool:
        mention = turn.mention
        in_list = mention.position is not None and bool(turn.shown_orders)
        alone = mention.number or mention.tracking_number or mention.state
        first = mention.received_last or mention.dearest or mention.cheapest
        goods = insists(turn.text, mention) or unnamed_goods(turn.text, mention)
        return bool(in_list or alone or first or goods)

    def _asked(self, turn: Turn) -> str | None:
        """What was asked of the order, if anything: 第二个到哪了 is more than an order named."""
        likely = (name for name, confidence in turn.guesses if confidence >= LEAST_LIKELY)
        return next((name for name in likely if name in self._by_intent), None)

    async def _serve(self, waiting: Sequence[str], turn: Turn, answer: Answer) -> None:
        """All that waited for the order; a form comes last, for it has questions of its own."""
        for intent in waiting:
            if intent in FORMS:
                answer.go_on_with(FORMS[intent])
                later = dict.fromkeys(later for later in waiting[1:] if later in FORMS and later != intent)
                answer.set(next_forms=[{"intent": later} for later in later] or None)
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
        if not turn.active_form and (
            await self._inform.asks_on(turn, answer) or await self._inform.names_an_order(turn, answer)
        ):
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
            answer.go_on_with(form)
        elif offered == "human_agent":
            answer.go_on_with("action_handover")  # an action of its own: what is counted begins anew after it
        elif action := self._by_intent.get(offered):
            await action.respond(turn, answer)
        else:
            answer.say("utter_affirm_idle")


class NeverMind(CustomerAction):
    """Nothing is under way. Right after a form has acted, it is too late to say that nothing was done."""

    action_name = "action_never_mind"

    async def respond(self, turn: Turn, answer: Answer) -> None:
        if turn.offer.get("intent") == SUBMITTED:
            answer.say("utter_already_submitted")
            answer.offer(turn, "human_agent")
        else:
            answer.say("utter_never_mind")


class Deny(CustomerAction):
    """No to what was just offered; after an answer from the knowledge base: that was of no help."""

    action_name = "action_deny"

    async def respond(self, turn: Turn, answer: Answer) -> None:
        offered = turn.offer.get("intent")
        if offered == "faq":
            answer.say("utter_unhelpful")
            answer.set(unhelpful_streak=int(turn.slots.get("unhelpful_streak") or 0) + 1)
            answer.offer(turn, "human_agent")
        else:
            answer.say("utter_deny_idle" if offered in {None, SUBMITTED} else "utter_offer_declined")
