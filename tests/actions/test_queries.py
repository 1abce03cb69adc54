"""The customer's own lists, refunds, invoices, points, coupons, tickets: what is said from the shop's facts."""

from dataclasses import replace
from datetime import date

import pytest

from actions.after_talk import read_mark
from actions.backends.aftersales import ExchangeRequest, ExchangeStatus, RepairRequest, RepairStatus
from actions.backends.invoices import InvoiceStatus
from actions.backends.members import CouponCheck, CouponProblem, CouponStatus, PointsBalance, PointsExpiry
from actions.backends.orders import OrderStatus
from actions.backends.refusals import NotAllowed, Refusal
from actions.chitchat import KINDS
from actions.faq import DEFAULTS
from actions.server import build_executor
from actions.services import FaqHint, LeftTicket
from tests.actions.call import HOME, Caller, responses
from tests.actions.fake_shop import COUPON, NOW, Decimal, FakeShop, order, services_of
from tests.e2e.talk import KnowledgeInMemory, RatingsInMemory, TicketsInMemory, found

PAID, ON_THE_WAY, OTHER_PARCEL, RECEIVED, OLD = (f"KF20261108000{tail}" for tail in range(1, 6))


class TestOrderList:
    async def test_the_latest_with_their_states(self, caller):
        listed = await caller().hear("action_order_list", "我的订单", "order_list")
        assert listed.responses == ["utter_order_list"]
        assert listed.payloads == [
            f'/order_status{{"order_number":"{n}"}}' for n in (PAID, ON_THE_WAY, OTHER_PARCEL, RECEIVED, OLD)
        ]
        assert listed.said[0]["buttons"][0]["title"].endswith("待发货")

    async def test_more_on_request(self, caller, shop: FakeShop):
        shop.orders_of["M1"] = [order(f"{n:04}", OrderStatus.DELIVERED, "奶瓶", days_ago=n) for n in range(1, 8)]
        customer = caller()
        first = await customer.hear("action_order_list", "我买过的奶瓶", "order_list", product="奶瓶")
        assert first.responses == ["utter_order_list_found"]
        assert first.payloads[-1] == '/order_list{"skip":"5","product":"奶瓶"}'
        rest = await customer.hear("action_order_list", "", "order_list", product="奶瓶", skip="5")
        assert rest.responses == ["utter_order_list_next"] and len(rest.payloads) == 2

    @pytest.mark.parametrize(
        ("text", "entities", "numbers"),
        [
            ("昨天的订单", {"date": "昨天"}, [PAID]),
            ("11月7号都买了啥", {"date": "11月7号"}, [OTHER_PARCEL]),
            ("还没发货的有哪些", {}, [PAID]),
            ("在路上的订单", {}, [ON_THE_WAY, OTHER_PARCEL]),
            ("签收了的", {}, [RECEIVED, OLD]),
        ],
    )
    async def test_of_a_day_or_a_state(self, caller, text: str, entities: dict, numbers: list):
        listed = await caller().hear("action_order_list", text, "order_list", **entities)
        assert listed.responses == ["utter_order_list_found"]
        assert [order["order_number"] for order in listed.slots["shown_orders"]] == numbers

    async def test_none_such_shows_the_latest(self, caller):
        listed = await caller().hear("action_order_list", "上个月的订单", "order_list", date="上个月")
        assert listed.responses == ["utter_order_list_found"]  # 吹风机, 40 days ago
        listed = await caller().hear("action_order_list", "去年双十一的订单", "order_list", date="去年双十一")
        assert listed.responses == ["utter_order_list_none_such"] and len(listed.payloads) == 5

    async def test_one_of_the_list_is_looked_up(self, caller):
        customer = caller()
        await customer.hear("action_order_list", "我的订单", "order_list")
        picked = await customer.hear("action_inform", "第二个")
        assert picked.responses == ["utter_order_in_transit"]

    async def test_inside_a_form_its_own_list_stays(self, caller):
        listed = await caller().hear("action_order_list", "我的订单", "order_list", form="return_form")
        assert not listed.slots

    async def test_no_orders(self, caller):
        assert (await caller("M3").hear("action_order_list", "订单", "order_list")).responses == ["utter_no_orders"]


