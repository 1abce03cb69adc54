"""Knowledge answers, members' facts, yes and no, and the way to a person."""

from datetime import date

import pytest

from actions.backends.members import Member, PointsBalance, PointsExpiry
from handoff.decision import Decision, Signals, decide, load_thresholds
from tests.actions.fake_shop import NOW, FakeShop
from tests.e2e.talk import KnowledgeInMemory, found

FEE, DAYS, GONE = ("kb-fee", "运费谁出？"), ("kb-days", "几天内能退？"), ("kb-gone", "双十一怎么退？")


async def test_a_found_answer_is_given(caller):
    answered = await caller().hear("action_answer_faq", "退货运费谁出", "faq", faq=found("answer", FEE, DAYS))
    assert answered.said == ({"text": "质量问题的运费由我们承担。"},)


@pytest.mark.parametrize(
    ("words", "ours"),
    [
        ("QQ密码忘了", False),
        ("我的企业微信登不上去了", False),
        ("密码忘了怎么办", True),
        ("微信登录提示被占用", True),
        ("用QQ登录你们店可以吗", True),
        ("QQ能聊吗", True),
        ("支付宝企业账户能付款吗", True),
        ("淘宝账号被盗了你们管不管", False),
    ],
)
async def test_what_our_accounts_need_is_no_answer_about_anothers(caller, words: str, ours: bool):
    faq = found("answer", ("kb-fee", "微信登录和手机号怎么绑定"))
    told = await caller().hear("action_answer_faq", words, "faq", faq=faq)
    assert (told.responses != ["utter_out_of_scope"]) is ours


async def test_an_expired_answer_is_never_given(caller):
    customer = caller()
    answered = await customer.hear("action_answer_faq", "双十一怎么退", "faq", faq=found("answer", GONE, FEE))
    assert answered.responses == ["utter_did_you_mean"]
    assert answered.payloads == ['/faq{"entry_id":"kb-fee"}']
    answered = await customer.hear("action_answer_faq", "双十一怎么退", "faq", faq=found("answer", GONE))
    assert answered.responses == ["utter_faq_none"]


async def test_choices_and_the_one_picked(caller):
    customer = caller()
    asked = await customer.hear("action_answer_faq", "退货", "faq", faq=found("choices", FEE, DAYS))
    assert asked.responses == ["utter_did_you_mean"]
    assert asked.said[0]["buttons"][1] == {"title": "几天内能退？", "payload": '/faq{"entry_id":"kb-days"}'}
    picked = await customer.hear("action_answer_faq", "", "faq", entry_id="kb-days")
    assert picked.said == ({"text": "签收后 7 天内可退。"},)


@pytest.mark.parametrize(
    ("intent", "response"),
    [
        ("faq", "utter_faq_none"),
        ("product_question", "utter_product_unknown"),
        ("out_of_scope", "utter_out_of_scope"),
    ],
)
async def test_what_is_not_known_is_not_invented(caller, intent: str, response: str):
    answered = await caller().hear("action_answer_faq", "能加自来水吗", intent, faq=found("none"))
    assert answered.responses == [response]


async def test_a_question_about_ones_own_order_that_looked_like_one_about_a_rule(caller):
    guesses = [("faq", 0.7), ("query_points", 0.26), ("human_agent", 0.2)]
    customer = caller()
    asked = await customer.hear("action_answer_faq", "分目前是几", "faq", faq=found("choices", FEE), guesses=guesses)
    assert asked.payloads == ['/faq{"entry_id":"kb-fee"}', "/query_points"]
    asked = await customer.hear("action_answer_faq", "分目前是几", "faq", faq=found("none"), guesses=guesses)
    assert asked.responses == ["utter_did_you_want"] and asked.payloads == ["/query_points", "/human_agent"]


async def test_small_talk_gets_no_question_back(caller):
    answered = await caller().hear("action_answer_faq", "讲个笑话", "out_of_scope", faq=found("choices", FEE))
    assert answered.responses == ["utter_out_of_scope"]


async def test_fallback_tries_the_knowledge_and_the_open_question_first(caller):
    customer = caller()
    answered = await customer.hear("action_fallback", "邮费咋算", "nlu_fallback", faq=found("answer", FEE))
    assert answered.said == ({"text": "质量问题的运费由我们承担。"},)
    answered = await customer.hear("action_fallback", "唔嗯", "nlu_fallback")
    assert answered.responses == ["utter_rephrase"]
    await customer.hear("action_track_logistics", "到哪了", "track_logistics")
    answered = await customer.hear("action_fallback", "下面那第二个", "nlu_fallback")
    assert answered.responses == ["utter_logistics"]


