"""Exchange, repair and price protection, and what arrived broken, wrong or incomplete."""

import json

import pytest

from actions.backends.aftersales import (
    ExchangeRequest,
    ExchangeStatus,
    RepairRequest,
    RepairStatus,
)
from actions.backends.orders import OrderStatus
from actions.backends.refusals import NotAllowed, Refusal
from tests.actions.fake_shop import NOW, FakeShop, order
from tests.actions.in_form import InForm
from tests.e2e.talk import TicketsInMemory, found

PAID, ON_THE_WAY, RECEIVED, OLD = (f"KF20261108{tail}" for tail in ("0001", "0002", "0004", "0005"))
AT = "2026-11-09T00:00:00+08:00"
CODES = [code for code in Refusal if not code.endswith(("step", "points"))]


@pytest.fixture
def exchanging(caller) -> InForm:
    slots = ("order_number", "exchange_wish", "confirm")
    return InForm(caller(), "exchange_form", "exchange_goods", "action_submit_exchange", slots)


@pytest.fixture
def repairing(caller) -> InForm:
    slots = ("order_number", "repair_item", "fault", "confirm")
    return InForm(caller(), "repair_form", "request_repair", "action_submit_repair", slots)


@pytest.fixture
def claiming(caller) -> InForm:
    return InForm(caller(), "price_form", "price_protection", "action_submit_price", ("order_number", "confirm"))


async def test_exchange_from_wish_to_number(exchanging: InForm, shop: FakeShop):
    asked = await exchanging.open("我要换货")
    assert asked.responses == ["utter_ask_exchange_wish"]
    assert [button["title"] for button in asked.said[0]["buttons"]] == ["雾蓝 L", "红色 M", "同款换新"]
    await exchanging.hear("换成L码的", size="L码")
    assert exchanging.caller.slots["exchange_wish"] == "玻璃奶瓶 雾蓝 L"
    done = await exchanging.hear("好的", "affirm")
    assert done is not None and done.responses == ["utter_exchange_submitted"]
    assert shop.done == [("exchange", RECEIVED, "S0", "S0-1", "", "m3:action_submit_exchange")]
    assert not any(exchanging.caller.slots[slot] for slot in exchanging.slots)


async def test_all_said_at_once_only_needs_a_yes(exchanging: InForm, shop: FakeShop):
    await exchanging.open("奶瓶太小，换红色的", product="奶瓶", reason="太小", color="红色")
    assert exchanging.caller.slots["requested_slot"] == "confirm"
    assert exchanging.caller.slots["exchange_wish"] == "玻璃奶瓶 红色 M"
    await exchanging.hear("确认换货", "faq")
    assert shop.done[0][:5] == ("exchange", RECEIVED, "S0", "S0-3", "太小")


async def test_a_pressed_variant(exchanging: InForm, shop: FakeShop):
    asked = await exchanging.open("换货")
    assert asked.payloads[0] == '/inform{"sku":"S0-1"}'
    await exchanging.hear("", sku="S0-1")
    assert exchanging.caller.slots["exchange_target"] == ["S0", "S0-1"]


async def test_what_is_sold_out_is_said_and_the_rest_offered(exchanging: InForm, shop: FakeShop):
    told = await exchanging.open("换XL", size="XL")
    assert told.responses == ["utter_exchange_sold_out", "utter_ask_exchange_wish"]
    told = await exchanging.hear("那换绿色", color="绿色")
    assert told is not None and told.responses == ["utter_exchange_no_such", "utter_ask_exchange_wish"]
    await exchanging.hear("红色的吧", color="红色")
    assert exchanging.caller.slots["exchange_wish"] == "玻璃奶瓶 红色 M" and not shop.done


