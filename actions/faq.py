"""Answers from the knowledge base. The search ran with the turn; whether an entry is still valid is asked now."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar, Protocol

import yaml

from actions.base import Answer, CustomerAction
from actions.guesses import PERSON, guessed_wishes
from actions.other_firms import may_answer, others_account
from actions.services import FaqHint, Services
from actions.turn import Turn

CHOICES = 3
_WORDS = re.compile(r"\w")
"""？？？ has none."""
DEFAULTS: Mapping[str, Sequence[Mapping[str, str]]] = yaml.safe_load(
    Path(__file__).with_name("default_entries.yml").read_text(encoding="utf-8")
)
"""Of an intent: what to fall back on, as `{entry, title}`."""
THEMES: Mapping[str, str] = yaml.safe_load(Path(__file__).with_name("themes.yml").read_text(encoding="utf-8"))
_THEMED = frozenset({"faq", "shipping_fee"})
"""Intents of questions that may leave out what they are about, in the middle of a form."""


class NamesAnOrder(Protocol):
    async def takes_as_order(self, turn: Turn, answer: Answer) -> bool:
        """Whether the utterance is about an order that it points at; then it has been dealt with."""
        ...


class AnswerFaq(CustomerAction):
    action_name = "action_answer_faq"
    certain_only: ClassVar[frozenset[str]] = frozenset({"out_of_scope"})
    """Intents for which a question back would be out of place."""

    def __init__(self, services: Services, orders: NamesAnOrder) -> None:
        super().__init__(services)
        self._orders = orders

    async def respond(self, turn: Turn, answer: Answer) -> None:
        # Choices lead where no intent was sure: 冰箱那单什么时候送到 is about the order all the same.
        unsure = turn.intent in {"faq", "product_question"} and turn.faq.outcome != "answer"
        if unsure and await self._orders.takes_as_order(turn, answer):
            return
        if (firms := others_account(turn.text)) and not await self._names(turn, firms):
            answer.say("utter_out_of_scope")
            return
        if await answer_from_knowledge(self, turn, answer, certain_only=turn.intent in self.certain_only):
            return
        if not await self.default(turn, answer):
            self.no_answer(turn, answer)

    async def _names(self, turn: Turn, firms: frozenset[str]) -> bool:
        """Whether the surest entry is about the account of that other firm, too."""
        hint = await _found(self, turn)
        if hint.outcome != "answer":
            return False
        entry_id, question = hint.candidates[0]
        said = await self.services.knowledge.answer(entry_id, self.services.clock())
        return said is not None and may_answer(question + said, firms)

    async def default(self, turn: Turn, answer: Answer) -> bool:
        """The intent is understood, only the question is not: its one entry answers, or its few are offered."""
        entries = DEFAULTS.get(turn.intent, ())
        if len(entries) == 1:
            return await _say(self, turn, answer, entries[0]["entry"])
        valid = await _offered(self, [(entry["entry"], entry["title"]) for entry in entries])
        if valid:
            answer.ask("utter_did_you_mean", [*valid, PERSON])
            answer.offer(turn, "faq")
        return bool(valid)

    def no_answer(self, turn: Turn, answer: Answer) -> None:
        """No rule of the shop was meant, so perhaps something about the customer's own order was."""
        if turn.intent == "out_of_scope":
            answer.say("utter_out_of_scope" if _WORDS.search(turn.text) else "utter_rephrase")
        elif guesses := guessed_wishes(turn):
            answer.ask("utter_did_you_want", [*guesses, PERSON])
        else:
            answer.say("utter_product_unknown" if turn.intent == "product_question" else "utter_faq_none")
            answer.offer(turn, "human_agent")


async def answer_from_knowledge(
    action: CustomerAction, turn: Turn, answer: Answer, *, certain_only: bool = False
) -> bool:
    """Say the entry found, or which ones may be meant; False when there is nothing valid to say."""
    if picked := turn.entity("entry_id"):
        return await _say(action, turn, answer, picked)
    hint = await _found(action, turn)
    if hint.outcome == "answer" and await _say(action, turn, answer, hint.candidates[0][0]):
        return True
    if hint.outcome == "none" or certain_only:
        return False
    valid = await _offered(action, hint.candidates[:CHOICES])
    if valid:
        answer.ask("utter_did_you_mean", [*valid, *guessed_wishes(turn, 1)])
        answer.offer(turn, "faq")
    return bool(valid)


async def _found(action: CustomerAction, turn: Turn) -> FaqHint:
    hint = turn.faq if turn.faq.searched else await action.services.knowledge.find(turn.text)
    theme = THEMES.get(turn.active_form or "")
    about_it = turn.intent in _THEMED or (turn.intent == "out_of_scope" and hint.outcome == "choices")
    if hint.outcome == "answer" or theme is None or not about_it:
        return hint
    in_context = await action.services.knowledge.find(theme + turn.text)
    return in_context if in_context.outcome == "answer" else hint


async def _offered(action: CustomerAction, entries: Sequence[tuple[str, str]]) -> list[dict[str, str]]:
    """Buttons for the entries (id, title) that are valid now."""
    return [
        {"title": title, "payload": f'/faq{{"entry_id":"{entry_id}"}}'}
        for entry_id, title in entries
        if await action.services.knowledge.answer(entry_id, action.services.clock())
    ]


async def _say(action: CustomerAction, turn: Turn, answer: Answer, entry_id: str) -> bool:
    text = await action.services.knowledge.answer(entry_id, action.services.clock())
    if text is None:
        return False
    answer.say_text(text)
    if turn.offer.get("intent") == "faq":  # the answer before this one was not called useless
        answer.set(unhelpful_streak=0)
    answer.offer(turn, "faq", entry_id=entry_id)
    return True
