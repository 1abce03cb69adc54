"""The forms, utterance by utterance, as Rasa runs them."""

import pytest

from actions.backends.orders import OrderStatus
from actions.backends.refusals import NotAllowed, Refusal
from actions.services import FaqHint
from tests.actions.call import Answered
from tests.actions.fake_shop import FakeShop, order
from tests.actions.in_form import InForm
from tests.e2e.talk import KnowledgeInMemory, TicketsInMemory, found

PAID, ON_THE_WAY, RECEIVED, OLD = (f"KF20261108{tail}" for tail in ("0001", "0002", "0004", "0005"))
HOME = "上海市浦东新区张江路88号3栋501"


@pytest.fixture
def returning(caller) -> InForm:
    slots = ("order_number", "return_reason", "confirm")
    return InForm(caller(), "return_form", "return_goods", "action_submit_return", slots)


@pytest.fixture
def moving(caller) -> InForm:
    slots = ("order_number", "new_address", "confirm")
    return InForm(caller(), "address_form", "change_address", "action_submit_address", slots)


@pytest.fixture
def cancelling(caller) -> InForm:
    return InForm(caller(), "cancel_form", "cancel_order", "action_submit_cancel", ("order_number", "confirm"))


@pytest.fixture
def invoicing(caller) -> InForm:
    slots = ("order_number", "invoice_title", "confirm")
    return InForm(caller(), "invoice_form", "request_invoice", "action_submit_invoice", slots)


@pytest.fixture
def redeeming(caller) -> InForm:
    return InForm(caller(), "redeem_form", "redeem_points", "action_submit_redeem", ("points_amount", "confirm"))


async def test_return_from_wish_to_number(returning: InForm, shop: FakeShop):
    opened = await returning.open("我要退货")
    assert opened.slots["order_number"] == RECEIVED  # the only one that can be returned
    await returning.hear("漏水，没法用")
    done = await returning.hear("是的", "affirm")
    assert done is not None and done.responses == ["utter_return_submitted"]
    assert shop.done == [("create", RECEIVED, "漏水，没法用", "m3:action_submit_return")]
    assert not any(returning.caller.slots[slot] for slot in returning.slots)


async def test_another_order_pointed_at_is_no_reason(returning: InForm):
    await returning.open("奶瓶那单退货", product="奶瓶")
    told = await returning.hear("吹风机那单", product="吹风机")
    assert told is not None and told.slots["order_number"].endswith("0005")
    assert not returning.caller.slots["return_reason"]
    told = await returning.hear("不对，换成奶瓶那单", "exchange_goods", product="奶瓶")
    assert told is not None and told.slots["order_number"] == RECEIVED


async def test_a_form_beside_the_open_one_waits_and_the_customer_knows(returning: InForm):
    await returning.open("奶瓶那单退货", product="奶瓶")
    told = await returning.hear("把另一单的地址改一下", "change_address", beside=True)
    assert told is not None and told.responses == ["utter_form_waits"]
    assert returning.caller.slots["order_number"] == RECEIVED and returning.is_open
    left = await returning.hear("算了", "never_mind")
    assert left is not None and left.responses == ["utter_return_left", "utter_next_form"]
    assert left.follows == "address_form"


async def test_what_waited_opens_with_its_own_words(returning: InForm, shop: FakeShop):
    await returning.open("奶瓶那单退货", product="奶瓶", reason="漏水")
    await returning.hear("取消没付款那单", "cancel_order", beside=True)
    done = await returning.hear("是的", "affirm")
    assert done is not None and done.responses == ["utter_return_submitted", "utter_next_form"]
    assert done.follows == "cancel_form"
    cancelling = InForm(
        returning.caller, "cancel_form", "cancel_order", "action_submit_cancel", ("order_number", "confirm")
    )
    asked = await cancelling.follow()
    assert asked.responses == ["utter_order_none_described"]  # there is no 没付款那单
    assert not returning.caller.slots["next_forms"]


async def test_several_wait_in_their_order(returning: InForm):
    await returning.open("奶瓶那单退货", product="奶瓶")
    for intent in ("request_invoice", "change_address", "request_invoice"):
        await returning.hear("", intent, beside=True)
    left = await returning.hear("先不退了", "never_mind")
    assert left is not None and left.follows == "address_form"
    assert [wish["intent"] for wish in returning.caller.slots["next_forms"]] == ["change_address", "request_invoice"]