class TestSignedNotReceived:
    async def test_where_it_was_signed_and_a_ticket_after_a_yes(self, caller, shop, tickets: TicketsInMemory):
        shop.orders_of["M1"] = [order("0004", OrderStatus.DELIVERED, "玻璃奶瓶", days_ago=4)]
        customer = caller()
        told = await customer.hear("action_signed_not_received", "显示签收了没收到", "signed_not_received")
        assert told.responses == ["utter_signed"]
        assert told.said[0]["note"] == "快件到达杭州转运中心" and not tickets.bodies
        filed = await customer.hear("action_affirm", "好的", "affirm")
        assert filed.responses == ["utter_trace_filed"]
        assert list(tickets.bodies) == ["m2:action_signed_not_received"]
        assert RECEIVED in tickets.bodies["m2:action_signed_not_received"]

    async def test_filed_by_the_wish_for_a_ticket(self, caller, shop, tickets: TicketsInMemory):
        shop.orders_of["M1"] = [order("0004", OrderStatus.DELIVERED, "玻璃奶瓶", days_ago=4)]
        customer = caller()
        await customer.hear("action_signed_not_received", "显示签收了没收到", "signed_not_received")
        filed = await customer.hear("validate_ticket_form", "登记吧", "leave_ticket", form="ticket_form", opening=True)
        assert filed.responses == ["utter_trace_filed"] and RECEIVED in next(iter(tickets.bodies.values()))

    async def test_the_button_files_for_its_order(self, caller, tickets: TicketsInMemory):
        customer = caller()
        told = await customer.hear("action_signed_not_received", "没收到", "signed_not_received")
        assert told.payloads[0] == f'/signed_not_received{{"order_number":"{RECEIVED}","choice":"file"}}'
        filed = await customer.hear(
            "action_signed_not_received", "", "signed_not_received", order_number=RECEIVED, choice="file"
        )
        assert filed.responses == ["utter_trace_filed"] and len(tickets.bodies) == 1

    async def test_not_signed_yet(self, caller):
        told = await caller().hear(
            "action_signed_not_received", "没收到", "signed_not_received", order_number=ON_THE_WAY
        )
        assert told.responses == ["utter_not_signed"]

    async def test_nothing_delivered_means_a_parcel_on_the_way(self, caller, shop: FakeShop):
        shop.orders_of["M1"] = [order("0002", OrderStatus.IN_TRANSIT, "云朵纸尿裤")]
        told = await caller().hear("action_signed_not_received", "显示签收没收到", "signed_not_received")
        assert told.responses == ["utter_not_signed"]


class TestServiceProgress:
    @pytest.mark.parametrize(
        ("action", "intent", "text", "response"),
        [
            ("action_refund_progress", "refund_progress", "换货办到哪一步了", "utter_exchange_progress_sent"),
            ("action_track_logistics", "track_logistics", "我的换货到哪了", "utter_exchange_progress_sent"),
            ("action_refund_progress", "refund_progress", "维修进度", "utter_repair_progress"),
            ("action_refund_progress", "refund_progress", "退款到哪一步了", "utter_refund_none"),
        ],
    )
    async def test_the_words_tell_which(
        self, caller, shop: FakeShop, action: str, intent: str, text: str, response: str
    ):
        shop.exchanges.requests.append(
            ExchangeRequest(
                "HH1", RECEIVED, "玻璃奶瓶 M", "玻璃奶瓶 L", "", ExchangeStatus.SENT, NOW, NOW, "顺丰", "SF123456789012"
            )
        )
        shop.repairs.requests += [
            RepairRequest("WX2", RECEIVED, "玻璃奶瓶", "漏水", RepairStatus.REPAIRING, True, NOW, NOW),
            RepairRequest("WX1", RECEIVED, "吹风机", "不热", RepairStatus.DONE, True, NOW, NOW),
        ]
        told = await caller().hear(action, text, intent)
        assert told.responses == [response]

    async def test_the_piece_that_was_named(self, caller, shop: FakeShop):
        for number, name in (("WX2", "玻璃奶瓶"), ("WX1", "吹风机")):
            request = RepairRequest(number, RECEIVED, name, "坏了", RepairStatus.REPAIRING, True, NOW, NOW)
            shop.repairs.requests.append(request)
        told = await caller().hear("action_refund_progress", "吹风机修好了没", "refund_progress")
        assert told.said[0]["request_number"] == "WX1"

    @pytest.mark.parametrize(
        ("text", "response"), [("换到哪了", "utter_exchange_none"), ("修好了没", "utter_repair_none")]
    )
    async def test_none_was_asked_for(self, caller, text: str, response: str):
        told = await caller().hear("action_refund_progress", text, "refund_progress")
        assert told.responses == [response]