async def test_another_wish_instead_of_a_yes(exchanging: InForm, shop: FakeShop):
    await exchanging.open("换L")
    old = exchanging.caller.slots["confirm_key"]
    await exchanging.hear("不对，换成红色", "deny", color="红色")
    assert exchanging.caller.slots["exchange_wish"] == "玻璃奶瓶 红色 M"
    stale = await exchanging.hear("", "affirm", confirms=old)
    assert stale is not None and stale.responses == ["utter_button_stale"] and not shop.done
    left = await exchanging.hear("算了", "never_mind")
    assert left is not None and left.responses == ["utter_exchange_left"]


async def test_why_it_does_not_fit_is_no_report_of_damage(exchanging: InForm, shop: FakeShop):
    await exchanging.open("换L")
    asked = await exchanging.hear("就是那个奶瓶 太小了", "wrong_or_damaged", product="奶瓶", reason="太小了")
    assert asked is not None and exchanging.caller.slots["requested_slot"] == "confirm"
    assert await exchanging.hear("洗衣机坏了", "wrong_or_damaged", product="洗衣机") is None
    await exchanging.hear("好的", "affirm")
    assert shop.done[0][:5] == ("exchange", RECEIVED, "S0", "S0-1", "太小了")


async def test_another_order_has_its_own_goods(exchanging: InForm, shop: FakeShop):
    shop.orders_of["M1"].insert(0, order("0006", OrderStatus.DELIVERED, "连衣裙"))
    await exchanging.open("换L", order_number=RECEIVED)
    await exchanging.hear("不是这单，是另一单", "deny")
    assert exchanging.caller.slots["order_number"] == "KF202611080006"
    assert exchanging.caller.slots["requested_slot"] == "exchange_wish" and not shop.done


async def test_another_colour_is_no_other_order(exchanging: InForm, shop: FakeShop):
    shop.orders_of["M1"].insert(0, order("0006", OrderStatus.DELIVERED, "连衣裙"))
    exchanging.caller.slots["last_order_number"] = RECEIVED
    await exchanging.open("我想换个颜色")
    assert exchanging.caller.slots["order_number"] == RECEIVED


async def test_two_pieces_need_the_one_named(exchanging: InForm, shop: FakeShop):
    shop.orders_of["M1"] = [order("0006", OrderStatus.DELIVERED, "栖木衬衫", "远山短裤")]
    asked = await exchanging.open("换大一号")
    assert asked.responses == ["utter_ask_exchange_wish"]
    assert "远山短裤 雾蓝 L" in [button["title"] for button in asked.said[0]["buttons"]]
    await exchanging.hear("衬衫换大一号")
    assert exchanging.caller.slots["exchange_wish"] == "栖木衬衫 雾蓝 L"


async def test_digressions_and_failures_of_an_exchange(exchanging: InForm):
    await exchanging.open("换货")
    assert await exchanging.hear("到哪了", "track_logistics") is None
    assert await exchanging.hear("换货运费谁出", "faq") is None
    assert await exchanging.hear("这个材质怎么样", "product_question", faq=found("answer", ("kb-x", "材质"))) is None
    await exchanging.hear("奶瓶", "product_question", product="奶瓶")
    assert exchanging.is_open and not exchanging.caller.slots["form_failures"]
    for expected in (True, True, False):
        told = await exchanging.hear("就那样的", "inform")
        assert told is not None and told.responses[0] == "utter_exchange_wish_unclear"
        assert exchanging.is_open is expected
    assert exchanging.caller.slots["form_failures"] == 3


async def test_a_fault_told_in_an_exchange_is_its_reason_and_a_repair_another_form(exchanging: InForm):
    await exchanging.open("换货")
    asked = await exchanging.hear("裂了 没法用", "wrong_or_damaged", reason="裂了")
    assert asked is not None and asked.responses == ["utter_ask_exchange_wish"]
    assert exchanging.caller.slots["exchange_reason"] == "裂了"
    assert await exchanging.hear("不换了 万一又是坏的 我要维修", "request_repair", reason="坏的") is None


async def test_the_second_of_what_was_shown(exchanging: InForm):
    await exchanging.open("换货")
    await exchanging.hear("第二个")
    assert exchanging.caller.slots["exchange_wish"] == "玻璃奶瓶 红色 M"