async def test_nothing_at_all_leaves_what_waits_as_well(returning: InForm):
    await returning.open("奶瓶那单退货", product="奶瓶")
    await returning.hear("", "request_invoice", beside=True)
    left = await returning.hear("算了 都不办了", "never_mind")
    assert left is not None and left.responses == ["utter_return_left"] and left.follows is None
    assert returning.caller.slots["next_forms"] is None


async def test_after_a_refusal_the_next_form_is_only_offered(returning: InForm, shop: FakeShop):
    await returning.open("退货")
    await returning.hear("开个发票", "request_invoice", beside=True)
    ended = await returning.hear("没发货那单", "inform")
    assert ended is not None and ended.responses[-1] == "utter_next_form_offered" and ended.follows is None
    accepted = await returning.caller.hear("action_affirm", "好", "affirm")
    assert {"event": "followup", "name": "invoice_form"} in accepted.events


async def test_all_said_at_once_only_needs_a_yes(returning: InForm, shop: FakeShop):
    await returning.open(f"{RECEIVED} 漏水，退货", order_number=RECEIVED, reason="漏水")
    assert returning.caller.slots["requested_slot"] == "confirm"
    assert returning.caller.slots["refund_amount"] == "¥128"
    assert not shop.done


async def test_no_on_confirm_leaves_and_says_so(returning: InForm, shop: FakeShop):
    await returning.open("退货", reason="漏水")
    left = await returning.hear("不", "deny")
    assert left is not None and left.responses == ["utter_return_left"]
    assert not shop.done and not returning.is_open


@pytest.mark.parametrize("step", ["order_number", "return_reason", "confirm"])
async def test_never_mind_leaves_at_any_question(returning: InForm, shop: FakeShop, step: str):
    shop.orders_of["M1"].insert(0, order("0006", OrderStatus.DELIVERED))
    await returning.open("退货")
    if step != "order_number":
        await returning.hear("", order_number=RECEIVED)
    if step == "confirm":
        await returning.hear("漏水")
    assert returning.caller.slots["requested_slot"] == step
    left = await returning.hear("算了", "never_mind")
    assert left is not None and left.responses == ["utter_return_left"]


async def test_not_wanting_it_is_a_reason_when_asked_for_one(returning: InForm):
    await returning.open("退货")
    await returning.hear("不想要了", "never_mind", reason="不想要了")
    assert returning.caller.slots["return_reason"] == "不想要了"


async def test_other_questions_are_digressions(returning: InForm):
    await returning.open("退货")
    assert await returning.hear("到哪了", "track_logistics") is None
    assert await returning.hear("运费谁出", "faq") is None
    assert await returning.hear("嗯那个", "nlu_fallback", faq=found("answer", ("kb-fee", "运费谁出"))) is None
    returning.caller.events.append({"event": "action_execution_rejected", "name": "return_form"})
    again = await returning.caller.run("validate_return_form", form="return_form")
    assert not again.events and not again.said


async def test_the_shop_refuses_and_says_why(returning: InForm, shop: FakeShop):
    shop.refusals["eligibility"] = NotAllowed(Refusal.WINDOW_CLOSED)
    told = await returning.open("退货", order_number=OLD)
    assert told.responses == ["utter_return_window_closed"]
    assert told.said[0]["deadline"] == "11月9日"
    assert not returning.is_open


@pytest.mark.parametrize("code", [code for code in Refusal if not code.endswith(("step", "points"))])
async def test_every_refusal_of_a_return_has_its_words(returning: InForm, shop: FakeShop, code: Refusal):
    at = "2026-11-09T00:00:00+08:00"
    shop.refusals["create"] = NotAllowed(code, details={"deadline": at, "urged_at": at, "expected_at": at})
    await returning.open("退货", reason="漏水")
    told = await returning.hear("好", "affirm")
    assert told is not None and len(told.responses) == 1
    assert told.responses[0].endswith(code)


async def test_an_unsent_order_is_cancelled_rather(returning: InForm):
    told = await returning.open("退货", order_number=PAID)
    assert told.responses == ["utter_return_not_shipped"]
    assert told.slots["offer"] == {"intent": "cancel_order", "message_id": "m1", "order_number": PAID}
    accepted = await returning.caller.hear("action_affirm", "好", "affirm")
    assert accepted.events == ({"event": "followup", "name": "cancel_form"},)


