"""Order, parcel and refund questions: which order is meant, and what is said of it."""

import pytest

from actions.backends.orders import OrderStatus
from actions.backends.refusals import NotAllowed, Refusal
from actions.server import build_executor
from tests.actions.call import Caller
from tests.actions.fake_shop import NOW, FakeShop, order, services_of

PAID, ON_THE_WAY, OTHER_PARCEL, RECEIVED, OLD = (f"KF20261108000{tail}" for tail in range(1, 6))


async def test_an_order_number_in_the_message_decides(caller):
    answered = await caller().hear("action_track_logistics", "到哪了", "track_logistics", order_number=ON_THE_WAY)
    assert answered.responses == ["utter_logistics"]
    assert answered.said[0]["tracking_number"] == "SF100000000002"
    assert answered.slots["last_order_number"] == ON_THE_WAY


async def test_several_that_fit_are_shown_to_pick_from(caller):
    customer = caller()
    asked = await customer.hear("action_track_logistics", "到哪了", "track_logistics")
    assert asked.responses == ["utter_which_order"]
    assert asked.payloads == [f'/inform{{"order_number":"{number}"}}' for number in (ON_THE_WAY, OTHER_PARCEL)]
    assert asked.said[0]["buttons"][0]["title"] == "11-08 云朵纸尿裤等2件 ¥128 运输中"
    picked = await customer.hear("action_inform", order_number=OTHER_PARCEL)
    assert picked.responses == ["utter_logistics"]
    assert "空气炸锅" in picked.said[0]["title"]


@pytest.mark.parametrize(
    ("words", "entities", "meant"),
    [
        ("第二个", {}, OTHER_PARCEL),
        ("最后一个", {}, OTHER_PARCEL),
        ("1", {}, ON_THE_WAY),
        ("空气炸锅那单", {"product": "空气炸锅"}, OTHER_PARCEL),
        ("尾号0003", {}, OTHER_PARCEL),
        ("SF100000000002", {"tracking_number": "SF100000000002"}, ON_THE_WAY),
    ],
)
async def test_words_that_point_into_the_list(caller, words, entities, meant):
    customer = caller()
    await customer.hear("action_track_logistics", "到哪了", "track_logistics")
    picked = await customer.hear("action_inform", words, **entities)
    assert picked.slots["last_order_number"] == meant


async def test_goods_named_in_words_that_no_entity_caught(caller):
    answered = await caller().hear("action_track_logistics", "炸锅什么时候到", "track_logistics")
    assert "空气炸锅" in answered.said[0]["title"]


async def test_the_order_spoken_of_last_is_meant_again(caller):
    customer = caller()
    await customer.hear("action_order_status", "查下这单", "order_status", order_number=OTHER_PARCEL)
    answered = await customer.hear("action_track_logistics", "到哪了", "track_logistics")
    assert "空气炸锅" in answered.said[0]["title"]
    answered = await customer.hear("action_track_logistics", "另一个呢", "track_logistics")
    assert "纸尿裤" in answered.said[0]["title"]


async def test_the_only_order_that_fits_is_not_asked_about(caller, shop: FakeShop):
    answered = await caller().hear("action_urge_shipping", "怎么还不发货", "urge_shipping")
    assert answered.responses == ["utter_urged_ship_by"]
    assert shop.done == [("urge", PAID, "m1:action_urge_shipping")]


async def test_hurrying_the_parcel_just_tracked_says_that_it_is_sent(caller, shop: FakeShop):
    shop.orders_of["M1"] = [order("0001", OrderStatus.IN_TRANSIT), order("0002", OrderStatus.COMPLETED)]
    customer = caller()
    answered = await customer.hear("action_urge_shipping", "快点啊", "urge_shipping")
    assert answered.responses == ["utter_urge_nothing"]
    await customer.hear("action_track_logistics", "到哪了", "track_logistics")
    answered = await customer.hear("action_urge_shipping", "能不能快点啊", "urge_shipping")
    assert answered.responses == ["utter_urge_already_shipped"] and answered.slots["offer"]


async def test_somebody_elses_order_reads_like_a_missing_one(caller):
    theirs = await caller().hear("action_order_status", "查单", "order_status", order_number="KF202611089999")
    missing = await caller().hear("action_order_status", "查单", "order_status", order_number="KF209900000000")
    assert theirs.responses == missing.responses == ["utter_order_unknown"]
    assert [set(message) for message in theirs.said] == [set(message) for message in missing.said]
    assert {**theirs.slots, "asked_in": 0} == {**missing.slots, "asked_in": 0}