async def test_giving_up_one_wish_for_another_is_no_leaving(exchanging: InForm, shop: FakeShop):
    await exchanging.open("换红色", color="红色")
    asked = await exchanging.hear("有没有XL", "product_question", size="XL")
    assert asked is not None and asked.responses == ["utter_exchange_sold_out"]
    assert exchanging.caller.slots["exchange_wish"] == "玻璃奶瓶 红色 M"  # only asked
    await exchanging.hear("那算了换L吧", "never_mind")
    assert exchanging.caller.slots["exchange_wish"] == "玻璃奶瓶 雾蓝 L" and not shop.done
    assert await exchanging.hear("算了就换L吧", "never_mind") is not None
    assert exchanging.is_open and not shop.done
    left = await exchanging.hear("算了不换了", "never_mind")
    assert left is not None and left.responses == ["utter_exchange_left"]


async def test_asking_for_a_colour_is_an_answer(exchanging: InForm):
    await exchanging.open("换货")
    await exchanging.hear("有红色的吗", "product_question", color="红色")
    assert exchanging.caller.slots["exchange_wish"] == "玻璃奶瓶 红色 M"


@pytest.mark.parametrize("code", CODES)
async def test_every_refusal_of_an_exchange_has_its_words(exchanging: InForm, shop: FakeShop, code: Refusal):
    shop.refusals["options"] = NotAllowed(code, details={"deadline": AT, "urged_at": AT, "expected_at": AT})
    if code not in {Refusal.ALREADY_URGED, Refusal.NOT_ISSUED}:
        told = await exchanging.open("换货", order_number=RECEIVED)
        assert len(told.responses) == 1 and not exchanging.is_open
    del shop.refusals["options"]
    shop.refusals["exchange"] = NotAllowed(code, details={"deadline": AT, "urged_at": AT, "expected_at": AT})
    await exchanging.open("换L", order_number=RECEIVED)
    told = await exchanging.hear("好", "affirm")
    assert told is not None and len(told.responses) == 1


async def test_an_exchange_under_way_is_told(exchanging: InForm, shop: FakeShop):
    shop.refusals["options"] = NotAllowed(Refusal.IN_SERVICE)
    shop.exchanges.requests.append(
        ExchangeRequest("HH1", RECEIVED, "玻璃奶瓶 M", "玻璃奶瓶 L", "", ExchangeStatus.RETURNING, NOW, NOW)
    )
    told = await exchanging.open("换货到哪一步了", order_number=RECEIVED)
    assert told.responses == ["utter_exchange_under_way"] and told.said[0]["status"] == "寄回途中"


async def test_an_unsent_order_is_cancelled_rather_than_exchanged(exchanging: InForm):
    told = await exchanging.open("换货", order_number=PAID)
    assert told.responses == ["utter_exchange_not_shipped"]
    assert told.slots["offer"]["intent"] == "cancel_order"


async def test_repair_from_wish_to_number(repairing: InForm, shop: FakeShop):
    asked = await repairing.open("奶瓶坏了要报修", product="奶瓶")
    assert repairing.caller.slots["requested_slot"] == "fault" and not asked.said
    await repairing.hear("一倒水就漏", "wrong_or_damaged")
    asked = await repairing.caller.run("action_ask_repair_form_confirm", form="repair_form")
    assert asked.responses == ["utter_ask_repair_confirm_free"]
    await repairing.hear("底部裂了一条缝", reason="裂了一条缝")
    done = await repairing.hear("确认", "affirm")
    assert done is not None and done.responses == ["utter_repair_submitted"]
    assert shop.done == [("repair", RECEIVED, "S0", "裂了一条缝", "m4:action_submit_repair")]


async def test_a_repair_that_costs_says_so_before_the_yes(repairing: InForm, shop: FakeShop):
    shop.repairs.covered = False
    asked = await repairing.open("吹风机不出热风，报修", product="吹风机", reason="不出热风")
    assert repairing.caller.slots["order_number"] == OLD and asked.responses == ["utter_ask_repair_confirm_paid"]
    done = await repairing.hear("好的", "affirm")
    assert done is not None and done.responses == ["utter_repair_submitted_paid"]