async def test_wrong_numbers_end_in_a_stuck_form(returning: InForm, shop: FakeShop):
    shop.orders_of["M1"].insert(0, order("0006", OrderStatus.DELIVERED))
    await returning.open("退货")
    first = await returning.hear("KF209900000001", order_number="KF209900000001")
    assert first is not None and first.responses == ["utter_order_unknown"]
    second = await returning.hear("KF20990", "nlu_fallback")
    assert second is not None and second.responses == ["utter_order_unknown_pick"]
    assert f'/inform{{"order_number":"{RECEIVED}"}}' in second.payloads
    third = await returning.hear("KF209900000003", order_number="KF209900000003")
    assert third is not None and third.responses == ["utter_order_unknown_still"]
    assert returning.caller.slots["form_failures"] == 3 and not returning.is_open


async def test_not_logged_in(caller, shop: FakeShop):
    form = InForm(caller(None), "return_form", "return_goods", "action_submit_return", ("order_number",))
    told = await form.open("退货", order_number=RECEIVED)
    assert told.responses == ["utter_login_needed"] and not form.is_open


async def test_somebody_elses_order_cannot_be_returned(returning: InForm, shop: FakeShop):
    told = await returning.open("退货", order_number="KF202611089999")
    assert told.responses == ["utter_order_unknown"]
    assert not returning.caller.slots["order_number"] and not shop.done


async def test_a_backend_that_fails_ends_the_form(returning: InForm, shop: FakeShop):
    shop.down = True
    told = await returning.open("退货")
    assert told.responses == ["utter_backend_down"] and not returning.is_open


async def test_an_unsure_effect_is_not_called_done(returning: InForm, shop: FakeShop):
    await returning.open("退货", reason="漏水")
    shop.down = True
    told = await returning.hear("好", "affirm")
    assert told is not None and told.responses == ["utter_submit_unsure"]


async def test_another_order_at_the_last_question(returning: InForm, shop: FakeShop):
    shop.orders_of["M1"].insert(0, order("0006", OrderStatus.DELIVERED, "奶粉"))
    await returning.open("退货", order_number=RECEIVED, reason="漏水")
    await returning.hear("不是这个，是另一个", "deny")
    assert returning.caller.slots["order_number"] == "KF202611080006"
    assert returning.caller.slots["requested_slot"] == "confirm" and not shop.done


async def test_a_number_is_no_reason_but_another_order(returning: InForm, shop: FakeShop):
    shop.orders_of["M1"].insert(0, order("0006", OrderStatus.DELIVERED, "奶粉"))
    await returning.open("退货", order_number=RECEIVED)
    await returning.hear("KF202611080006", order_number="KF202611080006")
    assert returning.caller.slots["order_number"] == "KF202611080006"
    assert returning.caller.slots["requested_slot"] == "return_reason"
    told = await returning.hear("第一个")
    assert told is not None and told.responses == ["utter_reason_unclear"]
    told = await returning.hear("KF209900000000", order_number="KF209900000000")
    assert told is not None and told.responses == ["utter_order_unknown_pick"]
    assert returning.caller.slots["order_number"] is None
    await returning.hear("奶粉那单")
    await returning.hear("奶粉结块了")
    assert returning.caller.slots["return_reason"] == "奶粉结块了"


async def test_a_better_reason_instead_of_a_yes(returning: InForm, shop: FakeShop):
    await returning.open("退货", reason="漏水")
    await returning.hear("尺码不合适", reason="尺码不合适")
    assert returning.caller.slots["return_reason"] == "尺码不合适" and not shop.done


@pytest.mark.parametrize(("words", "agreed"), [("确认退货", True), ("我确定", True), ("确定能退吗", False)])
async def test_the_buttons_words_typed_are_a_yes(returning: InForm, shop: FakeShop, words: str, agreed: bool):
    await returning.open("退货", reason="漏水")
    await returning.hear(words, "faq")
    assert bool(shop.done) is agreed


async def test_a_button_of_other_terms_is_stale(returning: InForm, shop: FakeShop):
    await returning.open("退货", reason="漏水")
    old = returning.caller.slots["confirm_key"]
    assert await returning.hear("到哪了", "track_logistics") is None
    assert returning.caller.slots["confirm_key"] == old
    await returning.hear("尺码不合适", reason="尺码不合适")
    told = await returning.hear("", "affirm", confirms=old)
    assert told is not None and told.responses == ["utter_button_stale"] and not shop.done
    await returning.hear("", "affirm", confirms=returning.caller.slots["confirm_key"])
    assert len(shop.done) == 1
    late = await returning.caller.hear("action_affirm", "", "affirm", confirms=old)
    assert late.responses == ["utter_button_stale"]


