"""`POST /webhooks/kefu/turn`: what the app gets from the assistant."""

import base64
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import numpy as np
import pytest

from core.settings import HOME
from retrieval.encoder.embedded import EmbeddedEncoder
from tests.assistant.conftest import ActionServer, Served, says, sets

pytestmark = pytest.mark.timeout(600)  # the first test may have to train

ANSWER = {"outcome": "answer", "candidates": [{"entry_id": "kb-x", "question": "运费谁出", "probability": 0.97}]}


def test_a_turn(served: Served, actions: ActionServer, sender: str) -> None:
    answer = served.turn(sender, "我的快递到哪了", channel="web")
    assert answer["replies"] == [{"text": "action_track_logistics", "buttons": [], "image": None, "custom": None}]
    assert answer["actions"] == ["action_track_logistics", "action_listen"]
    understood = answer["understanding"]
    assert understood["text"] == "我的快递到哪了"
    assert understood["intent"]["name"] == "track_logistics"
    assert understood["intent_ranking"][0] == understood["intent"]
    assert 1 < len(understood["intent_ranking"]) <= 5
    assert answer["decision"]["handoff"] is False
    assert {item["signal"] for item in answer["decision"]["evidence"]} >= {"explicit_wish", "sentiment"}


def test_actions_get_the_message(served: Served, actions: ActionServer, sender: str) -> None:
    served.turn(sender, "我的快递到哪了", member_id="M0001")
    (call,) = actions.calls
    assert call["tracker"]["latest_message"]["metadata"]["member_id"] == "M0001"
    assert call["sender_id"] == sender


def test_the_same_message_again_is_not_said_again(served: Served, actions: ActionServer, sender: str) -> None:
    first = served.turn(sender, "我的快递到哪了", "once")
    stored = served.events(sender)
    again = served.turn(sender, "我的快递到哪了", "once")
    assert {**again, "decision": None} == {**first, "decision": None}
    assert served.events(sender) == stored
    assert actions.called() == ["action_track_logistics"]
    served.turn(sender, "谢谢", "later")
    assert served.turn(sender, "我的快递到哪了", "once")["replies"] == first["replies"]


def test_the_same_message_at_the_same_time_is_said_once(served: Served, actions: ActionServer, sender: str) -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: served.turn(sender, "我的快递到哪了", "at-once")["replies"], range(8)))
    assert all(answer == answers[0] for answer in answers)
    assert actions.called() == ["action_track_logistics"]


def test_the_vector_is_used_and_not_stored(served: Served, actions: ActionServer, sender: str) -> None:
    vector = EmbeddedEncoder(HOME / "var" / "models" / "encoder").encode_deep(["我的快递到哪了"])[0]
    packed = base64.b64encode(vector.astype(np.float16).tobytes()).decode()
    answer = served.turn(sender, "我的快递到哪了", vector=packed, channel="web")
    own = served.turn(f"{sender}-2", "我的快递到哪了", channel="web")
    sent, encoded = (a["understanding"]["intent"]["confidence"] for a in (answer, own))
    assert sent == pytest.approx(encoded, abs=0.01)
    said = next(event for event in served.events(sender) if event["event"] == "user")
    assert said["metadata"]["channel"] == "web"
    assert packed not in str(served.events(sender))


def test_a_button_passes_as_its_intent(served: Served, actions: ActionServer, sender: str) -> None:
    answer = served.turn(sender, '/track_logistics{"order_number": "KF202611080123"}')
    assert answer["understanding"]["intent"] == {"name": "track_logistics", "confidence": 1.0}
    (entity,) = answer["understanding"]["entities"]
    assert (entity["entity"], entity["value"]) == ("order_number", "KF202611080123")


def test_an_order_number_is_found_once_however_it_is_written(
    served: Served, actions: ActionServer, sender: str
) -> None:
    found = served.turn(sender, "ｋｆ２０２６１１０８０１２３到哪了")["understanding"]["entities"]
    assert [(entity["entity"], entity["value"]) for entity in found] == [("order_number", "KF202611080123")]


def test_what_the_knowledge_base_answers(served: Served, actions: ActionServer, sender: str) -> None:
    answer = served.turn(sender, "退回去的话邮费算谁头上", faq=ANSWER)
    assert answer["understanding"]["intent"] == {"name": "faq", "confidence": 0.97}
    assert answer["actions"][0] == "action_answer_faq"


def test_what_nobody_understands(served: Served, actions: ActionServer, sender: str) -> None:
    answer = served.turn(sender, "嗯呢那什么来着")
    assert answer["understanding"]["intent"]["name"] == "nlu_fallback"
    assert answer["understanding"]["intent_ranking"][1]["name"] != "nlu_fallback"
    assert answer["actions"][0] == "action_fallback"