async def test_no_after_an_answer_counts_as_unhelpful(caller, knowledge: KnowledgeInMemory):
    customer = caller()
    await customer.hear("action_answer_faq", "运费", "faq", faq=found("answer", FEE))
    answered = await customer.hear("action_deny", "不是这个", "deny")
    assert answered.responses == ["utter_unhelpful"] and answered.slots["unhelpful_streak"] == 1
    await customer.hear("action_answer_faq", "运费呢", "faq", faq=found("answer", FEE))
    answered = await customer.hear("action_deny", "不是", "deny")
    assert answered.slots["unhelpful_streak"] == 2


async def test_an_answer_that_was_not_refused_breaks_the_streak(caller):
    customer = caller()
    await customer.hear("action_answer_faq", "运费", "faq", faq=found("answer", FEE))
    await customer.hear("action_deny", "不是这个", "deny")
    await customer.hear("action_answer_faq", "运费呢", "faq", faq=found("answer", FEE))
    answered = await customer.hear("action_answer_faq", "几天", "faq", faq=found("answer", DAYS))
    assert answered.slots["unhelpful_streak"] == 0


@pytest.mark.parametrize(("action", "response"), [("affirm", "utter_affirm_idle"), ("deny", "utter_deny_idle")])
async def test_yes_and_no_to_nothing(caller, action: str, response: str):
    answered = await caller().hear(f"action_{action}", "嗯", action)
    assert answered.responses == [response]


async def test_a_person_offered_and_accepted(caller):
    customer = caller()
    assert (await customer.hear("action_complain", "我要投诉", "complain")).responses == ["utter_complain"]
    accepted = await customer.hear("action_affirm", "好", "affirm")
    assert {"event": "followup", "name": "action_handover"} in accepted.events
    handed = await customer.run("action_handover")
    assert handed.said[0]["custom"]["kefu"] == "handoff"
    assert handed.said[0]["custom"]["reason"] == "explicit_wish"


async def test_handover_carries_the_policys_decision_and_closes_everything(caller):
    customer = caller()
    decision = decide(Signals(form_failures=3), load_thresholds())
    customer.slots |= {"handoff_decision": decision.as_json(), "order_number": "KF1", "form_failures": 3}
    answered = await customer.hear("action_handover", "KF2099", "inform", form="return_form")
    assert answered.responses == ["utter_handover_stuck_form"]
    effect = answered.said[1]["custom"]
    assert Decision.from_json(effect["decision"]) == decision
    assert {"event": "active_loop", "name": None} in answered.events
    assert answered.slots["form_failures"] == 0 and answered.slots["order_number"] is None


async def test_points(caller, shop: FakeShop):
    customer = caller()
    for balance, response in [
        (PointsBalance(860, ()), "utter_points"),
        (PointsBalance(860, (), (PointsExpiry(300, date(2026, 12, 31)),)), "utter_points_expiring"),
        (PointsBalance(860, (), (PointsExpiry(300, date(2027, 6, 30)),)), "utter_points"),
        (PointsBalance(0, ()), "utter_points_none"),
    ]:
        shop.members.balance = balance
        assert (await customer.hear("action_query_points", "积分", "query_points")).responses == [response]


async def test_level_and_what_is_above(caller, shop: FakeShop):
    customer = caller()
    answered = await customer.hear("action_member_level", "等级", "member_level")
    assert answered.responses == ["utter_member_level"]
    shop.members.member = Member("M1", "顾明远", "钻石", True, 26800, NOW)
    answered = await customer.hear("action_member_level", "等级", "member_level")
    assert answered.responses == ["utter_member_level_top"]


async def test_coupons(caller, shop: FakeShop):
    answered = await caller().hear("action_query_coupons", "优惠券", "query_coupons")
    assert answered.said[0]["coupons"] == "· 5 元无门槛券：¥5 无门槛，全场通用，12月9日前有效"
    shop.members.owned = ()
    assert (await caller().hear("action_query_coupons", "券", "query_coupons")).responses == ["utter_coupons_none"]


async def test_fallback_guesses_what_was_meant_and_keeps_what_was_named(caller):
    guesses = [("nlu_fallback", 0.5), ("order_status", 0.3), ("greet", 0.2), ("track_logistics", 0.15), ("thank", 0.0)]
    answered = await caller().hear("action_fallback", "礼盒呢", "nlu_fallback", guesses=guesses, product="礼盒")
    assert answered.responses == ["utter_did_you_want"]
    assert answered.payloads == [
        '/order_status{"product":"礼盒"}',
        '/track_logistics{"product":"礼盒"}',
        "/human_agent",
    ]
