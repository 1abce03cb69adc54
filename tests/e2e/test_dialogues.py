"""Whole conversations with the trained assistant about the demo shop's members, from understanding to effect."""

import asyncio
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from actions.backends.demo_shop.seed import seed
from actions.backends.demo_shop.shop import DemoShop
from actions.backends.orders import Order, OrderStatus
from actions.services import FaqHint, Services
from actions.wording import order_title
from core.crypto import new_key
from core.settings import HOME, load_settings
from tests.e2e.talk import KnowledgeInMemory, RatingsInMemory, Talk, TicketsInMemory, found, free_ports
from training.train import trained

NORMAL, DIAMOND, SILVER = "M0001", "M0002", "M0003"
FEE = ("kb-fee", "退货运费谁出？")
WRONG = "KF209901010001"


@pytest.fixture(scope="module")
def shop_url(tmp_path_factory: pytest.TempPathFactory) -> str:
    url = f"sqlite+aiosqlite:///{tmp_path_factory.mktemp('shop')}/shop.db"
    asyncio.run(seed(url))
    return url


@pytest.fixture(scope="module")
def services(shop_url: str) -> Services:
    shop = DemoShop(shop_url)
    knowledge = KnowledgeInMemory({"kb-fee": "质量问题的退货运费由我们承担。"})
    return Services(
        orders=shop.orders,
        logistics=shop.logistics,
        returns=shop.returns,
        exchanges=shop.exchanges,
        repairs=shop.repairs,
        prices=shop.prices,
        invoices=shop.invoices,
        members=shop.members,
        knowledge=knowledge,
        tickets=TicketsInMemory(),
        ratings=RatingsInMemory(),
    )


@pytest.fixture(scope="module")
def running(
    prepared: None, services: Services, redis_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Talk]:
    port, assistant_port = free_ports(2)
    folder = tmp_path_factory.mktemp("var")
    (folder / "models").symlink_to(HOME / "var" / "models")
    settings = load_settings(
        var_dir=folder,
        port=port,
        assistant_url=f"http://127.0.0.1:{assistant_port}",
        redis_url=redis_url,
        secret_key="only-for-tests",
        data_key=new_key(),
        action_token="only-for-tests",
    )
    with Talk(settings, trained(settings).assistant, services) as talk:
        yield talk


@pytest.fixture
def talk(running: Talk, services: Services) -> Talk:
    running.use(services)
    return running


@pytest.fixture
def orders(shop_url: str):
    """What a member has, straight from the shop."""

    def of(member_id: str, status: OrderStatus | None = None) -> list[Order]:
        async def read() -> tuple[Order, ...]:
            shop = DemoShop(shop_url)
            try:
                return await shop.orders.recent(member_id, 50)
            finally:
                await shop.close()

        return [order for order in asyncio.run(read()) if status in {None, order.status}]

    return of