def test_a_button_typed_is_a_button_pressed(served: Served, actions: ActionServer, sender: str) -> None:
    actions.scripts["action_track_logistics"] = lambda _: {
        "events": [],
        "responses": [
            {"text": "哪一单？", "buttons": [{"title": "奶瓶 ¥79", "payload": '/inform{"order_number":"KF1"}'}]}
        ],
    }
    served.turn(sender, "我的快递到哪了")
    pressed = served.turn(sender, "奶瓶 ¥79")["understanding"]
    assert pressed["intent"]["name"] == "inform"
    assert [entity["value"] for entity in pressed["entities"]] == ["KF1"]
    assert served.turn(sender, "奶瓶 ¥79")["understanding"]["text"] == "奶瓶 ¥79"


@pytest.mark.parametrize(
    ("words", "order"),
    [("第二个", "KF2"), ("2", "KF2"), ("选2", "KF2"), ("第一个吧", "KF1"), ("最后一个", "KF3")],
)
def test_a_place_in_the_list_is_a_button_pressed(
    served: Served, actions: ActionServer, sender: str, words: str, order: str
) -> None:
    buttons = [{"title": title, "payload": f'/inform{{"order_number":"KF{n}"}}'} for n, title in enumerate("甲乙丙", 1)]
    asks = {"events": [], "responses": [{"text": "哪一单？", "buttons": buttons}]}
    actions.scripts["action_track_logistics"] = lambda _: asks
    served.turn(sender, "我的快递到哪了", channel="wechat")
    chosen = served.turn(sender, words, channel="wechat")["understanding"]
    assert (chosen["intent"]["name"], chosen["entities"][0]["value"]) == ("inform", order)
    assert served.turn(sender, words)["understanding"]["text"] == words  # no list was shown since


def keeps_what_is_put_off(call: dict[str, Any]) -> dict[str, Any]:
    """As every form does."""
    put_off = call["tracker"]["latest_message"]["metadata"].get("put_off")
    if not put_off:
        return {"events": [], "responses": []}
    return says("先办这个", sets("next_forms", [{"intent": call["tracker"]["latest_message"]["intent"]["name"]}]))(call)


