"""How every form goes. Rasa calls `validate_<form>` when the form opens and at each utterance while it is open.

An utterance is one of three things, and only the form can tell which, for it knows what it asked:

    leaving       算了: the form ends, and its submit action says so
    an answer     `take_<slot>` keeps it, or refuses it with another try (counted in `form_failures`)
    a digression  `take_<slot>` sets nothing, so Rasa declines it; a rule answers it, and the form asks again

The last question of a form that cannot be undone reads out what it is about to do. Its yes-button carries the
`confirm_key` of these very terms, so that a button pressed further up the page never confirms something else.

A form ends by `requested_slot` being empty. Its submit action runs whatever the reason and reads it from the slots:
`confirm` False: the customer left; a slot missing: the form has said why it ended; else: act.
"""

import re
from abc import abstractmethod
from typing import ClassVar

from actions.backends.refusals import NotAllowed
from actions.base import Answer, CustomerAction
from actions.guesses import TITLES
from actions.turn import Turn
from core.errors import NotFound

FALLBACK = "nlu_fallback"
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
SUBMITTED = "submitted"
"""In place of an offer: a form has just acted, and 算了 comes too late."""
LEAVING = frozenset({"never_mind", "goodbye"})
_CONFIRMING = re.compile(r"\s*我?(?:确认|确定)[^不没吗么?？]{0,6}")
"""确认退货, typed instead of pressed: whatever the intent model takes it for."""

_NOTHING_AT_ALL = re.compile(r"[都全](?:部|都)?(?:不|别|算|取消)")
"""算了 都不办了."""
_AGREEING = re.compile(
    r"\s*(?:行|好|可以|嗯|对|没问题|同意)[的啊呀嘞]?[,，。\s]*(?:那?就)?[^不没别吗么?？,，\s]{1,3}吧[。!！~～]*"
)
"""行 修吧: the wish again, but after a yes."""


class Form(CustomerAction):
    form: ClassVar[str]
    trigger: ClassVar[str]
    """The intent that opens the form."""
    needs_login: ClassVar[bool] = True

    def name(self) -> str:
        return f"validate_{self.form}"

    @abstractmethod
    async def open(self, turn: Turn, answer: Answer) -> None:
        """Take what the first utterance already tells, and prepare the questions."""

    async def respond(self, turn: Turn, answer: Answer) -> None:
        if self.form in turn.declined:
            return
        opening = turn.opened == self.form
        if turn.put_off and not opening:
            self._put_off(turn, answer)
            return
        if opening:
            turn = self._taken_up(turn, answer)
            answer.forget_form()
            answer.set(form_failures=0, pending_intent=None)
            if turn.declined:
                answer.say("utter_form_switched")
        if self.needs_login and turn.member_id is None:
            self._ask_to_log_in(answer)
            return
        try:
            await (self.open(turn, answer) if opening else self._take(turn, answer))
        except NotFound:  # the login outlived the member
            self._ask_to_log_in(answer)
        if answer.gathers():
            answer.set(confirm_key=turn.message_id)

    def _put_off(self, turn: Turn, answer: Answer) -> None:
        """One form after the other, and the customer knows."""
        said = {"intent": turn.intent, "text": turn.text, "entities": {n: list(v) for n, v in turn.entities.items()}}
        others = [wish for wish in turn.next_forms if wish["intent"] != turn.intent]
        answer.set(next_forms=[*others, said])
        answer.say("utter_form_waits", current=TITLES[self.trigger], wish=TITLES[turn.intent])

    def _taken_up(self, turn: Turn, answer: Answer) -> Turn:
        """What waited for this form waits no longer. Its words count if it opens because the form before has ended; a
        customer who opens it anew has said new ones."""
        waited = next((wish for wish in turn.next_forms if wish["intent"] == self.trigger), None)
        if waited is None:
            return turn
        answer.set(next_forms=[wish for wish in turn.next_forms if wish is not waited] or None)
        return turn.as_said(waited) if waited.get("due") == turn.message_id else turn

    def is_leaving(self, turn: Turn, requested: str) -> bool:
        return turn.intent in LEAVING

    async def _take(self, turn: Turn, answer: Answer) -> None:
        requested: str = turn.slots["requested_slot"]
        if self.is_leaving(turn, requested):
            self.leave(answer)
        else:
            await self.take(turn, answer, requested)

    def _ask_to_log_in(self, answer: Answer) -> None:
        answer.say("utter_login_needed")
        self.end(answer)

    async def take(self, turn: Turn, answer: Answer, requested: str) -> None:
        await getattr(self, f"take_{requested}")(turn, answer)

    async def take_confirm(self, turn: Turn, answer: Answer) -> None:
        """Only a plain yes acts. Repeating the wish is no yes to this order and these terms."""
        if turn.entity("confirms") not in {None, turn.slots.get("confirm_key")}:
            answer.say("utter_button_stale")
            answer.set(confirm=None)
        elif turn.intent == "affirm" or _CONFIRMING.fullmatch(turn.text) or _AGREEING.fullmatch(turn.text):
            answer.set(confirm=True, form_failures=0)
        elif turn.intent == "deny":
            self.leave(answer)
        elif turn.intent == self.trigger:
            answer.set(confirm=None)
        elif is_answer(turn):
            self.fail(turn, answer, "confirm", "utter_confirm_unclear")

    def fail(self, turn: Turn, answer: Answer, slot: str, response: str, **values: object) -> None:
        """The answer cannot be used. Once too often ends the form: then the handoff policy has the word."""
        failures = turn.form_failures + 1
        answer.say(response, **values)
        answer.set(form_failures=failures, **{slot: None})
        if failures >= self.services.thresholds.form_failures:
            answer.set(requested_slot=None)

    def leave(self, answer: Answer) -> None:
        answer.set(confirm=False, requested_slot=None)

    def end(self, answer: Answer) -> None:
        """The form has said why it cannot go on. An order named next is for another try."""
        answer.forget_form()
        answer.set(requested_slot=None, pending_intent=self.trigger)

    def when_unavailable(self, turn: Turn, answer: Answer) -> None:
        super().when_unavailable(turn, answer)
        self.end(answer)

    def when_refused(self, turn: Turn, refusal: NotAllowed, answer: Answer) -> None:
        super().when_refused(turn, refusal, answer)
        self.end(answer)


