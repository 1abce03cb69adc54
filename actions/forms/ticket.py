"""Leaving a message or a complaint for the people behind the bot, with the order that was spoken of."""

import re
from dataclasses import replace

from actions.base import Answer
from actions.forms.form import Form, Submit
from actions.received import SignedNotReceived
from actions.references import NUMBER
from actions.turn import Turn

_SHORTEST, _LONGEST = 4, 1000
_SAID_ALREADY = re.compile(
    r"(?:留个?言|留个?话|登记一?下?|记一下|反馈|工单|投诉)[^，。,：:\s]{0,6}[，。,：:\s]+(.{8,})", re.DOTALL
)


class TicketForm(Form):
    form = "ticket_form"
    trigger = "leave_ticket"
    needs_login = False

    async def open(self, turn: Turn, answer: Answer) -> None:
        """A button may carry what was said before; an utterance may say it at once: 留言：快递员没打电话就放门口了."""
        if turn.offer.get("intent") == SignedNotReceived.intent:  # 登记吧: what was offered is a yes away
            await SignedNotReceived(self.services).respond(replace(turn, intent="affirm"), answer)
            answer.set(requested_slot=None)
            return
        body = turn.entity("reason") if not turn.text else None
        if found := _SAID_ALREADY.search(turn.text):
            body = found[1].strip()
        if body and len(body) >= _SHORTEST:
            answer.set(ticket_body=body[:_LONGEST])
        answer.set(order_number=self._order(turn))

    def _order(self, turn: Turn) -> str | None:
        """Only orders that were found to be the customer's: one named now, as a button, or spoken of last."""
        last: str | None = turn.slots.get("last_order_number")
        pressed = turn.entity("order_number") if not turn.text else None
        return (pressed or last) if turn.member_id else None

    async def take_ticket_body(self, turn: Turn, answer: Answer) -> None:
        """Whatever is said now is the message, but for a wish to talk to somebody at once."""
        if turn.intent == "human_agent" or not turn.text:
            return
        if len(turn.text.strip()) < _SHORTEST:
            self.fail(turn, answer, "ticket_body", "utter_ticket_too_short")
        else:
            answer.set(ticket_body=turn.text.strip()[:_LONGEST], form_failures=0)


class SubmitTicket(Submit):
    action_name = "action_submit_ticket"
    required = ("ticket_body",)
    left = "utter_ticket_left"

    async def respond(self, turn: Turn, answer: Answer) -> None:
        body, order = turn.slots["ticket_body"], turn.slots.get("order_number")
        adds = order is not None and NUMBER.search(body) is None
        about = f"{body}\n（订单 {order}）" if adds else body
        number = await self.services.tickets.create(turn.conversation_id, about, self.key(turn))
        if adds:
            answer.say("utter_ticket_created_about", number=number, order_number=order)
        else:
            answer.say("utter_ticket_created", number=number)