async def test_part_of_another_address_asks_for_the_whole(moving: InForm):
    await moving.open(f"地址改成{HOME}")
    assert moving.caller.slots["requested_slot"] == "confirm"
    await moving.hear("不是，是1803", "deny")
    assert moving.caller.slots["requested_slot"] == "new_address"


async def test_another_forms_wish_is_no_invoice_title(invoicing: InForm):
    await invoicing.open("开发票")
    assert await invoicing.hear("云杉公司搬家了，地址要改", "change_address") is None
    assert not invoicing.caller.slots.get("invoice_title")


@pytest.mark.parametrize(("also", "tagged"), [("收件人李明", {}), ("13912345678", {"phone": "13912345678"})])
async def test_nobody_is_left_to_think_that_the_receiver_changes_too(moving: InForm, also: str, tagged: dict):
    told = await moving.open(f"地址改成{HOME} {also}", address=HOME, **tagged)
    assert told.responses[0] == "utter_address_receiver_stays"


async def test_out_of_one_form_into_another(moving: InForm):
    moving.caller.slots |= {"order_number": RECEIVED, "confirm": None, "return_reason": "漏水"}
    moving.caller.events.append({"event": "user", "metadata": {}})

    async def rejected_by_the_other() -> Answered:
        caller = moving.caller
        caller.events.append({"event": "user", "metadata": {}})
        await caller.hear("validate_return_form", "改地址", "change_address", form="return_form")
        caller.events += [
            {"event": "action_execution_rejected", "name": "return_form"},
            {"event": "active_loop", "name": "address_form"},
        ]
        return await caller.run("validate_address_form", form="address_form")

    moving.caller.slots["requested_slot"] = "return_reason"
    told = await rejected_by_the_other()
    assert told.responses == ["utter_form_switched"]
    assert told.slots["order_number"] == PAID and told.slots["return_reason"] is None


async def test_address_needs_to_be_one(moving: InForm, shop: FakeShop):
    await moving.open("改地址")
    assert moving.caller.slots["requested_slot"] == "new_address"
    told = await moving.hear("公司", "inform")
    assert told is not None and told.responses == ["utter_address_incomplete"]
    await moving.hear(f"改成{HOME}，谢谢", "change_address")
    assert moving.caller.slots["new_address"] == f"{HOME}，谢谢"
    await moving.hear("不对，是上海市浦东新区张江路90号", "deny")
    assert moving.caller.slots["new_address"] == "上海市浦东新区张江路90号"
    done = await moving.hear("对", "affirm")
    assert done is not None and done.responses == ["utter_address_changed"]
    assert shop.done[0][:3] == ("change_address", PAID, "上海市浦东新区张江路90号")


async def test_what_an_address_lacks_is_asked_for_and_put_together(moving: InForm, shop: FakeShop):
    await moving.open("地址改成朝阳区建国路", address="朝阳区建国路")
    assert moving.caller.slots["address_missing"] == "city"
    await moving.hear("北京的", "inform")
    assert moving.caller.slots["partial_address"] == "北京市朝阳区建国路"
    assert moving.caller.slots["address_missing"] == "number"
    await moving.hear("88号3单元", "inform")
    assert moving.caller.slots["requested_slot"] == "confirm"
    await moving.hear("对", "affirm")
    assert shop.done[0][:3] == ("change_address", PAID, "北京市朝阳区建国路88号3单元")


async def test_an_address_on_no_list_is_taken_at_the_second_time(moving: InForm):
    await moving.open("改地址")
    await moving.hear("云泽县新城镇幸福路8号", "inform")
    assert moving.caller.slots["requested_slot"] == "new_address"
    await moving.hear("云泽县新城镇幸福路8号", "inform")
    assert moving.caller.slots["new_address"] == "云泽县新城镇幸福路8号"


async def test_a_sent_order_keeps_its_address(moving: InForm):
    told = await moving.open("改地址", order_number=ON_THE_WAY)
    assert told.responses == ["utter_address_already_shipped"]


async def test_repeating_the_wish_is_no_yes(cancelling: InForm, shop: FakeShop):
    await cancelling.open("取消订单")
    assert cancelling.caller.slots["requested_slot"] == "confirm"
    await cancelling.hear("取消", "cancel_order")
    assert cancelling.is_open and not shop.done
    done = await cancelling.hear("确认", "affirm")
    assert done is not None and done.responses == ["utter_cancelled_refund"]