class TestAnOrderDescribed:
    async def test_none_is_like_that(self, caller):
        customer = caller()
        told = await customer.hear("action_track_logistics", "洗衣机那单到哪了", "track_logistics", product="洗衣机")
        assert told.responses == ["utter_order_none_described"] and len(told.payloads) == 5
        picked = await customer.hear("action_inform", "第三个")
        assert picked.responses == ["utter_logistics"]

    async def test_looked_up_without_a_question(self, caller):
        told = await caller().hear("action_inform", "奶瓶那单", product="奶瓶")
        assert told.responses == ["utter_order_delivered"]

    async def test_the_next_one_of_the_list(self, caller):
        customer = caller()
        await customer.hear("action_order_list", "我的订单", "order_list")
        await customer.hear("action_inform", "第二个")
        told = await customer.hear("action_inform", "那第三个呢")
        assert told.responses == ["utter_order_in_transit"]

    async def test_by_its_state_rather_than_the_one_spoken_of(self, caller):
        customer = caller()
        await customer.hear("action_order_status", "奶瓶那单", "order_status", product="奶瓶")
        told = await customer.hear("action_order_status", "没发货那单呢", "order_status")
        assert told.responses == ["utter_order_paid"]


class TestRefundAmount:
    async def test_of_the_order_named(self, caller):
        told = await caller().hear("action_refund_amount", "能退多少", "refund_amount", order_number=RECEIVED)
        assert told.responses == ["utter_refund_amount"]
        assert told.said[0]["reckoning"] == "· 商品金额 ¥128"

    async def test_of_the_request_under_way(self, caller, shop: FakeShop):
        shop.orders_of["M1"][3] = order("0004", OrderStatus.REFUNDING, "玻璃奶瓶")
        await shop.create("M1", RECEIVED, "漏水", "k")
        told = await caller().hear("action_refund_amount", "怎么少退了", "refund_amount")
        assert told.responses == ["utter_refund_amount_given"]

    async def test_nothing_was_paid(self, caller, shop: FakeShop):
        shop.refusals["quote"] = NotAllowed(Refusal.NOT_PAID)
        told = await caller().hear("action_refund_amount", "能退多少", "refund_amount", order_number=PAID)
        assert told.responses == ["utter_refund_amount_nothing"]