async def test_which_piece_is_broken(repairing: InForm, shop: FakeShop):
    shop.orders_of["M1"] = [order("0006", OrderStatus.COMPLETED, "静川吸尘器", "拾光吹风机")]
    asked = await repairing.open("要报修")
    assert asked.responses == ["utter_ask_repair_item"] and asked.payloads[1] == '/inform{"sku":"S1"}'
    assert await repairing.hear("修要多少钱", "faq") is None
    unclear = await repairing.hear("就是那个")
    assert unclear is not None and unclear.responses[0] == "utter_repair_item_unclear"
    await repairing.hear("第二个，不出热风", reason="不出热风")
    assert (repairing.caller.slots["repair_item"], repairing.caller.slots["fault"]) == ("S1", "不出热风")
    again = await repairing.hear("吸尘器", "product_question", faq=found("choices", ("kb-x", "吸尘器没吸力")))
    assert again is not None and repairing.caller.slots["repair_item"] == "S0" and repairing.is_open
    left = await repairing.hear("不修了", "never_mind")
    assert left is not None and left.responses == ["utter_repair_left"] and not shop.done


@pytest.mark.parametrize(("words", "agreed"), [("行 修吧", True), ("可以修吧？", False), ("好像不用修吧", False)])
async def test_the_wish_again_after_a_yes_is_one(repairing: InForm, shop: FakeShop, words: str, agreed: bool):
    await repairing.open("报修", order_number=RECEIVED, reason="漏水")
    await repairing.hear(words, "request_repair")
    assert bool(shop.done) is agreed


async def test_goods_alone_name_the_order_when_asked(repairing: InForm):
    await repairing.open("我要报修")
    assert await repairing.hear("吹风机功率多大", "product_question", product="吹风机") is None
    await repairing.hear("吹风机", "product_question", product="吹风机")
    assert repairing.caller.slots["order_number"] == OLD


async def test_an_unclear_fault_fails(repairing: InForm):
    await repairing.open("报修", order_number=RECEIVED)
    for _ in range(3):
        told = await repairing.hear("1")
        assert told is not None and told.responses == ["utter_fault_unclear"]
    assert not repairing.is_open and repairing.caller.slots["form_failures"] == 3


@pytest.mark.parametrize(
    ("code", "response", "offered"),
    [
        (Refusal.NOT_REPAIRABLE, "utter_repair_no_service", "return_goods"),
        (Refusal.NOT_DELIVERED, "utter_repair_not_delivered", "human_agent"),
        (Refusal.ALREADY_REQUESTED, "utter_repair_already_requested", "human_agent"),
        (Refusal.ORDER_CLOSED, "utter_refused_order_closed", "human_agent"),
    ],
)
async def test_what_is_not_repaired(repairing: InForm, shop: FakeShop, code: Refusal, response: str, offered: str):
    shop.refusals["warranty"] = NotAllowed(code)
    told = await repairing.open("报修", order_number=RECEIVED)
    assert told.responses == [response] and told.slots["offer"]["intent"] == offered


async def test_a_repair_under_way_is_told(repairing: InForm, shop: FakeShop):
    shop.refusals["warranty"] = NotAllowed(Refusal.IN_SERVICE)
    request = RepairRequest("WX1", RECEIVED, "玻璃奶瓶", "漏水", RepairStatus.REPAIRING, True, NOW, NOW)
    shop.repairs.requests.append(request)
    told = await repairing.open("修好了吗", order_number=RECEIVED)
    assert told.responses == ["utter_repair_under_way"] and told.said[0]["status"] == "维修中"