class Down:
    """A backend that fails, or that hangs."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    def __getattr__(self, name: str) -> Any:
        async def call(*_: Any, **__: Any) -> None:
            await asyncio.sleep(self._seconds)
            raise AssertionError("nobody waits that long")

        return call


def test_logistics_with_facts(talk: Talk, orders):
    (parcel,) = orders(NORMAL, OrderStatus.IN_TRANSIT)
    said = talk.customer(NORMAL).say("我的快递到哪了")
    assert said.actions[0] == "action_track_logistics"
    assert parcel.tracking_number in said.text and parcel.carrier in said.text


def test_leaving_a_form_with_a_question(talk: Talk):
    customer = talk.customer(NORMAL)
    customer.say("我要退货")
    said = customer.say("算了不退了，顺便查下我的积分")
    assert "action_submit_return" in said.actions and "action_query_points" in said.actions
    assert not said.buttons  # nothing is asked any more


def test_a_reason_by_its_place_in_the_list(talk: Talk, orders):
    customer = talk.customer(NORMAL)
    assert list(customer.say("我要退货").buttons)[1] == "质量问题"
    assert "质量问题" in customer.say("第二个").text
    assert "没有" in customer.say("选2").text  # the second button: 先不退了


def test_return_with_a_digression_on_every_question(talk: Talk, orders):
    (order,) = orders(NORMAL, OrderStatus.DELIVERED)
    customer = talk.customer(NORMAL)
    opened = customer.say("我要退货")
    assert "原因" in opened.text or "为什么" in opened.text or "因为什么" in opened.text
    answered = customer.say("退货运费谁出啊", faq=found("answer", FEE))
    assert answered.replies[0]["text"] == "质量问题的退货运费由我们承担。"
    assert "不想要了" in answered.buttons  # the same question again
    reason = customer.say("颜色和图片差太多了")
    assert "颜色和图片差太多了" in reason.text and "确认退货" in reason.buttons
    points = customer.say("对了我还有多少积分")
    assert points.actions[0] == "action_query_points" and "确认退货" in points.buttons
    assert orders(NORMAL, OrderStatus.DELIVERED) == [order]
    done = customer.say("确认")
    assert "action_submit_return" in done.actions and "TH" + order.number[2:] in done.text
    assert not orders(NORMAL, OrderStatus.DELIVERED)
    progress = customer.say("退款到哪一步了")
    assert "TH" + order.number[2:] in progress.text


def test_repair_within_the_warranty(talk: Talk):
    customer = talk.customer(NORMAL)
    customer.say("电饭煲坏了要报修")
    asked = customer.say("不通电了，插上没反应")
    assert "免费" in asked.text and "确认报修" in asked.buttons
    done = customer.say("确认")
    assert "action_submit_repair" in done.actions and "WX" in done.text


def test_a_price_that_fell_is_paid_back_after_a_yes(talk: Talk):
    customer = talk.customer(DIAMOND)
    asked = customer.say("洗衣机便宜了一百 给我补差价")
    assert "¥100" in asked.text and "申请退差价" in asked.buttons
    assert "action_submit_price" in customer.say("好").actions
    assert "每单" in customer.say("洗衣机给我补差价").text


def test_what_arrived_incomplete_is_registered_with_its_order(talk: Talk, orders):
    (order,) = orders(DIAMOND, OrderStatus.DELIVERED)
    customer = talk.customer(DIAMOND)
    assert "登记补发" in customer.say("少发了一条腰带").buttons
    assert order.number in customer.press("登记补发").text


def test_changing_ones_mind(talk: Talk, orders):
    customer = talk.customer(DIAMOND)
    assert "/deny" in customer.say("取消订单").buttons.values()
    left = customer.say("算了不取消了")
    assert left.actions[-2] == "action_submit_cancel" and "取消" in left.text
    assert orders(DIAMOND, OrderStatus.PAID)
    assert customer.say("好的").actions[0] == "action_affirm"  # there is nothing left to say yes to
    assert orders(DIAMOND, OrderStatus.PAID)


def test_an_old_button_confirms_nothing(talk: Talk, orders):
    customer = talk.customer(DIAMOND)
    customer.say("改地址")
    customer.say("浙江省杭州市西湖区文三路100号3幢501")
    customer.say("我要取消订单")
    stale = customer.press("确认修改")
    assert "按钮" in stale.text and "确认取消" in stale.buttons
    assert orders(DIAMOND, OrderStatus.PAID)
    customer.press("先留着")
    assert "按钮" in customer.press("确认取消").text
    assert orders(DIAMOND, OrderStatus.PAID)


def test_new_address(talk: Talk):
    customer = talk.customer(DIAMOND)
    customer.say("我要改收货地址")
    assert "门牌" in customer.say("公司").text
    asked = customer.say("改成浙江省杭州市西湖区文三路100号3幢501")
    assert "浙江省杭州市西湖区文三路100号3幢501" in asked.text
    done = customer.say("对的")
    assert "action_submit_address" in done.actions and "文三路100号" in done.text


def test_wrong_order_number_until_a_person_takes_over(talk: Talk, orders):
    customer = talk.customer(SILVER)
    first = customer.say(f"查一下{WRONG}的状态")
    assert WRONG in first.text and not first.buttons
    second = customer.say("KF209901010002")
    assert len(second.buttons) == len(orders(SILVER))
    third = customer.say("KF209901010003")
    assert third.handoff is not None and third.handoff["reason"] == "stuck_form"
    fired = [item["signal"] for item in third.handoff["decision"]["evidence"] if item["decisive"]]
    assert fired == ["form_failures"]


def test_somebody_elses_order_does_not_exist(talk: Talk, orders):
    theirs = orders(DIAMOND)[0].number
    for words in ("{}到哪了", "帮我取消{}", "{}我要退货", "给{}开发票", "{}改地址", "{}"):
        seen, unseen = (talk.customer(NORMAL).say(words.format(number)) for number in (theirs, WRONG))
        assert seen.actions == unseen.actions
        assert not seen.buttons
        assert "没" in seen.text and theirs in seen.text and WRONG in unseen.text


def test_not_logged_in(talk: Talk, orders):
    number = orders(NORMAL)[0].number
    for words in ("快递到哪了", f"{number}到哪了", "我要退货", "积分有多少", "我有什么优惠券", "开发票", "用积分换券"):
        said = talk.customer(None).say(words)
        assert said.asks_to_log_in, words
        assert len(said.replies) == 1 and not said.buttons


def test_which_one_of_several(talk: Talk, orders):
    customer = talk.customer(DIAMOND)
    asked = customer.say("查订单")
    shown = list(asked.buttons)
    assert len(shown) == 5
    picked = customer.say("第二个")
    assert picked.actions[0] == "action_order_status"
    assert shown[1].split(" ¥")[0] in picked.text
    again = customer.say("刚才那个到哪了")
    assert again.actions[0] == "action_track_logistics"


def test_a_slow_backend_is_said_within_three_seconds(talk: Talk, services: Services):
    talk.use(replace(services, orders=Down(30.0)))  # type: ignore[arg-type]
    began = time.monotonic()
    said = talk.customer(NORMAL).say("我的快递到哪了")
    assert time.monotonic() - began < 3
    assert "转人工" in said.buttons
    form = talk.customer(NORMAL).say("我要退货")
    assert "转人工" in form.buttons and form.actions[-2] == "action_submit_return"


def test_angry_customers_get_a_person(talk: Talk):
    customer = talk.customer(SILVER)
    customer.say("我要退货")
    said = customer.say("你们太过分了，骗人", sentiment={"score": -0.95})
    assert said.handoff is not None and said.handoff["reason"] == "negative_sentiment"
    assert said.actions[-1] == "action_listen"
    after = customer.say("积分多少")  # the form is gone
    assert after.actions == ("action_query_points", "action_listen")


def test_asking_for_a_person(talk: Talk):
    said = talk.customer(NORMAL).say("转人工")
    assert said.handoff is not None and said.handoff["reason"] == "explicit_wish"
    assert not said.text  # the queue speaks


def test_a_complaint_is_offered_a_person_and_a_ticket(talk: Talk, services: Services):
    customer = talk.customer(NORMAL)
    said = customer.say("我要投诉你们")
    assert list(said.buttons.values()) == ["/human_agent", "/leave_ticket"]
    customer.press("留言")
    assert "编号" in customer.say("快递员把包裹扔在门口，被雨淋湿了").text
    tickets = services.tickets
    assert isinstance(tickets, TicketsInMemory) and "快递员把包裹扔在门口" in str(tickets.bodies)


def test_out_of_one_form_into_another(talk: Talk):
    customer = talk.customer(DIAMOND)
    customer.say("我要退货")
    said = customer.say("等下，我还是先改地址")
    assert "address_form" in said.actions
    assert len(said.replies) == 2  # that the first is left, and the next question


@pytest.mark.parametrize(
    ("words", "action"),
    [
        ("你好", "utter_greet"),
        ("谢谢啦", "utter_thank"),
        ("再见", "utter_goodbye"),
        ("我的会员等级", "action_member_level"),
        ("我有哪些优惠券", "action_query_coupons"),
        ("今天天气怎么样", "action_answer_faq"),
        ("嗯", "action_affirm"),
        ("不是", "action_deny"),
        ("算了", "action_never_mind"),
        ("订单到哪一步了", "action_order_status"),
    ],
)
def test_every_other_turn_is_answered(talk: Talk, words: str, action: str):
    said = talk.customer(SILVER).say(words)
    assert said.actions == (action, "action_listen")
    assert said.text


def test_what_is_unclear_is_asked_to_rephrase_once_then_handed_over(talk: Talk):
    vague = (
        *("我想问问那个东西", "有个事情啊", "那个怎么弄的来着", "就是上次那个情况", "那啥来着", "之前说的那个呢"),
        *("那边那个咋回事来着", "这个怎么说呢 就那样", "弄成那样行不", "你看那个要怎么搞啊"),
    )
    unclear = [words for words in vague if talk.customer(NORMAL).say(words).intent == "nlu_fallback"]
    assert len(unclear) >= 2, "the model understands all of these: think of vaguer ones"
    customer = talk.customer(NORMAL)
    first = customer.say(unclear[0])
    assert first.actions[0] == "action_fallback" and "转人工" in first.buttons
    second = customer.say(unclear[1])
    assert second.handoff is not None and second.handoff["reason"] == "low_confidence"


def test_what_a_form_can_use_is_not_called_unclear(talk: Talk):
    customer = talk.customer(DIAMOND)
    customer.say("改地址")
    for words in ("给我送公司去", "漕溪北路"):
        assert customer.say(words).handoff is None
    said = customer.say("上海市徐汇区漕溪北路398号汇金广场A座1802")
    assert said.handoff is None and "确认修改" in said.buttons


def test_exchange_for_a_smaller_size_then_for_another_piece(talk: Talk, orders):
    (order,) = orders(DIAMOND, OrderStatus.DELIVERED)
    customer = talk.customer(DIAMOND)
    asked = customer.say("羽绒服太大了 换小一码")
    assert "藏青 L" in asked.text and "确认换货" in asked.buttons
    again = customer.say("另一件开衫换雾灰")
    assert "开衫 雾灰" in again.text and "确认换货" in again.buttons
    done = customer.say("好的")
    assert "action_submit_exchange" in done.actions and "HH" + order.number[2:] in done.text
    assert "换货" in customer.say(f"{order.number}我要退货").text  # one thing at a time


def test_goods_that_nobody_bought_are_not_the_order_spoken_of_last(talk: Talk, orders):
    customer = talk.customer(DIAMOND)
    assert customer.say("我的快递到哪了").actions[0] == "action_track_logistics"
    said = customer.say("电视机那单到哪了")
    assert said.actions[0] == "action_track_logistics"
    assert len(said.buttons) == len(orders(DIAMOND))
    (parcel,) = orders(DIAMOND, OrderStatus.IN_TRANSIT)
    assert parcel.tracking_number in customer.say("洗衣机那单到哪了").text


def test_no_order_in_that_state_is_no_other_order(talk: Talk):
    said = talk.customer(DIAMOND).say("取消没付款那单")
    assert "cancel_form" in said.actions and "确认取消" not in said.buttons


def test_a_second_form_remembers_which_order_it_was_about(talk: Talk, orders):
    (order,) = orders(DIAMOND, OrderStatus.PAID)
    customer = talk.customer(DIAMOND)
    assert "repair_form" in customer.say("吹风机坏了，另外取消没发货那单").actions
    asked = customer.say("算了")
    assert "cancel_form" in asked.actions
    assert order_title(order) in asked.text and "确认取消" in asked.buttons
    customer.say("算了不取消了")
    assert orders(DIAMOND, OrderStatus.PAID) == [order]


def test_an_invoice_title_said_before_the_order(talk: Talk):
    customer = talk.customer(DIAMOND)
    assert "洗衣机" in str(customer.say("我要开发票").buttons)
    assert customer.say("个人").actions[0] == "invoice_form"
    asked = customer.say("8月买的那单")
    assert "抬头个人" in asked.text and "确认开票" in asked.buttons
    assert "action_submit_invoice" in customer.say("对的").actions


def test_a_picture_is_acknowledged_and_the_form_asks_again(talk: Talk):
    customer = talk.customer(SILVER)
    assert customer.say("/send_media").actions == ("utter_media_received", "action_listen")
    customer.say("我要改地址")
    shown = customer.say("/send_media")
    assert shown.actions[:2] == ("utter_media_received", "address_form")
    assert len(shown.replies) == 2 and "转人工" in shown.buttons


def test_an_order_changed_in_the_middle_of_a_form(talk: Talk, orders):
    customer = talk.customer(DIAMOND)
    customer.say("给洗衣机那单开发票")
    meant = order_title(orders(DIAMOND, OrderStatus.DELIVERED)[0])
    assert meant in customer.say("等等 换成刚收到的那单").text
    assert meant in customer.say("个人").text
    again = customer.say("不对 不是这单 是洗衣机那单")
    assert "洗衣机" in again.text and "确认开票" in again.buttons


def test_several_orders_in_one_question(talk: Talk, orders):
    customer = talk.customer(DIAMOND)
    said = customer.say("我有三个订单，请分别告诉我状态")
    assert all(order_title(order) in said.text for order in orders(DIAMOND)[:3])
    said = customer.say("洗衣机那个和冰箱那个分别到哪了")
    (parcel,) = orders(DIAMOND, OrderStatus.IN_TRANSIT)
    assert parcel.tracking_number in said.text and "冰箱" in said.text


def test_a_topic_is_no_wish_beside_its_question(talk: Talk):
    said = talk.customer(NORMAL).say("我说换货 到哪了")
    assert "wishes" not in said.raw["understanding"] and "换货" in said.text


def test_two_plain_wishes_within_a_form(talk: Talk):
    customer = talk.customer(DIAMOND)
    customer.say("吹风机坏了 要报修")
    said = customer.say("先查一下物流到哪了，再看看我的积分还有多少")
    assert {"action_track_logistics", "action_query_points"} < set(said.actions)
    assert sum("吹风机" in reply["text"] for reply in said.replies) == 1  # the form asks once


def test_one_form_after_the_other(talk: Talk, orders):
    customer = talk.customer(DIAMOND)
    customer.say("取消订单")
    waits = customer.say("顺便把另一单的地址改一下")
    assert "改收货地址" in waits.text and "取消订单" in waits.text
    assert "address_form" not in waits.actions and "确认取消" in waits.buttons  # the first one asks on
    done = customer.say("先留着")
    assert "没有取消" in done.text or "不取消" in done.text
    assert "address_form" in done.actions and "改收货地址" in done.text


def test_an_annoyed_aside_is_no_wish(talk: Talk):
    said = talk.customer(NORMAL).say("什么效率 查下我的积分")
    assert said.actions == ("action_query_points", "action_listen")


def test_the_rule_or_ones_own(talk: Talk):
    customer = talk.customer(NORMAL)
    rule = customer.say("积分到期后可否恢复", faq=found("answer", FEE))
    assert rule.replies[0]["text"] == "质量问题的退货运费由我们承担。"
    own = customer.press("积分什么时候到期")
    assert "到期" in own.text or "过期" in own.text
    assert customer.say("我的积分什么时候到期", faq=found("answer", FEE)).actions[0] == "action_points_expiry"


def test_a_declined_person_leaves_no_old_mood(talk: Talk):
    customer = talk.customer(NORMAL)
    for score in (0.9, 0.9, 0.0):
        customer.say("谢谢", sentiment={"score": score, "degree": "positive"})
    assert customer.say("查积分", sentiment={"score": -0.02, "degree": "neutral"}).handoff is None
    customer.say("我要投诉")
    assert customer.say("好").handoff is not None
    assert "action_handover" in customer.say("转人工").actions
    assert customer.say("个人", sentiment={"score": -0.1, "degree": "neutral"}).handoff is None


def test_too_late_to_change_ones_mind(talk: Talk):
    customer = talk.customer(DIAMOND)
    customer.say("我要用200积分换券")
    assert "action_submit_redeem" in customer.say("确认").actions
    late = customer.say("等等不换了")
    assert "转人工" in late.buttons and "提交" in late.text


def test_a_question_in_a_form_is_about_the_form(talk: Talk, services: Services):
    assert isinstance(services.knowledge, KnowledgeInMemory)
    services.knowledge.hints["取消订单几天能到账"] = FaqHint("answer", (FEE,))
    customer = talk.customer(DIAMOND)
    customer.say("取消订单")
    said = customer.say("几天能到账", faq=found("choices", ("kb-points", "积分什么时候到账？"), FEE))
    assert said.replies[0]["text"] == "质量问题的退货运费由我们承担。"
    assert "确认取消" in said.buttons


def test_the_second_of_a_list_and_more(talk: Talk, orders):
    customer = talk.customer(DIAMOND)
    customer.say("我的订单")
    said = customer.say("第二个到哪了")
    assert said.actions[0] == "action_track_logistics"
    assert (orders(DIAMOND)[1].tracking_number or "") in said.text


@pytest.mark.parametrize(
    ("words", "intent"),
    [
        ("refund plz", "return_goods"),
        ("track my order pls", "track_logistics"),
        ("cancel it pls", "cancel_order"),
        ("不退了 换一个行不行", "exchange_goods"),
        ("算了 还是退货", "return_goods"),
        ("俺的包裹走到哪嘎达了", "track_logistics"),
        ("點解件貨仲未送到嘅", "track_logistics"),
        ("唔該俾返啲錢我", "return_goods"),
        ("快啲搵個真人嚟", "human_agent"),
        ("啥辰光好到啦", "track_logistics"),
    ],
)
def test_short_mixed_and_second_thoughts(talk: Talk, words: str, intent: str):
    assert talk.customer(SILVER).say(words).intent == intent