class TestInvoiceProgress:
    @pytest.fixture
    def invoiced(self, shop: FakeShop) -> FakeShop:
        shop.orders_of["M1"][3] = replace(shop.orders_of["M1"][3], invoice_title="个人")
        return shop

    @pytest.mark.parametrize(
        ("status", "response"),
        [
            (InvoiceStatus.NOT_REQUESTED, "utter_invoice_not_requested"),
            (InvoiceStatus.MAKING, "utter_invoice_making"),
            (InvoiceStatus.ISSUED, "utter_invoice_issued"),
        ],
    )
    async def test_every_state(self, caller, invoiced: FakeShop, status: InvoiceStatus, response: str):
        invoiced.invoices.status = status
        assert (await caller().hear("action_invoice_progress", "发票呢", "invoice_progress")).responses == [response]

    async def test_once_more(self, caller, invoiced: FakeShop):
        invoiced.invoices.status = InvoiceStatus.ISSUED
        customer = caller()
        sent = await customer.hear("action_invoice_progress", "发票重发到 a.b@c.com", "invoice_progress")
        assert sent.responses == ["utter_invoice_resent"]
        await customer.hear("action_invoice_progress", "发票开好没", "invoice_progress")
        await customer.hear("action_affirm", "嗯再发一次", "affirm")
        assert invoiced.done == [
            ("resend", RECEIVED, "a.b@c.com", "m1:action_invoice_progress"),
            ("resend", RECEIVED, "", "m3:action_invoice_progress"),
        ]

    async def test_none_was_asked_for_so_one_is_offered(self, caller, shop: FakeShop):
        customer = caller()
        told = await customer.hear("action_invoice_progress", "发票呢", "invoice_progress")
        assert told.responses == ["utter_invoice_none"]
        told = await customer.hear("action_invoice_progress", "发票呢", "invoice_progress", order_number=RECEIVED)
        assert told.slots["offer"]["intent"] == "request_invoice"


class TestWallet:
    async def test_when_points_lapse(self, caller, shop: FakeShop):
        customer = caller()
        told = await customer.hear("action_points_expiry", "积分啥时候过期", "points_expiry")
        assert told.responses == ["utter_points_expiry_none"]
        shop.members.balance = PointsBalance(
            860, (), (PointsExpiry(300, date(2026, 12, 31)), PointsExpiry(9, date(2027, 12, 31)))
        )
        told = await customer.hear("action_points_expiry", "积分啥时候过期", "points_expiry")
        assert told.said[0]["expiries"] == "· 300 分，12月31日到期\n· 9 分，2027年12月31日到期"

    async def test_benefits_of_ones_own_level_and_of_another(self, caller):
        customer = caller()
        told = await customer.hear("action_member_benefits", "我有啥特权", "member_benefits")
        assert told.responses == ["utter_member_benefits"] and told.said[0]["level"] == "银卡"
        told = await customer.hear("action_member_benefits", "金卡有什么好处", "member_benefits")
        assert told.responses == ["utter_member_benefits_of"] and "1.5" in told.said[0]["benefits"]

    async def test_a_guest_gets_the_rule_or_is_asked_to_log_in(self, caller):
        known = found("answer", ("kb-fee", "?"))
        told = await caller(None).hear("action_member_benefits", "金卡有什么好处", "member_benefits", faq=known)
        assert told.said == ({"text": "质量问题的运费由我们承担。"},)
        told = await caller(None).hear("action_member_benefits", "金卡有什么好处", "member_benefits")
        assert told.responses == ["utter_login_needed"]

    async def test_why_coupons_fail(self, caller, shop: FakeShop):
        used = replace(COUPON, name="10 元券", status=CouponStatus.USED, order_number=OLD)
        big = replace(COUPON, name="20 元券", minimum=Decimal("199.00"))

        async def checks(member_id: str, number: str | None = None) -> tuple[CouponCheck, ...]:
            return (
                CouponCheck(used, CouponProblem.USED),
                CouponCheck(COUPON),
                CouponCheck(big, CouponProblem.BELOW_MINIMUM, Decimal("71.00")),
            )

        shop.members.check_coupons = checks  # type: ignore[method-assign]
        told = await caller().hear("action_coupon_problem", "券用不了", "coupon_problem")
        assert told.responses == ["utter_coupon_problem", "utter_coupon_fine"]
        assert told.said[0]["reasons"] == f"· 20 元券：要满 ¥199，还差 ¥71\n· 10 元券：已用在订单 {OLD}"

    async def test_coupons_with_nothing_wrong(self, caller, shop: FakeShop):
        told = await caller().hear("action_coupon_problem", "券用不了", "coupon_problem")
        assert told.responses == ["utter_coupon_all_fine"]
        shop.members.owned = ()
        told = await caller().hear("action_coupon_problem", "券用不了", "coupon_problem")
        assert told.responses == ["utter_coupons_none"]


