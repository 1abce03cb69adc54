"""Answers to what the bot said: an order named, yes, no. Outside of forms; an open form takes its own answers."""

from collections.abc import Mapping

from actions.base import Answer, CustomerAction
from actions.references import read_mention
from actions.services import Services
from actions.turn import Turn

ORDER_STATUS = "order_status"
FORMS = {"cancel_order": "cancel_form", "return_goods": "return_form"}
"""Forms that an answer may offer."""


class Inform(CustomerAction):
    """The answer to "which order?" goes to the action that asked; an order named out of the blue is looked up."""

    action_name = "action_inform"

    def __init__(self, services: Services, by_intent: Mapping[str, CustomerAction]) -> None:
        super().__init__(services)
        self._by_intent = by_intent

    async def respond(self, turn: Turn, answer: Answer) -> None:
        pending = self._by_intent.get(turn.slots.get("pending_intent") or "")
        mention = read_mention(turn.text, turn.entities)
        if pending and (mention.points or mention.malformed):
            await pending.respond(turn, answer)
        elif mention.number or mention.tracking_number:
            await self._by_intent[ORDER_STATUS].respond(turn, answer)
        else:
            answer.say("utter_inform_unclear")


class Affirm(CustomerAction):
    """Yes to what was just offered."""

    action_name = "action_affirm"

    def __init__(self, services: Services, by_intent: Mapping[str, CustomerAction]) -> None:
        super().__init__(services)
        self._by_intent = by_intent

    async def respond(self, turn: Turn, answer: Answer) -> None:
        offered = turn.offer.get("intent", "")
        if form := FORMS.get(offered):
            answer.events.append({"event": "followup", "name": form})
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
