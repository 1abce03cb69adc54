"""Answers to what the bot said: an order named, yes, no, or nothing understood. An open form has the first word."""

import json
from collections.abc import Mapping
from pathlib import Path

import yaml

from actions.base import Answer, CustomerAction
from actions.faq import answer_from_knowledge
from actions.references import read_mention
from actions.services import Services
from actions.turn import Turn

ORDER_STATUS = "order_status"
GUESSES = 3
LEAST_LIKELY = 0.1
KEPT_ENTITIES = ("order_number", "product", "reason", "address")
"""What was named stays named when the customer picks a guess."""
TITLES: Mapping[str, str] = yaml.safe_load(Path(__file__).with_name("wishes.yml").read_text(encoding="utf-8"))
PERSON = {"title": TITLES["human_agent"], "payload": "/human_agent"}
FORMS = {
    "return_goods": "return_form",
    "change_address": "address_form",
    "cancel_order": "cancel_form",
    "request_invoice": "invoice_form",
}
"""Forms about an order, by the intent that opens them; an answer may offer one, or ask for another order for it."""


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
        pending = turn.slots.get("pending_intent") or ""
        mention = read_mention(turn.text, turn.entities)
        if mention.points and pending in FORMS:
            answer.open_form(FORMS[pending])
        elif (mention.points or mention.malformed) and pending in self._by_intent:
            await self._by_intent[pending].respond(turn, answer)
        elif mention.number or mention.tracking_number:
            await self._by_intent[ORDER_STATUS].respond(turn, answer)
        else:
            return False
        return True


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
            answer.ask("utter_did_you_want", guesses)
        else:
            answer.say("utter_rephrase")


def guessed_wishes(turn: Turn) -> list[dict[str, str]]:
    """Buttons for what the customer may have meant, the likeliest first; the last one leads to a person."""
    named = {name: turn.entities[name][0] for name in KEPT_ENTITIES if name in turn.entities}
    details = json.dumps(named, ensure_ascii=False, separators=(",", ":")) if named else ""
    likely = [name for name, confidence in turn.guesses if confidence >= LEAST_LIKELY and name in TITLES]
    buttons = [{"title": TITLES[name], "payload": f"/{name}{details}"} for name in likely[:GUESSES]]
    return [*buttons, PERSON] if buttons else []


class Affirm(CustomerAction):
    """Yes to what was just offered."""

    action_name = "action_affirm"

    def __init__(self, services: Services, by_intent: Mapping[str, CustomerAction]) -> None:
        super().__init__(services)
        self._by_intent = by_intent

    async def respond(self, turn: Turn, answer: Answer) -> None:
        offered = turn.offer.get("intent", "")
        if form := FORMS.get(offered):
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
