"""Several wishes in one message: where it can be taken apart, and which parts are wishes of their own.

Pure: the clauses' intents are found elsewhere (`turn.py`), by the same model as a whole message's.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import yaml

FILE = Path(__file__).with_name("wishes.yml")
MOST_CLAUSES = 6
"""A longer message is a story, not a list of wishes."""
COMPLAIN = "complain"
NEVER_MIND = "never_mind"
_PAUSE = r"[\s,，。.;；!！?？、~～…]"
_END = r"(?<=[吗呢了吧么啊])"
_CONNECTOR = re.compile(
    rf"(?:^|{_PAUSE}+|(?<=.))(?:顺便|顺带|顺手|此外|另外(?![一那两几的])|同时|以及|然后)(?:也|再|还)?{_PAUSE}*"
    # These are words of other meanings too, unless something has just ended: 填对了, 再等等; and 还有货吗 even then.
    rf"|(?:{_PAUSE}+|{_END})(?:还有(?!货|没|吗|库存|现货)(?:就是|一[个件]事)?|对了|再就是|还想|再(?=[帮给查看问说开跟])|也(?=[帮给查看])){_PAUSE}*"
)
_BREAK = re.compile(rf"{_PAUSE}+")
_TOPIC = re.compile(
    r"(?:我(?:是)?说的?|我问的?|就是)?(?:我的?)?(?:上[次回个]|之前|那个|那笔|的)*(?:换货|退货|退款|维修|报修|发票|保价)的?(?:那个|事|申请)?[呢啊呀]?"
)
_HOW_FAR = re.compile(
    r"(?:现在|目前)?(?:到哪[一里儿]?步?了?|怎么?样了?|咋样了?|[好完]了?[没吗]|多久了?|几天|什么时候[好到]?)[呢啊呀]?"
)
_BESIDE = re.compile(
    r"^(?:还(?:想|要|得)|再(?:帮|给|把)|(?:[等待]一?[会下]儿?|[办弄搞退换修开改]完了?|完了|之后)再?|对了|还有)"
    r"|也(?:帮|给|要|想|得|改|开|换|退|修|取消)|一起|一并"
)
_INSTEAD = re.compile(r"先|还是|算了")
_AROUND = (
    "[你们我他咱俺店家哋这个些么样那真的是系简直实在也都太好可够老挺就还又给怎咋了死"
    "啊呀吧呢嘛吗哦噢喔哈哎唉啦咯额呃嗯]*"
)
_LONGEST_ASIDE = 16
_COMPLAINT = re.compile(
    r"投[诉拆宿]|客诉|举报|反[映馈应]|建议|说法|交代|道歉|赔|维权|曝光|消协|工商|12315|律师|法院|起诉|领导|主管|老板"
)
"""What a complaint asks for; without it, it is a reproach."""


@dataclass(frozen=True)
class Clause:
    """A stretch of the message, `text[start:end]`."""

    start: int
    end: int
    connected: bool = False
    """A connector stands before it; else only a pause."""


@dataclass(frozen=True)
class Heard:
    """What a clause was understood as."""

    intent: str
    confidence: float
    names_order: bool = False


@dataclass(frozen=True)
class Wishes:
    """What is in wishes.yml, under the same names."""

    after_connector: float
    after_pause: float
    most: int
    queries: Sequence[str]
    people: Sequence[str]
    forms: Mapping[str, str]
    families: Sequence[Collection[str]]
    reports: Sequence[str]
    dictated: Sequence[str]
    asides: Mapping[str, Sequence[str]]

    @classmethod
    def load(cls, file: Path = FILE) -> Wishes:
        return cls(**yaml.safe_load(file.read_text(encoding="utf-8")))

    @property
    def served(self) -> Collection[str]:
        return {*self.queries, *self.people, *self.forms}

    def related(self, one: str, other: str) -> bool:
        return one == other or any(one in family and other in family for family in self.families)

    def is_aside(self, text: str, clause: Clause, heard: Heard, *, in_form: bool = False) -> bool:
        """什么效率, 真服了你们: a mood, whatever the intent model takes it for. A complaint made as such is
        none. An aside is also 先不退了 where no form is open that it could leave."""
        if heard.intent == NEVER_MIND and heard.confidence >= self.after_pause:
            return not in_form
        said = text[clause.start : clause.end]
        return bool(len(said) <= _LONGEST_ASIDE and self._aside.fullmatch(said)) or (
            heard.intent == COMPLAIN and not clause.connected and not _COMPLAINT.search(said)
        )

    @cached_property
    def _aside(self) -> re.Pattern[str]:
        blamed, verdicts, sighs = (
            "|".join(sorted(map(re.escape, self.asides[name]), key=len, reverse=True))
            for name in ("blamed", "verdicts", "sighs")
        )
        what = rf"(?:什么|啥子?|咩|哪门子)(?:[破烂鬼]|狗屁|垃圾)?(?:{blamed})"
        how = rf"(?:[破烂]?(?:{blamed}){_AROUND})?(?:{verdicts})"
        return re.compile(rf"{_AROUND}(?:{sighs}|{what}|{how}|[破烂](?:{blamed})){_AROUND}")

    def beside(self, text: str, form: str, clauses: Sequence[Clause], heard: Sequence[Heard]) -> list[int]:
        """Which clauses, in the middle of a form, surely wish for another one beside it, or ask something after the
        answer to it."""
        if form in self.dictated:
            return []
        return [
            i
            for i, (clause, one) in enumerate(zip(clauses, heard, strict=True))
            if one.confidence >= self.after_pause
            and (self._is_other_form(text, form, clause, one) or (i and self._asks_besides(clause, one)))
        ]

    def _is_other_form(self, text: str, form: str, clause: Clause, heard: Heard) -> bool:
        return self.forms.get(heard.intent, form) != form and sounds_beside(text, clause)

    def _asks_besides(self, clause: Clause, heard: Heard) -> bool:
        """质量不好 顺便看看积分: a question behind the answer to the form."""
        return clause.connected and heard.intent in self.queries and heard.intent not in self.reports

    def parts(self, clauses: Sequence[Clause], heard: Sequence[Heard]) -> list[Clause]:
        """The clauses joined to wishes: what is none goes with its neighbour, and so does more of the same."""
        joined: list[tuple[Clause, str | None]] = []
        for i, (clause, understood) in enumerate(zip(clauses, heard, strict=True)):
            wish = understood.intent if self._is_wish(clauses, i, understood) else None
            if not joined:
                joined.append((clause, wish))
                continue
            before, wished = joined[-1]
            if wished is None or self._goes_with(wished, clauses, i, wish, understood):
                joined[-1] = (Clause(before.start, clause.end, before.connected), wished or wish)
            else:
                joined.append((clause, wish))
        if len(joined) > 1 and joined[-1][1] is None:
            last, _ = joined.pop()
            before, wished = joined[-1]
            joined[-1] = (Clause(before.start, last.end, before.connected), wished)
        return [clause for clause, _ in joined]

    def _goes_with(self, wished: str, clauses: Sequence[Clause], i: int, wish: str | None, heard: Heard) -> bool:
        connected = clauses[i].connected
        if wish is not None:
            return wish == wished or (not connected and self.related(wish, wished))
        # 昨天买的奶瓶，到哪了: what names an order belongs to what comes next.
        leads_on = heard.names_order and i + 1 < len(clauses) and not clauses[i + 1].connected
        return not connected and not leads_on

    def in_order(self, intents: Sequence[str]) -> list[int]:
        """Which to serve, and in which order; empty when they are not several wishes that go together."""
        forms = [i for i, intent in enumerate(intents) if intent in self.forms]
        people = [i for i, intent in enumerate(intents) if intent in self.people]
        queries = [i for i, intent in enumerate(intents) if intent in self.queries]
        if len(set(intents)) < len(intents) or not 2 <= len(intents) <= self.most or len(people) > 1:
            return []
        if len(forms) + len(people) + len(queries) < len(intents):
            return []
        return [*queries, *people] if people else [*queries, *forms]

    def may_interrupt(self, form: str, heard: Sequence[Heard]) -> bool:
        """Whether these are surely wishes of their own, in the middle of a form: anything less is its answer."""
        return form not in self.dictated and all(
            wish.confidence >= self.after_pause and wish.intent not in self.reports for wish in heard
        )

    def _is_wish(self, clauses: Sequence[Clause], i: int, heard: Heard) -> bool:
        connected = clauses[i].connected or (i + 1 < len(clauses) and clauses[i + 1].connected)
        least = self.after_connector if connected else self.after_pause
        return heard.intent in self.served and heard.confidence >= least


def sounds_beside(text: str, clause: Clause) -> bool:
    """顺便把地址改一下, 发票也开一张. Without such a word a wish is meant instead of what is under way."""
    said = text[clause.start : clause.end]
    return bool(clause.connected or _BESIDE.search(said)) and not _INSTEAD.search(text[: clause.end])


def clauses(text: str, whole: Collection[tuple[int, int]] = ()) -> list[Clause]:
    """The message at its connectors and pauses. Nothing is taken apart within the spans of `whole` (an address)."""
    found = list(_breaks(text, whole))
    starts = [(0, False), *((end, connected) for _, end, connected in found)]
    ends = [*(start for start, _, _ in found), len(text)]
    apart: list[Clause] = []
    for (start, connected), end in zip(starts, ends, strict=True):
        if not text[start:end].strip():
            continue
        if apart and not connected and _asks_of(text[apart[-1].start : apart[-1].end], text[start:end]):
            apart[-1] = Clause(apart[-1].start, end, apart[-1].connected)
        else:
            apart.append(Clause(start, end, connected))
    return apart


def _asks_of(topic: str, question: str) -> bool:
    """我说换货 到哪了: the one names what the other asks about."""
    return bool(_TOPIC.fullmatch(topic.strip()) and _HOW_FAR.fullmatch(question.strip()))


def _breaks(text: str, whole: Collection[tuple[int, int]]) -> Iterator[tuple[int, int, bool]]:
    """(start, end, whether it is a connector), in the order of the text."""
    connectors = [(found.start(), found.end()) for found in _CONNECTOR.finditer(text)]
    pauses = [
        (found.start(), found.end())
        for found in _BREAK.finditer(text)
        if all(found.end() <= start or found.start() >= end for start, end in connectors)
    ]
    for start, end in sorted(connectors + pauses):
        if all(end <= first or start >= last for first, last in whole):
            yield start, end, (start, end) in connectors
