"""What happens behind the talk: the customer's tickets, requests about personal data, and the mark for the service."""

import re
from collections.abc import Mapping

from actions.base import Answer, CustomerAction
from actions.guesses import PERSON
from actions.services import LeftTicket
from actions.turn import Turn
from actions.wording import moment

_TICKET = re.compile(r"T[0-9]{14}")
_SHOWN = 3
_STATES = {"open": "已登记，等待处理", "pending": "正在处理", "solved": "已解决"}
_PRIVACY: Mapping[str, re.Pattern[str]] = {
    "delete": re.compile(r"注销|删|清除|销户|抹掉|不要保留"),
    "ads": re.compile(r"短信|广告|推送|营销|骚扰|退订|推广|打电话"),
}
_REQUESTED = {"ads": "停止营销短信和推送", "delete": "注销账号并删除个人信息"}
_MARK = re.compile(r"([0-9]+|[零一二三四五两十])\s*(?:分|颗?星)|^\s*([1-5一二三四五])\s*$")
_DIGITS = {digit: mark for mark, digit in enumerate("零一二三四五")} | {"两": 2, "十": 10}
_MARKS: tuple[tuple[re.Pattern[str], int], ...] = (
    (re.compile(r"满分|好评|完美"), 5),
    (re.compile(r"差评|零分|负分|垃圾"), 1),
)
WORST, LOW, BEST = 1, 2, 5
# From one up: where buttons are a numbered list, 5 is the fifth and the best mark at once.
_TITLES = {1: "1 分 很不满意", 2: "2 分 不满意", 3: "3 分 一般", 4: "4 分 满意", 5: "5 分 非常满意"}


class TicketProgress(CustomerAction):
    """A guest has tickets too: those of this conversation."""

    action_name = "action_ticket_progress"

    async def respond(self, turn: Turn, answer: Answer) -> None:
        tickets = await self.services.tickets.of_customer(turn.conversation_id)
        named = _TICKET.search(turn.text.upper())
        wanted = [ticket for ticket in tickets if ticket.number == named[0]] if named else list(tickets)
        if not wanted:
            answer.say("utter_ticket_unknown" if named else "utter_tickets_none")
            answer.offer(turn, "human_agent" if named else "leave_ticket")
            return
        answer.say("utter_tickets", tickets="\n".join(map(_line, wanted[:_SHOWN])))
        answer.offer(turn, "human_agent")


class PrivacyRequest(CustomerAction):
    """Says what is kept, and files what the customer wants after a yes. People act on it: it cannot be taken back."""

    action_name = "action_privacy_request"

    async def respond(self, turn: Turn, answer: Answer) -> None:
        agreed = turn.entity("choice") or (turn.offer.get("kind") if turn.intent == "affirm" else None)
        if agreed in _REQUESTED:
            if turn.member_id is None:
                answer.say("utter_login_needed")
                return
            await self._file(turn, agreed, answer)
            return
        kind = next((kind for kind, words in _PRIVACY.items() if words.search(turn.text)), None)
        if kind is None:
            answer.ask("utter_privacy_kept", [_request(kind) for kind in _REQUESTED])
            return
        answer.ask(f"utter_privacy_{kind}", [_request(kind), PERSON])
        answer.offer(turn, "privacy_request", kind=kind)

    async def _file(self, turn: Turn, kind: str, answer: Answer) -> None:
        key = f"{turn.message_id}:{self.action_name}"
        number = await self.services.tickets.create(turn.conversation_id, f"隐私请求：{_REQUESTED[kind]}", key)
        answer.say("utter_privacy_filed", ticket_number=number, request=_REQUESTED[kind])


class RateService(CustomerAction):
    """Asks for one to five, unless it was said, and keeps it in the conversation's log."""

    action_name = "action_rate_service"
    intent = "rate_service"

    async def respond(self, turn: Turn, answer: Answer) -> None:
        mark = read_mark(turn.entity("score") or turn.text)
        if mark is None:
            buttons = [{"title": title, "payload": f'/rate_service{{"score":"{n}"}}'} for n, title in _TITLES.items()]
            answer.ask("utter_rate_ask", buttons)
            if not turn.active_form:
                answer.expect_order(turn, self.intent)  # a bare "5" reads like a place in a list
            return
        await self.services.ratings.record(turn.conversation_id, turn.message_id, mark)
        answer.expect_order(turn)
        if mark > LOW:
            answer.say("utter_rated_well" if mark > LOW + 1 else "utter_rated_fair")
        else:
            answer.ask("utter_rated_badly", [PERSON, {"title": "留言", "payload": "/leave_ticket"}])
            answer.offer(turn, "human_agent")


def read_mark(text: str) -> int | None:
    """1 to 5; more is the best mark, zero the worst."""
    if found := _MARK.search(text):
        said = found[1] or found[2]
        mark = _DIGITS.get(said)
        return min(max(int(said) if mark is None else mark, WORST), BEST)
    return next((mark for words, mark in _MARKS if words.search(text)), None)


def _line(ticket: LeftTicket) -> str:
    state = _STATES.get(ticket.status, ticket.status)
    return f"· {ticket.number}（{moment(ticket.created_at)}）{ticket.subject}：{state}"


def _request(kind: str) -> dict[str, str]:
    return {"title": _REQUESTED[kind], "payload": f'/privacy_request{{"choice":"{kind}"}}'}
