"""Own data or the shop's rule? 积分到期后可否恢复 has the words of 我的积分什么时候到期 and asks for another thing."""

import re
from typing import ClassVar

from actions.base import Answer, MemberAction
from actions.faq import answer_from_knowledge
from actions.guesses import TITLES
from actions.turn import Turn

_RULE = re.compile(
    r"可否|能否|是否|可不可以|可唔可以|得唔得|使唔使|会唔会|能不能|会不会|要不要|用不用|让不让|给不给|算不算|规[则定]|一般|通常|[多几][久天]之?内"
    # A verb of what may or must be, and at the end of the clause the sign of a question.
    r"|(?:可以|能|会(?!员)|要|需要|支持|允许|还?给|让|算|管|行|正常)[^,，。\s]{0,14}?(?:吗|么|嘛|不|没)[?？啊呀呢]*(?:$|[\s,，。])"
)
_OWN = re.compile(
    r"我|俺|咱|本人|帮|查|看[一下看]|催|快点|赶紧|[这那]一?[单笔个张件]|刚|[昨前今]天|昨晚|[上这本]个?(?:周|月|星期|礼拜)|KF[0-9]|[0-9]{5,}"
)


_OWN_BESIDE = re.compile(r"多少|哪些|还剩|我还?有|我的|[帮查看]|[这那]一?[单笔张件]|KF[0-9]|[0-9]{5,}")
_FOR_ME = re.compile(r"给[我俺咱]们?")
_CLAUSE = re.compile(r"[,，。;；!！?？\s]+")


def asks_for_rule(text: str) -> bool:
    """What may be, in general, of nobody's in particular. Who asks may stand beside it: 新人券还能领不 我是老用户."""
    clauses = [_FOR_ME.sub("", clause) for clause in _CLAUSE.split(text)]
    rules = [clause for clause in clauses if _RULE.search(clause) and not _OWN.search(clause)]
    return bool(rules) and not any(_OWN_BESIDE.search(clause) for clause in clauses if clause not in rules)


class MemberOrRule(MemberAction):
    """An action about the customer's own data, for questions that the knowledge base may answer instead: whoever is not
    logged in gets the rule, and so does a member who asks for it, with their own data a tap away."""

    intent: ClassVar[str]

    async def respond(self, turn: Turn, answer: Answer) -> None:
        is_member = turn.member_id is not None
        of_nobody = not is_member or asks_for_rule(turn.text)
        if not (of_nobody and await answer_from_knowledge(self, turn, answer, certain_only=True)):
            await super().respond(turn, answer)
        elif is_member:
            answer.ask("utter_own_data", [{"title": TITLES[self.intent], "payload": f"/{self.intent}"}])
