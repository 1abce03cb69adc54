"""Leaving a message for the people behind the bot."""

from actions.base import Answer
from actions.forms.form import Form, Submit
from actions.turn import Turn

_SHORTEST = 4


class TicketForm(Form):
    form = "ticket_form"
    trigger = "leave_ticket"
    needs_login = False

    async def open(self, turn: Turn, answer: Answer) -> None:
        """The button says nothing yet of what it is about."""

    async def take_ticket_body(self, turn: Turn, answer: Answer) -> None:
        """Whatever is said now is the message, but for a wish to talk to somebody at once."""
        if turn.intent == "human_agent" or not turn.text:
            return
        if len(turn.text.strip()) < _SHORTEST:
            self.fail(turn, answer, "ticket_body", "utter_ticket_too_short")
        else:
            answer.set(ticket_body=turn.text.strip(), form_failures=0)


class SubmitTicket(Submit):
    action_name = "action_submit_ticket"
    required = ("ticket_body",)
    left = "utter_ticket_left"

    async def respond(self, turn: Turn, answer: Answer) -> None:
        body = turn.slots["ticket_body"]
        number = await self.services.tickets.create(turn.conversation_id, body, self.key(turn))
        answer.say("utter_ticket_created", number=number)
