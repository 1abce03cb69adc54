"""Answers from the knowledge base. The search ran with the turn; whether an entry is still valid is asked now."""

from collections.abc import Mapping
from typing import ClassVar

from actions.base import Answer, CustomerAction
from actions.turn import Turn

CHOICES = 3


class AnswerFaq(CustomerAction):
    action_name = "action_answer_faq"
    none_responses: ClassVar[Mapping[str, str]] = {
        "product_question": "utter_product_unknown",
        "out_of_scope": "utter_out_of_scope",
    }
    certain_only: ClassVar[frozenset[str]] = frozenset({"out_of_scope"})
    """Intents for which a question back would be out of place."""

    async def respond(self, turn: Turn, answer: Answer) -> None:
        if not await answer_from_knowledge(self, turn, answer, certain_only=turn.intent in self.certain_only):
            self.no_answer(turn, answer)

    def no_answer(self, turn: Turn, answer: Answer) -> None:
        answer.say(self.none_responses.get(turn.intent, "utter_faq_none"))
        if turn.intent != "out_of_scope":
            answer.offer(turn, "human_agent")


class Fallback(CustomerAction):
    """The intent was not clear. The knowledge base may know all the same; else the customer is asked to rephrase."""

    action_name = "action_fallback"

    async def respond(self, turn: Turn, answer: Answer) -> None:
        if not await answer_from_knowledge(self, turn, answer):
            answer.say("utter_rephrase")


async def answer_from_knowledge(
    action: CustomerAction, turn: Turn, answer: Answer, *, certain_only: bool = False
) -> bool:
    """Say the entry found, or which ones may be meant; False when there is nothing valid to say."""
    knowledge, now = action.services.knowledge, action.services.clock()
    if picked := turn.entity("entry_id"):
        text = await knowledge.answer(picked, now)
        if text is None:
            return False
        _say(turn, answer, picked, text)
        return True
    if turn.faq.outcome == "none" or (certain_only and turn.faq.outcome != "answer"):
        return False
    valid: list[tuple[str, str]] = []
    for entry_id, question in turn.faq.candidates[:CHOICES]:
        text = await knowledge.answer(entry_id, now)
        if text is not None and turn.faq.outcome == "answer" and not valid and entry_id == turn.faq.candidates[0][0]:
            _say(turn, answer, entry_id, text)
            return True
        if text is not None:
            valid.append((entry_id, question))
    if not valid or certain_only:
        return False
    buttons = [{"title": question, "payload": f'/faq{{"entry_id":"{entry_id}"}}'} for entry_id, question in valid]
    answer.ask("utter_did_you_mean", buttons)
    return True


def _say(turn: Turn, answer: Answer, entry_id: str, text: str) -> None:
    answer.say_text(text)
    answer.offer(turn, "faq", entry_id=entry_id)