class TestOwnOrRule:
    @pytest.mark.parametrize(
        ("words", "rule"),
        [
            ("积分到期后可否恢复", True),
            ("过期的积分能补回来吗", True),
            ("积分能转给家人不", True),
            ("积分快到期了是不是，到期了还能不能给我恢复", True),
            ("过期的还能用不 我是老用户了", True),
            ("积分过咗期可唔可以要返", True),
            ("我有多少积分，过期了可以恢复吗", False),
            ("我的积分能用到什么时候", False),
            ("帮我看看积分会不会过期", False),
            ("积分什么时候过期", False),
            ("会员积分几号清零", False),
        ],
    )
    async def test_whose_expiry_is_asked(self, caller, words: str, rule: bool):
        customer = caller()
        faq = found("answer", ("kb-fee", "过期的积分能恢复吗"))
        told = await customer.hear("action_points_expiry", words, "points_expiry", faq=faq)
        if rule:
            assert told.said[0]["text"] == "质量问题的运费由我们承担。"
            assert told.responses == ["utter_own_data"] and told.payloads == ["/points_expiry"]
        else:
            assert told.responses[0].startswith("utter_points_")

    async def test_without_an_entry_it_is_ones_own(self, caller):
        told = await caller().hear("action_refund_amount", "退货时运费能不能退", "refund_amount", order_number=RECEIVED)
        assert told.responses == ["utter_refund_amount"]


class TestTickets:
    async def test_ones_own_with_their_states(self, caller, tickets: TicketsInMemory):
        customer = caller()
        none = await customer.hear("action_ticket_progress", "工单处理了吗", "ticket_progress")
        assert none.responses == ["utter_tickets_none"] and none.slots["offer"]["intent"] == "leave_ticket"
        tickets.left = (LeftTicket("T20261109000001", "包装破了", "pending", NOW),)
        told = await customer.hear("action_ticket_progress", "工单处理了吗", "ticket_progress")
        assert told.said[0]["tickets"] == "· T20261109000001（11-10 12:00）包装破了：正在处理"
        other = await customer.hear("action_ticket_progress", "T20990101000001 处理了吗", "ticket_progress")
        assert other.responses == ["utter_ticket_unknown"]

    async def test_a_privacy_request_is_filed_after_a_yes(self, caller, tickets: TicketsInMemory):
        customer = caller()
        asked = await customer.hear("action_privacy_request", "把我账号注销了", "privacy_request")
        assert asked.responses == ["utter_privacy_delete"] and not tickets.bodies
        filed = await customer.hear("action_affirm", "确定", "affirm")
        assert filed.responses == ["utter_privacy_filed"]
        assert tickets.bodies == {"m2:action_privacy_request": "隐私请求：注销账号并删除个人信息"}

    async def test_privacy_by_button_and_without_login(self, caller, tickets: TicketsInMemory):
        told = await caller().hear("action_privacy_request", "你们存了我什么信息", "privacy_request")
        assert told.responses == ["utter_privacy_kept"]
        assert told.payloads == ['/privacy_request{"choice":"ads"}', '/privacy_request{"choice":"delete"}']
        guest = await caller(None).hear("action_privacy_request", "", "privacy_request", choice="ads")
        assert guest.responses == ["utter_login_needed"] and not tickets.bodies


class TestRating:
    @pytest.mark.parametrize(
        ("text", "mark"),
        [
            ("给你5分", 5),
            ("四星", 4),
            ("3", 3),
            ("十分", 5),
            ("五星好评", 5),
            ("差评", 1),
            ("0分", 1),
            ("打个分", None),
        ],
    )
    def test_marks(self, text: str, mark: int | None):
        assert read_mark(text) == mark

    async def test_asked_for_and_kept_once(self, shop, knowledge, tickets):
        ratings = RatingsInMemory()
        customer = Caller(build_executor(services_of(shop, knowledge, tickets, ratings=ratings, clock=lambda: NOW)))
        asked = await customer.hear("action_rate_service", "我要评价", "rate_service")
        assert asked.payloads[4] == '/rate_service{"score":"5"}' and not ratings.marks
        rated = await customer.hear("action_inform", "2")
        assert rated.responses == ["utter_rated_badly"] and rated.slots["offer"]["intent"] == "human_agent"
        assert ratings.marks == {"m2": 2}
        assert (await customer.hear("action_rate_service", "", "rate_service", score="5")).responses == [
            "utter_rated_well"
        ]