@pytest.mark.parametrize(
    ("tail", "response"),
    [("0002", "utter_cancel_already_shipped"), ("0004", "utter_cancel_received")],
)
async def test_what_is_gone_cannot_be_cancelled(cancelling: InForm, tail: str, response: str):
    told = await cancelling.open("取消", order_number=f"KF20261108{tail}")
    assert told.responses == [response]


@pytest.mark.parametrize(
    ("words", "title"),
    [
        ("开个人的", "个人"),
        ("抬头是杭州云杉科技有限公司", "杭州云杉科技有限公司"),
        ("开给小禾贸易有限公司吧", "小禾贸易有限公司"),
    ],
)
async def test_invoice_titles(invoicing: InForm, shop: FakeShop, words: str, title: str):
    await invoicing.open("开发票", order_number=RECEIVED)
    await invoicing.hear(words)
    assert invoicing.caller.slots["requested_slot"] == "confirm" and not shop.done
    done = await invoicing.hear("对", "affirm")
    assert done is not None and done.responses == ["utter_invoice_requested"]
    assert shop.done[0][:3] == ("request_invoice", RECEIVED, title)


@pytest.mark.parametrize(
    ("words", "points"), [("500", 500), ("五百积分", 500), ("全部换了", 860), ("换300分的", 300), ("两百", 200)]
)
async def test_points_in_any_words(redeeming: InForm, shop: FakeShop, words: str, points: int):
    await redeeming.open("积分兑换")
    await redeeming.hear(words)
    await redeeming.hear("确认", "affirm")
    assert shop.done == [("redeem", str(points), "m3:action_submit_redeem")]


async def test_points_are_rounded_to_what_the_shop_takes(redeeming: InForm, shop: FakeShop):
    shop.refusals["redeem"] = NotAllowed(Refusal.POINTS_STEP, details={"step": "100"})
    await redeeming.open("积分全部换了")
    told = await redeeming.hear("好", "affirm")
    assert told is not None and told.responses == ["utter_redeem_rounded"]
    assert told.payloads == ['/redeem_points{"quantity":"800"}']
    await redeeming.open(quantity="800")
    assert redeeming.caller.slots["points_amount"] == 800


async def test_more_points_than_there_are(redeeming: InForm):
    await redeeming.open("用2000分换券", quantity="2000")
    assert redeeming.caller.slots["points_amount"] is None
    told = await redeeming.hear("2000")
    assert told is not None and told.responses == ["utter_points_too_many"]


async def test_a_message_is_left(caller, tickets: TicketsInMemory):
    form = InForm(caller(None), "ticket_form", "leave_ticket", "action_submit_ticket", ("ticket_body",))
    await form.open()
    short = await form.hear("急", "nlu_fallback")
    assert short is not None and short.responses == ["utter_ticket_too_short"]
    done = await form.hear("我的快递到哪了，三天没动了", "track_logistics")
    assert done is not None and done.responses == ["utter_ticket_created"]
    assert tickets.bodies == {"m3:action_submit_ticket": "我的快递到哪了，三天没动了"}


async def test_the_title_said_before_the_order_is_kept(invoicing: InForm, shop: FakeShop):
    await invoicing.open("我要开发票")
    assert invoicing.caller.slots["requested_slot"] == "order_number"
    kept = await invoicing.hear("个人")
    assert kept is not None and kept.responses == ["utter_which_invoice_form"]
    await invoicing.hear("奶瓶那单", product="奶瓶")
    done = await invoicing.hear("对", "affirm")
    assert done is not None and done.responses == ["utter_invoice_requested"]
    assert shop.done[0][:3] == ("request_invoice", RECEIVED, "个人")


async def test_another_order_comes_with_what_else_was_said(invoicing: InForm):
    await invoicing.open("给吹风机那单开发票", product="吹风机")
    await invoicing.hear("等等 给奶瓶那单开 抬头写杭州云帆科技有限公司", "request_invoice", product="奶瓶")
    slots = invoicing.caller.slots
    assert (slots["order_number"], slots["invoice_title"]) == (RECEIVED, "杭州云帆科技有限公司")
    assert slots["requested_slot"] == "confirm"


