"""What every action shares: reading the turn, a deadline, errors told to the customer, and the member's identity.

An action is `respond(turn, answer)`; it says responses by name (their texts are in bot/assistant/domain/responses) and
sets slots on the `Answer`. What goes wrong on the way is told here, once:

    Unavailable, deadline    `when_unavailable`: said within 3 s, a person is offered, nothing is invented
    NotAllowed               `utter_refused_<code>`, or the action's own response for that code
    no verified member       `utter_login_needed`, nothing is revealed
"""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar

import structlog
from rasa_sdk import Action, Tracker
from rasa_sdk.executor import CollectingDispatcher

from actions.backends.refusals import NotAllowed, Refusal
from actions.services import Services
from actions.turn import Turn
from actions.wording import moment
from core.errors import NotFound, Unavailable

Event = dict[str, Any]

FORM_SLOTS = (
    "order_number",
    "return_reason",
    "new_address",
    "partial_address",
    "address_missing",
    "invoice_title",
    "invoice_amount",
    "points_amount",
    "ticket_body",
    "confirm",
    "order_title",
    "refund_amount",
    "points_balance",
    "exchange_wish",
    "exchange_target",
    "exchange_reason",
    "exchange_offers",
    "exchange_said",
    "repair_item",
    "repair_name",
    "repair_offers",
    "repair_free",
    "warranty_until",
    "fault",
    "price_difference",
    "price_lines",
)
"""What an open form has gathered, and what its questions show."""

log = structlog.get_logger(__name__)


class Answer:
    """What an action says and remembers, in Rasa's shapes."""

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []
        self.events: list[Event] = []

    def say(self, response: str, /, **values: object) -> None:
        """Say a response of the domain; `values` fill its placeholders."""
        self.messages.append({**values, "response": response})

    def ask(self, response: str, buttons: Sequence[Mapping[str, str]], /, **values: object) -> None:
        """Say a response with buttons (`title`, `payload`) that are known only now."""
        self.messages.append({**values, "response": response, "buttons": [dict(button) for button in buttons]})

    def say_text(self, text: str) -> None:
        """Say what is data itself, such as a knowledge entry's answer."""
        self.messages.append({"text": text})

    def do(self, custom: Mapping[str, Any]) -> None:
        """Ask the gateway for an effect, without words."""
        self.messages.append({"custom": dict(custom)})

    def set(self, **slots: Any) -> None:
        self.events += [{"event": "slot", "name": name, "value": value} for name, value in slots.items()]

    def pending(self) -> str | None:
        """The intent that this answer asks on for, if it asks which order is meant."""
        said = [event["value"] for event in self.events if event.get("name") == "pending_intent"]
        return said[-1] if said else None

    def gathers(self) -> bool:
        """Whether it changes what an open form has gathered, and so what its last question reads out."""
        return any(event.get("name") in FORM_SLOTS and event["name"] != "confirm" for event in self.events)

    def expect_order(self, turn: Turn, *intents: str) -> None:
        """An order named next is for these, after what an earlier wish of the same message has asked it for."""
        self.set(pending_intent=" ".join(dict.fromkeys((*turn.waiting, *intents))) or None)

    def go_on_with(self, action: str) -> None:
        """Right after this action, with the same utterance; a form counts as one."""
        self.events.append({"event": "followup", "name": action})

    def forget_form(self) -> None:
        self.set(**dict.fromkeys(FORM_SLOTS))

    def offer(self, turn: Turn, intent: str, **details: Any) -> None:
        """Remember what was offered, for an affirm or deny that follows at once."""
        self.set(offer={"intent": intent, "message_id": turn.spoken_in, **details})


class CustomerAction(Action, ABC):  # type: ignore[misc]
    """An action that needs no login."""

    action_name: ClassVar[str]
    refusals: ClassVar[Mapping[str, str]] = {}
    """Responses for refusal codes that mean something special here."""

    def __init__(self, services: Services) -> None:
        self.services = services

    def name(self) -> str:
        return self.action_name

    async def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: Any) -> list[Event]:
        answer = await self.answer(Turn.read(tracker))
        dispatcher.messages.extend(answer.messages)
        return answer.events

    async def answer(self, turn: Turn) -> Answer:
        """The whole answer, whatever goes wrong. What was said before an error is dropped with it."""
        answer = Answer()
        try:
            async with asyncio.timeout(self.services.deadline_seconds):
                await self.respond(turn, answer)
        except (Unavailable, TimeoutError) as error:
            log.warning("backend_unavailable", action=self.name(), error=str(error) or type(error).__name__)
            answer = Answer()
            self.when_unavailable(turn, answer)
        except NotAllowed as refusal:
            answer = Answer()
            self.when_refused(turn, refusal, answer)
        return answer

    @abstractmethod
    async def respond(self, turn: Turn, answer: Answer) -> None:
        """Raises what the backends raise."""

    def when_unavailable(self, turn: Turn, answer: Answer) -> None:
        answer.say("utter_backend_down")
        answer.offer(turn, "human_agent")

    def when_refused(self, turn: Turn, refusal: NotAllowed, answer: Answer) -> None:
        known = self.refusals.get(refusal.code) or (
            f"utter_refused_{refusal.code}" if refusal.code in set(Refusal) else "utter_refused_other"
        )
        answer.say(known, **{name: _readable(value) for name, value in refusal.details.items()})
        if known == "utter_refused_other":
            answer.offer(turn, "human_agent")


class MemberAction(CustomerAction):
    """An action about the customer's own data."""

    async def respond(self, turn: Turn, answer: Answer) -> None:
        if turn.member_id is None:
            answer.say("utter_login_needed")
            return
        try:
            await self.serve(turn, turn.member_id, answer)
        except NotFound:  # the login outlived the member
            answer.say("utter_login_needed")

    @abstractmethod
    async def serve(self, turn: Turn, member_id: str, answer: Answer) -> None: ...


def _readable(detail: str) -> str:
    """Backends give times in ISO 8601."""
    try:
        return moment(datetime.fromisoformat(detail)) if "T" in detail else detail
    except ValueError:
        return detail