async def test_wrong_numbers_another_try_then_a_list_then_no_more(caller):
    customer = caller()
    first = await customer.hear("action_order_status", "", "order_status", order_number="KF209900000000")
    assert first.responses == ["utter_order_unknown"]
    second = await customer.hear("action_inform", "KF2099", "inform")
    assert second.responses == ["utter_order_unknown_pick"]
    assert len(second.payloads) == 5
    third = await customer.hear("action_inform", order_number="KF209900000002")
    assert third.responses == ["utter_order_unknown_still"]
    assert third.slots["form_failures"] == 3
    right = await customer.hear("action_inform", order_number=PAID)
    assert right.slots["form_failures"] == 0


async def test_not_logged_in_reveals_nothing(caller, shop: FakeShop):
    shop.down = True  # the backend is not even asked
    for action in ("action_order_status", "action_track_logistics", "action_query_points", "action_query_coupons"):
        answered = await caller(None).hear(action, "查一下", "order_status", order_number=PAID)
        assert answered.responses == ["utter_login_needed"]
        assert not answered.slots


async def test_a_member_that_is_gone_has_to_log_in_again(caller):
    answered = await caller("M404").hear("action_order_status", "查订单", "order_status")
    assert answered.responses == ["utter_login_needed"]


@pytest.mark.parametrize("trouble", [{"down": True}, {"seconds": 5.0}])
async def test_a_backend_that_is_down_or_slow_is_said_in_time(caller, shop: FakeShop, trouble):
    vars(shop).update(trouble)
    answered = await caller().hear("action_track_logistics", "到哪了", "track_logistics")
    assert answered.responses == ["utter_backend_down"]
    assert answered.slots["offer"]["intent"] == "human_agent"


@pytest.mark.parametrize("status", list(OrderStatus))
async def test_every_state_of_an_order_has_its_words(caller, shop: FakeShop, status):
    shop.orders_of["M1"] = [order("0001", status)]
    answered = await caller().hear("action_order_status", "订单状态", "order_status")
    assert answered.responses == [f"utter_order_{status}"]


async def test_no_parcel_without_shipping_but_an_offer_to_urge(caller, shop: FakeShop):
    customer = caller()
    answered = await customer.hear("action_track_logistics", "到哪了", "track_logistics", order_number=PAID)
    assert answered.responses == ["utter_logistics_not_shipped"]
    accepted = await customer.hear("action_affirm", "好的", "affirm")
    assert accepted.responses == ["utter_urged_ship_by"]
    assert shop.done == [("urge", PAID, "m2:action_urge_shipping")]
    later = await customer.hear("action_affirm", "好的", "affirm")
    assert later.responses == ["utter_affirm_idle"]


async def test_a_refusal_shows_when(caller, shop: FakeShop):
    shop.refusals["urge"] = NotAllowed(Refusal.ALREADY_URGED, details={"urged_at": "2026-11-10T03:30:00+00:00"})
    answered = await caller().hear("action_urge_shipping", "催一下", "urge_shipping")
    assert answered.responses == ["utter_refused_already_urged"]
    assert answered.said[0]["urged_at"] == "11-10 11:30"


async def test_a_refusal_of_the_shops_own_offers_a_person(caller, shop: FakeShop):
    shop.refusals["urge"] = NotAllowed("warehouse_on_strike")
    answered = await caller().hear("action_urge_shipping", "催一下", "urge_shipping")
    assert answered.responses == ["utter_refused_other"]
    assert answered.slots["offer"]["intent"] == "human_agent"


async def test_refund_progress_means_the_latest_request(caller, shop: FakeShop):
    customer = caller()
    none = await customer.hear("action_refund_progress", "退款进度", "refund_progress")
    assert none.responses == ["utter_refund_none"]
    await shop.create("M1", RECEIVED, "漏水", "k")
    found = await customer.hear("action_refund_progress", "退款到哪了", "refund_progress")
    assert found.responses == ["utter_refund_requested"]
    other = await customer.hear("action_refund_progress", "退款呢", "refund_progress", order_number=OLD)
    assert other.responses == ["utter_refund_none_for_order"]


