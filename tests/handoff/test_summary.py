"""What an agent reads first. Every line points to a message, and says nothing that was not said."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from core.conversation.log import Event
from core.conversation.message import Button, Message
from handoff.labels import labels
from handoff.summary import Customer, summarise

NOW = datetime(2026, 11, 8, 12, tzinfo=UTC)
GOLD = Customer(name="林晓", level="金卡", vip=True, member_id="M0001")


class Talk:
    """A conversation as the gateway stores it."""

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self.events: list[Event] = []

    def turn(self, text: str, reply: str | None = None, *, buttons: int = 0, **data: Any) -> str:
        """The customer says `text`, the bot `reply`; the id of what the customer said."""
        said = self._add("customer", text)
        if reply is not None:
            self._add("bot", reply, said.id, tuple(Button(str(n), "/x") for n in range(buttons)))
        if data:
            self.events.append(Event(len(self.events), "c", "turn", said.id, _event(**data), NOW))
        return said.id

    def _add(self, author: Any, text: str, reply_to: str | None = None, buttons: tuple[Button, ...] = ()) -> Message:
        seq = len(self.messages) + 1
        direction: Any = "in" if author == "customer" else "out"
        message = Message(
            f"m{seq}", "c", seq, direction, author, None, text, buttons, None, None, "web", "s", "done", reply_to, NOW
        )
        self.messages.append(message)
        return message

    def lines(self, kind: str, customer: Customer = GOLD) -> list[tuple[str, str | None]]:
        found = summarise(self.messages, self.events, customer).of(kind)
        return [(line.text, line.message_id) for line in found]


def _event(intent: str | None = None, degree: str | None = None, score: float = 0.0, **data: Any) -> dict[str, Any]:
    if intent:
        data["understanding"] = {"intent": {"name": intent, "confidence": 0.9}, **data.get("understanding", {})}
    if degree:
        data["sentiment"] = {"degree": degree, "score": score}
    return data


def angry_talk() -> Talk:
    talk = Talk()
    talk.turn("你好", "您好", intent="greet", actions=["utter_greet"], degree="neutral", score=0.1)
    talk.turn(
        "我的快递到哪了",
        "「保温杯」运输中，圆通 YT1234567890",
        intent="track_logistics",
        actions=["action_track_logistics", "action_listen"],
        degree="neutral",
        score=0.0,
    )
    talk.turn(
        "退货运费谁出",
        "质量问题由我们承担。",
        intent="faq",
        actions=["action_answer_faq"],
        faq={"outcome": "answer", "candidates": [{"entry_id": "kb-1", "question": "退货运费谁承担"}]},
        degree="neutral",
        score=-0.1,
    )
    talk.turn(
        "唉一直不动啊怎么搞的",
        "我没太明白",
        intent="nlu_fallback",
        actions=["action_fallback"],
        responses=["utter_rephrase"],
        degree="negative",
        score=-0.4,
    )
    talk.turn("你们是骗子吧，气死了", "抱歉", intent="complain", degree="very_negative", score=-0.9)
    return talk


def test_an_angry_customer() -> None:
    summary = summarise(angry_talk().messages, angry_talk().events, GOLD)
    assert [(line.kind, line.label, line.text, line.message_id) for line in summary.lines] == [
        ("who", "客户", "林晓，金卡，VIP，网页", "m1"),
        ("want", "诉求", "查物流：“我的快递到哪了”", "m3"),
        ("want", "诉求", "咨询规则：“退货运费谁出”", "m5"),
        ("want", "诉求", "投诉：“你们是骗子吧，气死了”", "m9"),
        ("fact", "已查到", "物流：「保温杯」运输中，圆通 YT1234567890", "m4"),
        ("tried", "机器人做过", "用知识库答过“退货运费谁承担”", "m5"),
        ("tried", "机器人做过", "没听懂：“唉一直不动啊怎么搞的”", "m7"),
        ("mood", "情绪变化", "平静 → 不满 → 愤怒，最低 -0.90：“你们是骗子吧，气死了”", "m9"),
        ("open", "待解决", "“唉一直不动啊怎么搞的”还没有答复", "m7"),
        ("open", "待解决", "“你们是骗子吧，气死了”还没有答复", "m9"),
    ]


def test_a_guest_who_said_nothing() -> None:
    summary = summarise([], [], Customer())
    assert [(line.kind, line.text, line.message_id) for line in summary.lines] == [("who", "访客", None)]


def test_words_without_an_event_are_an_open_question() -> None:
    talk = Talk()
    said = talk.turn("杯子漏水")
    assert talk.lines("open", Customer()) == [("“杯子漏水”还没有答复", said)]


def test_a_miss_is_seen_without_the_names_of_responses() -> None:
    talk = Talk()
    said = talk.turn("嗯那个啥", "我没太明白", intent="nlu_fallback", actions=["action_fallback"])
    assert talk.lines("tried") == [("没听懂：“嗯那个啥”", said)]


def test_a_backend_that_was_down_is_no_fact() -> None:
    talk = Talk()
    said = talk.turn(
        "到哪了",
        "系统暂时查不到",
        intent="track_logistics",
        actions=["action_track_logistics"],
        responses=["utter_backend_down"],
    )
    assert talk.lines("fact") == []
    assert talk.lines("tried") == [("店铺系统当时查不到：“到哪了”", said)]
    assert talk.lines("open") == [("“到哪了”还没有答复", said)]


def test_a_question_back_is_no_fact() -> None:
    talk = Talk()
    talk.turn("到哪了", "哪一单？", buttons=3, intent="track_logistics", actions=["action_track_logistics"])
    assert talk.lines("fact") == []


def test_the_latest_fact_of_a_kind_counts() -> None:
    talk = Talk()
    for place in ("杭州", "上海"):
        talk.turn("到哪了", f"到{place}了", intent="track_logistics", actions=["action_track_logistics"])
    assert talk.lines("fact") == [("物流：到上海了", "m4")]
    assert talk.lines("want") == [("查物流：“到哪了”", "m3")]
    assert talk.lines("open") == []


def test_a_form_that_was_not_finished() -> None:
    talk = Talk()
    talk.turn("我要退货", "退哪一单？", buttons=2, intent="return_goods", actions=["return_form"])
    said = talk.turn("就那个", "没认出", intent="inform", actions=["return_form"])
    assert talk.lines("tried") == [("引导办理退货申请，没有办完", said)]
    talk.turn("是的", "已提交，单号 R1", intent="affirm", actions=["return_form", "action_submit_return"])
    assert talk.lines("tried") == []
    assert talk.lines("fact") == [("退货申请：已提交，单号 R1", "m6")]


def test_a_pressed_choice_is_an_answer() -> None:
    talk = Talk()
    said = talk.turn(
        "退货运费谁承担",
        "质量问题由我们承担。",
        intent="faq",
        actions=["action_answer_faq"],
        understanding={"entities": [{"entity": "entry_id", "value": "kb-1"}]},
    )
    assert talk.lines("tried") == [("用知识库答过“退货运费谁承担”", said)]


def test_two_wishes_of_one_message_are_both_wanted() -> None:
    talk = Talk()
    wishes = [{"intent": {"name": name}} for name in ("track_logistics", "query_points")]
    both = talk.turn("到哪了 顺便看看积分", intent="track_logistics", understanding={"wishes": wishes})
    assert talk.lines("want") == [
        ("查物流：“到哪了 顺便看看积分”", both),
        ("查积分：“到哪了 顺便看看积分”", both),
    ]
    assert talk.lines("open") == [("“到哪了 顺便看看积分”还没有答复", both)]


def test_a_wish_for_a_person_alone_leaves_nothing_open() -> None:
    talk = Talk()
    talk.turn("转人工", "好的", intent="human_agent", actions=["action_handover"])
    assert talk.lines("want") == [("要求人工：“转人工”", "m1")]
    assert talk.lines("open") == []


@given(
    st.lists(
        st.tuples(
            st.text(max_size=60),
            st.one_of(st.none(), st.text(max_size=200)),
            st.sampled_from([*labels().wants, "greet", "nlu_fallback", None]),
            st.lists(
                st.sampled_from([*labels().facts, *labels().forms, *labels().knowledge, "action_listen"]), max_size=3
            ),
            st.lists(st.sampled_from([*labels().setbacks, "utter_greet"]), max_size=2),
            st.sampled_from([*labels().degrees, None]),
        ),
        max_size=8,
    )
)
def test_every_line_points_to_a_message_and_stays_short(turns: list[Any]) -> None:
    talk = Talk()
    for text, reply, intent, actions, responses, degree in turns:
        talk.turn(text, reply, intent=intent, actions=actions, responses=responses, degree=degree)
    summary = summarise(talk.messages, talk.events, GOLD)
    ids = {message.id for message in talk.messages}
    assert all(line.message_id in ids for line in summary.lines) or not turns
    assert all(0 < len(line.text) <= 200 and "\n" not in line.text for line in summary.lines)
    assert len(summary.lines) <= 18
