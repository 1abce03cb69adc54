"""Goods in the customer's own words: 电视机那单 is that order or none, never the one spoken of last."""

from dataclasses import replace
from decimal import Decimal

import pytest

from actions.goods import (
    asked_on,
    bought_misspelt_in,
    called_in,
    goods_pointed_at,
    is_called,
    misspelt_in,
    named_in,
    that_one,
)
from tests.actions.fake_shop import FakeShop
from tests.actions.in_form import InForm
from tests.e2e.talk import found

PAID, ON_THE_WAY, OTHER_PARCEL, RECEIVED, OLD = (f"KF20261108000{tail}" for tail in range(1, 6))


@pytest.mark.parametrize(
    ("text", "goods"),
    [
        ("电视机那单到哪了", "电视机"),
        ("帮我看看之前买的吉他那个订单", "吉他"),
        ("麻烦把iPhone那单取消", "iPhone"),
        ("沙发那单呢", "沙发"),
        ("退上衣那单", "上衣"),
        ("那单到哪了", None),
        ("麻烦帮我取消一下刚才那单", None),
        ("我昨天下午刚买的那单", None),
        ("就是你说的那单", None),
        ("第二单", None),
    ],
)
def test_what_stands_for_the_goods(text: str, goods: str | None) -> None:
    assert goods_pointed_at(text) == goods


def test_names_are_matched_however_they_are_written() -> None:
    names = ["远山纯棉 T 恤 白", "云朵纸尿裤 L 码", "静川空气炸锅"]
    assert named_in("我买的炸锅", names) == [2]
    assert called_in("给娃买的", names) == [1]
    assert is_called(names[0], "T恤") and is_called(names[1], "尿不湿")
    assert not is_called(names[2], "电视机")


def test_one_character_may_be_misspelt() -> None:
    names = ["云汐滚筒洗衣机", "静川空气炸锅 4.5L"]
    assert misspelt_in("洗一机", names) == [0]
    assert misspelt_in("电视机", names) == [] == misspelt_in("炸过", names) == misspelt_in("5.5L", names)


def test_what_was_bought_may_be_misspelt_and_who_bought_it_tells_nothing() -> None:
    names = ["轻羽婴儿推车", "静川空气炸锅 4.5L", "远山防泼水冲锋衣"]
    assert bought_misspelt_in("我前些天买的那个空气扎锅怎么还没发", names) == [1]
    assert bought_misspelt_in("儿子给我买的冲风衣穿着有点小", names) == [2]
    assert bought_misspelt_in("买的东西怎么还没到", names) == []
    assert called_in("儿子给我买的", names) == [] and called_in("给儿子买的", names) == [0]


def test_goods_and_nothing_else() -> None:
    assert that_one("那个洗一机的") == "洗一机" == that_one("不对 是那个洗一机的呀")
    assert that_one("那个洗一机的到哪了") is None
    assert asked_on("电饭煲呢") == "电饭煲" == asked_on("那电饭煲那个呢？")
    assert asked_on("电饭煲煮饭糊底怎么办呢") is None


async def test_the_same_is_asked_of_another_order(caller) -> None:
    customer = caller()
    await customer.hear("action_track_logistics", "到哪了", "track_logistics", order_number=ON_THE_WAY)
    told = await customer.hear("action_fallback", "炸锅呢", "nlu_fallback")
    assert told.responses == ["utter_logistics"] and told.slots["last_order_number"] == OTHER_PARCEL
    told = await customer.hear(
        "action_answer_faq", "纸尿裤", "product_question", faq=found("choices", ("kb-1", "怎么选"))
    )
    assert told.responses == ["utter_logistics"]
    await customer.hear("action_query_points", "积分", "query_points")
    told = await customer.hear("action_fallback", "炸锅呢", "nlu_fallback")
    assert "utter_logistics" not in told.responses


async def test_goods_that_nobody_bought_are_said_to_be_missing(caller) -> None:
    customer = caller()
    customer.slots["last_order_number"] = RECEIVED
    told = await customer.hear("action_track_logistics", "电视机那单到哪了", "track_logistics")
    assert told.responses == ["utter_order_none_described"]
    assert len(told.payloads) == 5
    tagged = await customer.hear("action_track_logistics", "买的电视机到哪了", "track_logistics", product="电视机")
    assert tagged.responses == ["utter_order_none_described"]


async def test_goods_without_an_entity_find_their_order(caller) -> None:
    customer = caller()
    customer.slots["last_order_number"] = RECEIVED
    told = await customer.hear("action_order_status", "炸锅那单发了没", "order_status")
    assert told.slots["last_order_number"] == OTHER_PARCEL


async def test_no_order_in_that_state_is_no_other_order(caller, shop: FakeShop) -> None:
    """Nothing waits to be paid: what is paid is not cancelled in its place."""
    slots = ("order_number", "confirm")
    cancelling = InForm(caller(), "cancel_form", "cancel_order", "action_submit_cancel", slots)
    asked = await cancelling.open("取消没付款那单")
    assert asked.responses == ["utter_order_none_described"]
    assert cancelling.caller.slots["requested_slot"] == "order_number"
    assert asked.payloads == [f'/inform{{"order_number":"{PAID}"}}']  # all that can be cancelled
    await cancelling.hear("没发货那单")
    assert cancelling.caller.slots["order_number"] == PAID


@pytest.mark.parametrize(
    ("text", "number"),
    [("刚收到的那个", RECEIVED), ("最贵的那个", OTHER_PARCEL), ("最便宜那单", OLD), ("在路上那个", None)],
)
async def test_the_first_by_some_measure(caller, shop: FakeShop, text: str, number: str | None) -> None:
    amounts = {OTHER_PARCEL: Decimal(399), OLD: Decimal(9)}
    shop.orders_of["M1"] = [replace(o, amount=amounts.get(o.number, o.amount)) for o in shop.orders_of["M1"]]
    told = await caller().hear("action_inform", text)
    assert told.slots.get("last_order_number") == number


async def test_a_list_waits_for_an_order_yet_the_words_may_ask_for_more(caller) -> None:
    customer = caller()
    await customer.hear("action_order_list", "我的订单", "order_list")
    guesses = [("inform", 0.5), ("track_logistics", 0.4)]
    told = await customer.hear("action_inform", "第二个到哪了", guesses=guesses)
    assert told.responses[0].startswith("utter_logistics")


async def test_choices_from_the_knowledge_base_do_not_hide_an_order(caller) -> None:
    faq = found("choices", ("kb-days", "几天能退"))
    guesses = [("faq", 0.14), ("track_logistics", 0.37)]
    told = await caller().hear("action_answer_faq", "冰箱那单什么时候送到", "faq", faq=faq, guesses=guesses)
    assert told.responses == ["utter_order_none_described"]
    asked = await caller().hear("action_answer_faq", "一般什么时候送到", "faq", faq=faq, guesses=guesses)
    assert asked.responses == ["utter_did_you_mean"]