async def test_inside_a_form_a_second_question_is_not_asked(caller):
    answered = await caller().hear("action_track_logistics", "到哪了", "track_logistics", form="return_form")
    assert answered.responses == ["utter_name_the_order"]
    assert ON_THE_WAY in answered.said[0]["orders"]
    assert "shown_orders" not in answered.slots


async def test_an_order_out_of_the_blue_is_looked_up(caller):
    answered = await caller().hear("action_inform", PAID, order_number=PAID)
    assert answered.responses == ["utter_order_paid"]
    answered = await caller().hear("action_inform", "不喜欢", reason="不喜欢")
    assert answered.responses == ["utter_inform_unclear"]


@pytest.mark.parametrize(
    ("today", "response", "eta"),
    [
        (10, "utter_logistics", "11月12日"),
        (11, "utter_logistics", "明天"),
        (12, "utter_logistics", "今天"),
        (13, "utter_logistics_late", "11月12日"),
    ],
)
async def test_a_promise_is_kept_or_missed(shop, knowledge, tickets, today: int, response: str, eta: str):
    services = services_of(shop, knowledge, tickets, clock=lambda: NOW.replace(day=today))
    customer = Caller(build_executor(services))
    answered = await customer.hear("action_track_logistics", "到哪了", "track_logistics", order_number=ON_THE_WAY)
    assert answered.responses == [response] and answered.said[0]["eta"] == eta


class TestSeveralOrders:
    async def test_each_of_those_named(self, caller):
        customer = caller()
        customer.products = ("云朵纸尿裤", "空气炸锅")
        answered = await customer.hear(
            "action_track_logistics", "云朵纸尿裤和空气炸锅那个分别到哪了", "track_logistics"
        )
        assert answered.responses == ["utter_logistics", "utter_logistics"]
        assert answered.slots["offer"] is None and len(answered.slots["shown_orders"]) == 2

    async def test_what_is_missing_is_said(self, caller):
        customer = caller()
        customer.products = ("空气炸锅", "冰箱")
        answered = await customer.hear("action_track_logistics", "空气炸锅那个和冰箱那个到哪了", "track_logistics")
        assert answered.responses == ["utter_logistics", "utter_order_none_of_several"]
        assert answered.said[1]["words"] == "冰箱"
        customer.products = ("洗衣机", "冰箱")
        answered = await customer.hear("action_order_status", "洗衣机那个和冰箱那个咋样了", "order_status")
        assert answered.responses == ["utter_order_none_described"]

    async def test_as_many_as_counted(self, caller):
        answered = await caller().hear("action_order_status", "我有三个订单，请分别告诉我状态", "order_status")
        assert answered.responses == ["utter_order_each"]
        assert answered.said[0]["count"] == 3 and answered.said[0]["orders"].count("\n") == 2
        assert [shown["order_number"] for shown in answered.slots["shown_orders"]] == [PAID, ON_THE_WAY, OTHER_PARCEL]

    async def test_numbers_and_places_in_the_list(self, caller):
        customer = caller()
        answered = await customer.hear("action_order_status", f"{PAID} 和 {OLD} 到哪步了", "order_status")
        assert [shown["order_number"] for shown in answered.slots["shown_orders"]] == [PAID, OLD]
        answered = await customer.hear("action_order_status", "第一个和第二个呢", "order_status")
        assert answered.responses == ["utter_order_each"]

    async def test_both_in_one_order_are_one(self, caller, shop: FakeShop):
        shop.orders_of["M1"] = [order("0009", OrderStatus.PAID, "面膜", "奶粉"), *shop.orders_of["M1"]]
        customer = caller()
        customer.products = ("面膜", "奶粉")
        answered = await customer.hear("action_order_status", "面膜和奶粉发货没", "order_status")
        assert answered.slots["last_order_number"] == "KF202611080009"
        assert answered.responses == ["utter_order_paid"]


async def test_a_state_told_of_that_order(caller, shop: FakeShop):
    customer = caller()
    customer.slots["last_order_number"] = RECEIVED
    answered = await customer.hear("action_order_status", "俺那单子还没发货", "order_status")
    assert answered.slots["last_order_number"] == PAID
    shop.orders_of["M1"] = [found for found in shop.orders_of["M1"] if found.number != PAID]
    customer.slots["last_order_number"] = RECEIVED
    answered = await customer.hear("action_order_status", "俺那单子还没发货", "order_status")
    assert answered.slots["last_order_number"] == RECEIVED  # none is in that state