class TestSeveralWishes:
    def test_both_are_served_in_one_turn(self, served: Served, actions: ActionServer, sender: str) -> None:
        answer = served.turn(sender, "查下到哪了 顺便看看积分", "both")
        assert [reply["text"] for reply in answer["replies"]] == ["action_track_logistics", "action_query_points"]
        assert [wish["text"] for wish in answer["understanding"]["wishes"]] == ["查下到哪了", "看看积分"]
        assert answer["understanding"]["intent"]["name"] == "track_logistics"

    def test_effects_have_keys_of_their_own(self, served: Served, actions: ActionServer, sender: str) -> None:
        served.turn(sender, "帮我催一下发货 顺便看看积分", "keys", member_id="M1", risk_terms=[])
        sent = [call["tracker"]["latest_message"]["metadata"] for call in actions.calls]
        assert [(data["message_id"], data["part_of"]) for data in sent] == [("keys", "keys"), ("keys#2", "keys")]
        assert all(data["member_id"] == "M1" for data in sent)

    def test_a_form_comes_last_and_asks(self, served: Served, actions: ActionServer, sender: str) -> None:
        answer = served.turn(sender, "我要退货，另外看看我的积分")
        assert answer["actions"] == ["action_query_points", "action_listen", "return_form", "action_listen"]

    def test_a_form_waits_for_the_order_that_was_just_asked_for(
        self, served: Served, actions: ActionServer, sender: str
    ) -> None:
        actions.scripts["action_track_logistics"] = lambda _: {
            "events": [sets("pending_intent", "track_logistics")],
            "responses": [{"text": "哪一单？"}],
        }
        answer = served.turn(sender, "查下到哪了 顺便帮我退货")
        assert answer["actions"] == ["action_track_logistics", "action_listen"]
        served.turn(sender, "谢谢")
        said = [event for event in served.events(sender) if event.get("name") == "pending_intent"]
        assert said[-1]["value"] == "track_logistics return_goods"

    def test_a_second_form_waits_for_the_first(self, served: Served, actions: ActionServer, sender: str) -> None:
        actions.scripts["validate_return_form"] = keeps_what_is_put_off
        answer = served.turn(sender, "我要退货，另外帮我开发票")
        assert answer["actions"] == ["return_form", "action_listen", "return_form", "action_listen"]
        assert [wish["intent"]["name"] for wish in answer["understanding"]["wishes"]] == [
            "return_goods",
            "request_invoice",
        ]
        assert "先办这个" in [reply["text"] for reply in answer["replies"]]

    def test_a_form_beside_the_open_one(self, served: Served, actions: ActionServer, sender: str) -> None:
        actions.scripts["validate_return_form"] = keeps_what_is_put_off
        served.turn(sender, "我要退货")
        alone = served.turn(sender, "顺便把另一单的地址改一下")
        assert "return_form" in alone["actions"] and "address_form" not in alone["actions"]
        assert "先办这个" in [reply["text"] for reply in alone["replies"]]
        both = served.turn(sender, "质量不好，顺便开张发票")
        assert [wish["text"] for wish in both["understanding"]["wishes"]] == ["质量不好", "开张发票"]
        assert "invoice_form" not in both["actions"]

    def test_another_form_instead_of_the_open_one(self, served: Served, actions: ActionServer, sender: str) -> None:
        actions.scripts["validate_return_form"] = lambda _: {"events": [], "responses": []}
        served.turn(sender, "我要退货")
        assert "address_form" in served.turn(sender, "等下，我还是先改地址")["actions"]

    def test_an_aside_is_no_wish(self, served: Served, actions: ActionServer, sender: str) -> None:
        for number, text in enumerate(("什么效率 帮我查下物流到哪了", "物流到哪了？什么破效率啊你们")):
            understanding = served.turn(f"{sender}-{number}", text)["understanding"]
            assert "wishes" not in understanding
            assert understanding["intent"]["name"] == "track_logistics" and understanding["text"].startswith(text[:4])

    def test_a_complaint_is_one(self, served: Served, actions: ActionServer, sender: str) -> None:
        answer = served.turn(sender, "我的快递到哪了，我要投诉你们客服")
        assert answer["actions"][::2] == ["action_track_logistics", "action_complain"]

    def test_again_it_is_not_said_again(self, served: Served, actions: ActionServer, sender: str) -> None:
        first = served.turn(sender, "查下到哪了 顺便看看积分", "again")
        stored = served.events(sender)
        again = served.turn(sender, "查下到哪了 顺便看看积分", "again")
        assert {**again, "decision": None} == {**first, "decision": None}
        assert served.events(sender) == stored and len(actions.calls) == 2

    def test_both_or_none(self, served: Served, actions: ActionServer, sender: str) -> None:
        served.turn(sender, "你好")
        before = served.events(sender)
        actions.scripts["action_query_points"] = lambda _: {"status": 500}
        assert served.post(sender, "查下到哪了 顺便看看积分", "half").status_code == 503
        assert served.events(sender) == before

    def test_a_person_takes_the_rest(self, served: Served, actions: ActionServer, sender: str) -> None:
        answer = served.turn(sender, "我要退货 顺便看看积分 另外帮我转人工")
        assert answer["actions"] == ["action_query_points", "action_listen", "action_handover", "action_listen"]

    def test_the_whole_message_decides_on_a_handoff(self, served: Served, actions: ActionServer, sender: str) -> None:
        answer = served.turn(sender, "查下到哪了 顺便看看积分", risk_terms=["过敏"])
        assert answer["actions"] == ["action_handover", "action_listen"]

    def test_one_wish_in_two_clauses(self, served: Served, actions: ActionServer, sender: str) -> None:
        assert "wishes" not in served.turn(sender, "到哪了 怎么还没到")["understanding"]

    def test_an_answer_and_a_question_within_a_form(self, served: Served, actions: ActionServer, sender: str) -> None:
        actions.scripts["validate_return_form"] = lambda _: {"events": [], "responses": []}
        served.turn(sender, "我要退货")
        answer = served.turn(sender, "质量不好 顺便看看积分")
        assert [wish["text"] for wish in answer["understanding"]["wishes"]] == ["质量不好", "看看积分"]
        assert "action_query_points" in answer["actions"]

    def test_not_within_a_form(self, served: Served, actions: ActionServer, sender: str) -> None:
        served.turn(sender, "我要退货")
        assert "wishes" not in served.turn(sender, "质量不好 积分有多少")["understanding"]

    def test_within_a_form_when_they_are_plain(self, served: Served, actions: ActionServer, sender: str) -> None:
        actions.scripts["validate_return_form"] = lambda _: {"events": [], "responses": []}
        asks = {"events": [], "responses": [{"response": "utter_which_return_form"}]}
        actions.scripts["action_ask_order_number"] = lambda _: asks
        served.turn(sender, "我要退货")
        answer = served.turn(sender, "先查一下物流到哪了，再看看我的积分还有多少")
        assert [wish["intent"]["name"] for wish in answer["understanding"]["wishes"]] == [
            "track_logistics",
            "query_points",
        ]
        assert answer["responses"].count("utter_which_return_form") == 2
        assert len(answer["replies"]) == 3  # the form asks once, at the end