async def test_a_difference_is_shown_and_claimed_after_a_yes(claiming: InForm, shop: FakeShop):
    await claiming.open("奶瓶降价了", product="奶瓶")
    slots = claiming.caller.slots
    assert (slots["requested_slot"], slots["price_difference"]) == ("confirm", "¥10")
    assert slots["price_lines"] == "玻璃奶瓶 买时 ¥128，现在 ¥118" and not shop.done
    done = await claiming.hear("好", "affirm")
    assert done is not None and done.responses == ["utter_price_claimed"]
    assert shop.done == [("claim", RECEIVED, "m2:action_submit_price")]


async def test_which_order_became_cheaper(claiming: InForm):
    asked = await claiming.open("刚买就降价了，退差价")
    assert asked.responses == ["utter_which_price_form"] and len(asked.payloads) == 4  # the old one is not meant
    left = await claiming.hear("不用了", "never_mind")
    assert left is not None and left.responses == ["utter_price_left"]


@pytest.mark.parametrize(
    ("code", "response"),
    [
        (Refusal.NO_DIFFERENCE, "utter_price_no_difference"),
        (Refusal.WINDOW_CLOSED, "utter_price_window_closed"),
        (Refusal.ALREADY_REQUESTED, "utter_price_already_claimed"),
        (Refusal.NOT_PAID, "utter_refused_not_paid"),
    ],
)
async def test_no_difference_and_why(claiming: InForm, shop: FakeShop, code: Refusal, response: str):
    shop.refusals["check"] = NotAllowed(code)
    told = await claiming.open("保价", order_number=RECEIVED)
    assert told.responses == [response] and not claiming.is_open
    del shop.refusals["check"]
    shop.refusals["claim"] = NotAllowed(code, details={"deadline": AT})
    await claiming.open("保价", order_number=RECEIVED)
    told = await claiming.hear("好", "affirm")
    assert told is not None and len(told.responses) == 1


@pytest.mark.parametrize("form", ["exchanging", "repairing", "claiming"])
async def test_a_guest_logs_in_first(request: pytest.FixtureRequest, form: str):
    guest: InForm = request.getfixturevalue(form)
    guest.caller.member_id = None
    told = await guest.open("我要办", order_number=RECEIVED)
    assert told.responses == ["utter_login_needed"] and not guest.is_open


@pytest.mark.parametrize("form", ["exchanging", "repairing", "claiming"])
async def test_somebody_elses_order_is_unknown(request: pytest.FixtureRequest, form: str):
    told = await request.getfixturevalue(form).open("我要办", order_number="KF202611089999")
    assert told.responses == ["utter_order_unknown"]


@pytest.mark.parametrize(
    ("form", "words"), [("exchanging", "换L"), ("repairing", "底部漏水，报修"), ("claiming", "退差价")]
)
async def test_a_backend_that_fails_is_said(request: pytest.FixtureRequest, shop: FakeShop, form: str, words: str):
    begun: InForm = request.getfixturevalue(form)
    await begun.open(words, order_number=RECEIVED, reason="底部漏水")
    assert begun.caller.slots["requested_slot"] == "confirm"
    shop.down = True
    told = await begun.hear("好", "affirm")
    assert told is not None and told.responses == ["utter_submit_unsure"]
    assert (await begun.open(words, order_number=RECEIVED)).responses == ["utter_backend_down"]


async def test_what_arrived_broken_may_go_three_ways(caller, shop: FakeShop):
    told = await caller().hear("action_wrong_or_damaged", "奶瓶碎了", "wrong_or_damaged", product="奶瓶", reason="碎了")
    assert told.responses == ["utter_damaged"]
    intents = [payload.partition("{")[0] for payload in told.payloads]
    assert intents == ["/return_goods", "/exchange_goods", "/human_agent"]
    assert json.loads(told.payloads[0].removeprefix("/return_goods")) == {"order_number": RECEIVED, "reason": "碎了"}