class Submit(CustomerAction):
    """Runs when its form has ended, for whatever reason, and leaves no trace of it in the slots."""

    required: ClassVar[tuple[str, ...]]
    left: ClassVar[str]

    async def answer(self, turn: Turn) -> Answer:
        left = turn.slots.get("confirm") is False
        if left:
            answer = Answer()
            answer.say(self.left)
        elif any(turn.slots.get(slot) is None for slot in self.required):
            answer = Answer()
        else:
            answer = await super().answer(turn)
        submitted = bool(answer.messages) and not left
        offered = any(event.get("name") == "offer" for event in answer.events)
        if submitted and not offered:
            answer.offer(turn, SUBMITTED)
        answer.forget_form()
        if left and _NOTHING_AT_ALL.search(turn.text):
            answer.set(next_forms=None)
        elif turn.next_forms:
            self._go_on(turn, answer, at_once=left or (submitted and not offered))
        return answer

    def _go_on(self, turn: Turn, answer: Answer, *, at_once: bool) -> None:
        """To what was wished for beside this form; after one that has just said why it failed, only if still wished."""
        wish, *others = turn.next_forms
        title = TITLES[wish["intent"]]
        if at_once:
            answer.say("utter_next_form", wish=title)
            answer.set(next_forms=[{**wish, "due": turn.message_id}, *others])
            answer.go_on_with(FORMS[wish["intent"]])
        else:
            answer.ask("utter_next_form_offered", [{"title": title, "payload": f"/{wish['intent']}"}], wish=title)
            answer.set(next_forms=others or None, pending_intent=None)
            answer.offer(turn, **wish)

    def when_refused(self, turn: Turn, refusal: NotAllowed, answer: Answer) -> None:
        titled = {"title": turn.slots.get("order_title") or "", **refusal.details}
        super().when_refused(turn, NotAllowed(refusal.code, details=titled), answer)

    def when_unavailable(self, turn: Turn, answer: Answer) -> None:
        answer.say("utter_submit_unsure")
        answer.offer(turn, "human_agent")

    def key(self, turn: Turn) -> str:
        """The idempotency key: the same message never acts twice."""
        return f"{turn.message_id}:{self.action_name}"


def is_answer(turn: Turn) -> bool:
    """Meant for the open question, as far as the intent tells."""
    return turn.intent == "inform" or (turn.intent == FALLBACK and turn.faq.outcome == "none")