@pytest.mark.parametrize(
    ("words", "intent"),
    [
        ("等等 换成刚收到的那单", "faq"),
        ("不是这单 是奶瓶那单", "order_status"),
        ("算了 换成奶瓶那单", "never_mind"),
        ("那奶瓶那单呢", "order_status"),
        ("那个奶瓶的", "inform"),
    ],
)
async def test_a_change_of_mind_about_the_order(invoicing: InForm, words: str, intent: str):
    slots = invoicing.caller.slots
    await invoicing.open("给吹风机那单开发票", product="吹风机")
    await invoicing.hear(words, intent)
    assert (slots["order_number"], slots["requested_slot"]) == (RECEIVED, "invoice_title")
    await invoicing.hear("个人")
    await invoicing.hear("不对 换成吹风机那单", "exchange_goods", product="吹风机")
    assert slots["order_number"] != RECEIVED
    assert (slots["invoice_title"], slots["requested_slot"]) == ("个人", "confirm")


@pytest.mark.parametrize("words", ["吹风机", "吹风机呢", "那个吹疯机的"])
async def test_goods_alone_are_another_order(returning: InForm, words: str):
    await returning.open("奶瓶那单退货", product="奶瓶")
    await returning.hear(words, "faq", faq=found("choices", ("kb-1", "吹风机怎么用")))
    assert returning.caller.slots["order_number"] == OLD


async def test_what_is_wrong_with_the_goods_is_no_order(returning: InForm):
    await returning.open("奶瓶那单退货", product="奶瓶")
    for words in ("奶瓶", "奶瓶裂了"):
        await returning.hear(words)
        assert returning.caller.slots["order_number"] == RECEIVED


async def test_no_other_order_leaves_the_one_there_is(returning: InForm):
    await returning.open(f"{RECEIVED} 漏水，退货", order_number=RECEIVED, reason="漏水")
    told = await returning.hear("另一个")
    assert told is not None and told.responses == ["utter_no_other_order"]
    assert returning.is_open and returning.caller.slots["order_number"] == RECEIVED


async def test_the_wrong_order_without_another_one_named(invoicing: InForm):
    await invoicing.open("给奶瓶那单开发票", product="奶瓶")
    asked = await invoicing.hear("选错单了", "wrong_or_damaged")
    assert asked is not None and asked.responses == ["utter_which_invoice_form"]
    assert RECEIVED not in str(asked.payloads)


async def test_another_title_is_no_yes(invoicing: InForm, shop: FakeShop):
    await invoicing.open("奶瓶那单开发票 个人", product="奶瓶")
    await invoicing.hear("等下 抬头写杭州云帆科技有限公司", "request_invoice")
    assert invoicing.caller.slots["invoice_title"] == "杭州云帆科技有限公司" and not shop.done


async def test_too_late_to_leave(cancelling: InForm):
    await cancelling.open("取消订单", order_number=PAID)
    await cancelling.hear("确认", "affirm")
    late = await cancelling.caller.hear("action_never_mind", "等等我不取消了", "never_mind")
    assert late.responses == ["utter_already_submitted"]
    later = await cancelling.caller.hear("action_never_mind", "算了", "never_mind")
    assert later.responses == ["utter_never_mind"]


async def test_a_question_in_a_form_is_about_the_form(returning: InForm, knowledge: KnowledgeInMemory):
    knowledge.hints["退货运费谁出啊"] = FaqHint("answer", (("kb-fee", "退货运费谁承担"),))
    await returning.open("奶瓶那单退货", product="奶瓶")
    choices = found("choices", ("kb-days", "换货的运费谁出"), ("kb-fee", "退货运费谁承担"))
    assert await returning.hear("运费谁出啊", "shipping_fee", faq=choices) is None
    for intent in ("shipping_fee", "out_of_scope"):
        told = await returning.caller.hear("action_answer_faq", "运费谁出啊", intent, faq=choices, form="return_form")
        assert told.said[0]["text"] == "质量问题的运费由我们承担。"
    outside = await returning.caller.hear("action_answer_faq", "运费谁出啊", "shipping_fee", faq=choices)
    assert outside.responses == ["utter_did_you_mean"]


async def test_pointing_at_the_order_is_no_reason(returning: InForm):
    await returning.open("奶瓶那单退货", product="奶瓶")
    asked = await returning.hear("就那个前两天收到滴")
    assert asked is not None and not returning.caller.slots["return_reason"]
    assert returning.caller.slots["order_number"] == RECEIVED