class TestKnowledgeLike:
    async def test_what_the_intent_itself_answers(self, caller, knowledge: KnowledgeInMemory):
        entry = DEFAULTS["authenticity"][0]["entry"]
        knowledge.answers[entry] = "都是正品。"
        told = await caller().hear("action_answer_faq", "假的吧", "authenticity", faq=found("none"))
        assert told.said == ({"text": "都是正品。"},)

    async def test_a_choice_among_its_entries(self, caller, knowledge: KnowledgeInMemory):
        first, second = (entry["entry"] for entry in DEFAULTS["shipping_fee"][:2])
        knowledge.answers |= {first: "满 59 包邮。", second: "质量问题我们出。"}
        told = await caller().hear("action_answer_faq", "邮费", "shipping_fee", faq=found("none"))
        assert told.payloads == [f'/faq{{"entry_id":"{first}"}}', f'/faq{{"entry_id":"{second}"}}', "/human_agent"]

    def test_defaults_are_entries_there_are(self):
        known = "\n".join(path.read_text(encoding="utf-8") for path in (HOME / "nlu_data/knowledge").glob("*.yml"))
        assert all(f"id: {entry['entry']}\n" in known for entries in DEFAULTS.values() for entry in entries)


async def test_small_talk_of_every_kind(caller):
    for kind, words in {**KINDS, "other": ["嗯哼"]}.items():
        told = await caller().hear("action_chitchat", words[0], "chitchat")
        assert told.responses == [f"utter_chitchat_{kind}"] and len(responses()[told.responses[0]]) > 1


class TestSeveralWishes:
    """Of one message, as the assistant plays them: each with an id of its own."""

    async def test_a_question_is_searched_for_by_its_own_words(self, caller, knowledge: KnowledgeInMemory):
        knowledge.hints["运费谁出"] = FaqHint("answer", (("kb-fee", "运费谁出？"),))
        customer = caller()
        customer.part_of = "m0"
        told = await customer.hear("action_answer_faq", "运费谁出", "shipping_fee")
        assert told.said == ({"text": "质量问题的运费由我们承担。"},)

    async def test_which_order_is_asked_once_and_answers_all(self, caller, shop: FakeShop):
        customer = caller()
        customer.part_of = "m1"
        await customer.hear("action_track_logistics", "到哪了", "track_logistics")
        second = await customer.hear("action_order_status", "什么状态", "order_status")
        assert second.said == () and second.slots["pending_intent"] == "track_logistics order_status"
        customer.part_of = None
        picked = await customer.hear("action_inform", "第二个")
        assert picked.responses == ["utter_logistics", "utter_order_in_transit"]
        assert not picked.slots["pending_intent"]

    async def test_a_form_opens_when_the_order_is_clear(self, caller):
        customer = caller()
        await customer.hear("action_track_logistics", "到哪了", "track_logistics")
        customer.slots["pending_intent"] += " return_goods"
        picked = await customer.hear("action_inform", "第二个")
        assert picked.responses == ["utter_logistics"]
        assert {"event": "followup", "name": "return_form"} in picked.events

    async def test_what_an_earlier_wish_offered_may_be_accepted(self, caller, shop: FakeShop):
        customer = caller()
        customer.part_of = "m1"
        await customer.hear("action_track_logistics", "到哪了", "track_logistics", order_number=PAID)
        await customer.hear("action_query_points", "积分", "query_points")
        customer.part_of = None
        accepted = await customer.hear("action_affirm", "好的", "affirm")
        assert accepted.responses == ["utter_urged_ship_by"]