class TestHandoff:
    def test_on_an_explicit_wish(self, served: Served, actions: ActionServer, sender: str) -> None:
        answer = served.turn(sender, "转人工")
        assert answer["actions"] == ["action_handover", "action_listen"]
        assert answer["decision"]["reason"] == "explicit_wish"
        slots = actions.calls[-1]["tracker"]["slots"]
        assert slots["handoff_decision"] == answer["decision"]

    def test_out_of_an_open_form(self, served: Served, actions: ActionServer, sender: str) -> None:
        assert served.turn(sender, "我要退货")["actions"] == ["return_form", "action_listen"]
        answer = served.turn(sender, "用了全身起疹子", risk_terms=["起疹子"])
        assert answer["actions"] == ["action_handover", "action_listen"]
        assert answer["decision"]["reason"] == "safety_or_legal"

    def test_when_a_form_got_stuck_in_this_very_turn(self, served: Served, actions: ActionServer, sender: str) -> None:
        actions.scripts["validate_return_form"] = lambda call: {
            "events": [sets("form_failures", 3)] if call["tracker"]["slots"]["requested_slot"] else [],
            "responses": [],
        }
        served.turn(sender, "我要退货")
        answer = served.turn(sender, "KF202611080123")
        assert answer["actions"] == ["return_form", "action_handover", "action_listen"]
        assert answer["decision"]["reason"] == "stuck_form"

    def test_a_button_tells_no_mood(self, served: Served, actions: ActionServer, sender: str) -> None:
        actions.scripts["action_track_logistics"] = lambda _: {
            "events": [],
            "responses": [
                {"text": "哪一单？", "buttons": [{"title": "奶瓶 ¥79", "payload": '/inform{"order_number":"KF1"}'}]}
            ],
        }
        served.turn(sender, "我的快递到哪了")
        pressed = served.turn(sender, "奶瓶 ¥79", sentiment={"score": -0.99, "degree": "very_negative"})
        assert not pressed["decision"]["handoff"]

    def test_on_anger_and_not_again_afterwards(self, served: Served, actions: ActionServer, sender: str) -> None:
        furious = {"score": -0.99, "degree": "very_negative"}
        answer = served.turn(sender, "你好", sentiment=furious)
        assert answer["decision"]["reason"] == "negative_sentiment"
        calm = {"score": 0.0, "degree": "neutral"}
        assert served.turn(sender, "你好", sentiment=calm)["actions"] == ["utter_greet", "action_listen"]


class TestAllOrNothing:
    def test_an_action_that_fails_fails_the_turn(self, served: Served, actions: ActionServer, sender: str) -> None:
        served.turn(sender, "你好")
        before = served.events(sender)
        actions.scripts["action_track_logistics"] = lambda _: {"status": 500}
        response = served.post(sender, "我的快递到哪了", "failing")
        assert response.status_code == 503
        assert response.json()["error"]["code"] == "action_failed"
        assert served.events(sender) == before
        actions.forget()
        assert served.turn(sender, "我的快递到哪了", "failing")["replies"][0]["text"] == "action_track_logistics"

    def test_an_assistant_killed_in_a_turn_takes_it_again(
        self, served: Served, actions: ActionServer, sender: str
    ) -> None:
        served.turn(sender, "你好")
        begun, finish = threading.Event(), threading.Event()

        def slow(call: dict) -> dict:
            begun.set()
            finish.wait(30)
            return says("太晚了")(call)

        actions.scripts["action_track_logistics"] = slow
        with ThreadPoolExecutor(1) as pool:
            lost = pool.submit(served.post, sender, "我的快递到哪了", "killed")
            assert begun.wait(30)
            served.kill()
            with pytest.raises(httpx.TransportError):
                lost.result()
        finish.set()
        actions.forget()
        served.start()
        assert served.turn(sender, "我的快递到哪了", "killed")["replies"][0]["text"] == "action_track_logistics"
        assert [event.get("message_id") for event in served.events(sender) if event["event"] == "user"][1:] == [
            "killed"
        ]


def test_a_malformed_turn_is_refused(served: Served) -> None:
    response = httpx.post(f"{served.url}/webhooks/kefu/turn", json={"sender": "s", "text": "在"})
    assert response.status_code == 400
    assert "message_id" in response.json()["error"]["message"]
