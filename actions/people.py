"""Complaints, and the way to a person."""

import json
from typing import Any

from actions.base import Answer, CustomerAction
from actions.guesses import PERSON
from actions.turn import Turn
from handoff.decision import Decision, Signals, decide

_SAYS_WHAT = 12
"""Characters; a shorter complaint (我要投诉你们) does not tell yet what happened."""
_LONGEST = 200


class Complain(CustomerAction):
    """What was said already goes into the ticket, if one is wished: nobody complains twice gladly."""

    action_name = "action_complain"

    async def respond(self, turn: Turn, answer: Answer) -> None:
        said = turn.text.strip()
        if len(said) < _SAYS_WHAT:
            answer.say("utter_complain")
        else:
            details = json.dumps({"reason": f"投诉：{said[:_LONGEST]}"}, ensure_ascii=False, separators=(",", ":"))
            answer.ask("utter_complain_heard", [PERSON, {"title": "登记投诉", "payload": f"/leave_ticket{details}"}])
        answer.offer(turn, "human_agent")


class Handover(CustomerAction):
    """Says why, where that is not plain, and asks the gateway to queue the conversation.

    The place in the queue, or that nobody is there, is said by `handoff` in the same breath.
    """

    action_name = "action_handover"

    async def respond(self, turn: Turn, answer: Answer) -> None:
        decision = self._decision(turn)
        if decision.reason != "explicit_wish":
            answer.say(f"utter_handover_{decision.reason}")
        answer.do({"kefu": "handoff", "reason": decision.reason, "decision": decision.as_json()})
        answer.events.append({"event": "active_loop", "name": None})
        answer.forget_form()
        answer.set(
            requested_slot=None,
            form_failures=0,
            unhelpful_streak=0,
            handoff_decision=None,
            pending_intent=None,
            next_forms=None,
            offer=None,
            shown_orders=None,
        )

    def _decision(self, turn: Turn) -> Decision:
        """The handoff policy's decision; without one, the customer asked for a person in so many words."""
        left: Any = turn.slots.get("handoff_decision")
        if left:
            return Decision.from_json(left)
        return decide(Signals(explicit_wish=1.0), self.services.thresholds)