async def test_what_is_missing_is_sent_after(caller, tickets: TicketsInMemory):
    customer = caller()
    told = await customer.hear("action_wrong_or_damaged", "少发了一个奶嘴", "wrong_or_damaged")
    assert told.responses == ["utter_damaged_missing"]
    assert told.payloads[0].startswith("/leave_ticket{")
    form = InForm(customer, "ticket_form", "leave_ticket", "action_submit_ticket", ("ticket_body",))
    done = await form.open("", **json.loads(told.payloads[0].removeprefix("/leave_ticket")))
    assert done.responses == ["utter_ticket_created_about"]
    assert list(tickets.bodies.values()) == [f"少发了一个奶嘴\n（订单 {RECEIVED}）"]


async def test_what_was_wrong_is_kept_while_the_order_is_asked_for(caller, shop: FakeShop):
    shop.orders_of["M1"].insert(0, order("0006", OrderStatus.DELIVERED, "连衣裙"))
    customer = caller()
    asked = await customer.hear("action_wrong_or_damaged", "收到就碎了", "wrong_or_damaged", reason="碎了")
    assert asked.responses == ["utter_damaged_which"] and len(asked.payloads) == 2
    told = await customer.hear("action_inform", "", "inform", order_number=RECEIVED)
    assert told.responses == ["utter_damaged"] and '"reason":"收到就碎了"' in told.payloads[1]


async def test_what_is_still_on_its_way_cannot_be_broken(caller):
    told = await caller().hear("action_wrong_or_damaged", "坏了", "wrong_or_damaged", order_number=ON_THE_WAY)
    assert told.responses == ["utter_damaged_not_received"]


async def test_a_message_carries_the_order_spoken_of(caller, tickets: TicketsInMemory):
    customer = caller()
    await customer.hear("action_order_status", "查订单", "order_status", order_number=RECEIVED)
    form = InForm(customer, "ticket_form", "leave_ticket", "action_submit_ticket", ("ticket_body",))
    await form.open("我要留言")
    done = await form.hear("盒子被压扁了，想要个说法", "complain")
    assert done is not None and done.responses == ["utter_ticket_created_about"]
    assert list(tickets.bodies.values()) == [f"盒子被压扁了，想要个说法\n（订单 {RECEIVED}）"]
    await form.open("留言：上次的快递员态度很差，也没打电话")
    assert list(tickets.bodies.values())[1].startswith("上次的快递员态度很差，也没打电话")


async def test_a_complaint_that_says_what_happened_becomes_a_ticket_at_once(caller, tickets: TicketsInMemory):
    customer = caller()
    heard = await customer.hear("action_complain", '快递员把"易碎"的包裹扔在门口，淋湿了', "complain")
    assert heard.responses == ["utter_complain_heard"] and heard.payloads[0] == "/human_agent"
    form = InForm(customer, "ticket_form", "leave_ticket", "action_submit_ticket", ("ticket_body",))
    done = await form.open("", **json.loads(heard.payloads[1].removeprefix("/leave_ticket")))
    assert done.responses == ["utter_ticket_created"]
    assert list(tickets.bodies.values()) == ['投诉：快递员把"易碎"的包裹扔在门口，淋湿了']


async def test_a_guests_message_carries_no_order(caller, tickets: TicketsInMemory):
    customer = caller(None)
    customer.slots["last_order_number"] = RECEIVED
    form = InForm(customer, "ticket_form", "leave_ticket", "action_submit_ticket", ("ticket_body",))
    done = await form.open("", reason="少发了一件", order_number=RECEIVED)
    assert done.responses == ["utter_ticket_created"] and list(tickets.bodies.values()) == ["少发了一件"]


async def test_what_it_is_to_become_is_kept_until_the_order_is_known(exchanging: InForm, shop: FakeShop):
    shop.orders_of["M1"] = [order(f"000{n}", OrderStatus.DELIVERED, "玻璃奶瓶", days_ago=n) for n in (2, 3)]
    asked = await exchanging.open("想换成红色的", color="红色")
    assert asked.responses == ["utter_which_exchange_form"]
    await exchanging.hear("第二个")
    assert exchanging.caller.slots["exchange_wish"] == "玻璃奶瓶 红色 M"
    assert exchanging.caller.slots["requested_slot"] == "confirm"
