"""Several wishes in one message: where it is taken apart, and what of it is a wish of its own."""

import unittest

from bot.assistant.wishes import Heard, Wishes, clauses

WISHES = Wishes(
    after_connector=0.5,
    after_pause=0.8,
    most=3,
    queries=["track_logistics", "urge_shipping", "query_points", "refund_progress"],
    people=["human_agent"],
    forms={"return_goods": "return_form", "request_invoice": "invoice_form"},
    families=[["track_logistics", "urge_shipping"], ["return_goods", "refund_progress"]],
    reports=["wrong_or_damaged"],
    dictated=["ticket_form"],
    asides=Wishes.load().asides,
)


def taken_apart(text, whole=()):
    return [text[clause.start : clause.end] for clause in clauses(text, whole)]


def wishes(text, *understood):
    """The wishes' words, given what each clause is understood as."""
    found = clauses(text)
    return [text[part.start : part.end] for part in WISHES.parts(found, understood)]


TRACK, URGE, POINTS = Heard("track_logistics", 0.9), Heard("urge_shipping", 0.9), Heard("query_points", 0.9)
NOTHING = Heard("inform", 0.9)


class Clauses(unittest.TestCase):
    def test_at_connectors_and_pauses(self):
        self.assertEqual(taken_apart("查下到哪了 顺便看看积分"), ["查下到哪了", "看看积分"])
        self.assertEqual(taken_apart("我要退货，另外发票开了没"), ["我要退货", "发票开了没"])
        self.assertEqual(taken_apart("到哪了再看看我积分"), ["到哪了", "看看我积分"])
        self.assertEqual(taken_apart("到哪了 怎么还没到"), ["到哪了", "怎么还没到"])

    def test_a_connector_is_told_from_a_pause(self):
        self.assertEqual([clause.connected for clause in clauses("物流，积分 然后等级")], [False, False, True])

    def test_words_that_only_look_like_one(self):
        for text in ("还有货吗", "我还有几张券", "另外一单呢", "地址填对了吗", "麻烦再催一下", "我再想想"):
            self.assertEqual(taken_apart(text), [text])

    def test_whether_there_is_any_left_is_no_second_wish(self):
        self.assertEqual(taken_apart("这个奶粉，还有货吗"), ["这个奶粉", "还有货吗"])
        self.assertFalse(any(clause.connected for clause in clauses("这个奶粉，还有货吗")))

    def test_a_topic_and_how_far_it_is(self):
        for text in ("我说换货 到哪了", "退款，怎么样了", "我的发票 好了没", "我上次那个退款呢 到哪了"):
            self.assertEqual(taken_apart(text), [text])
        self.assertEqual(taken_apart("我要换货 到哪了"), ["我要换货", "到哪了"])
        self.assertEqual(taken_apart("换货 顺便看下到哪了"), ["换货", "看下到哪了"])

    def test_not_within_an_address(self):
        self.assertEqual(taken_apart("改成浙江省 杭州市 文三路", [(2, 13)]), ["改成浙江省 杭州市 文三路"])


class Parts(unittest.TestCase):
    def test_two_wishes(self):
        self.assertEqual(wishes("到哪了 顺便看看积分", TRACK, POINTS), ["到哪了", "看看积分"])

    def test_one_wish_in_two_clauses(self):
        self.assertEqual(wishes("到哪了 怎么还没到", TRACK, URGE), ["到哪了 怎么还没到"])
        self.assertEqual(wishes("到哪了 到哪了", TRACK, TRACK), ["到哪了 到哪了"])

    def test_a_connector_parts_what_is_about_one_matter(self):
        self.assertEqual(wishes("到哪了 另外再催催", TRACK, URGE), ["到哪了", "催催"])

    def test_after_a_pause_more_certainty_is_asked(self):
        self.assertEqual(len(wishes("到哪了 积分", TRACK, Heard("query_points", 0.7))), 1)
        self.assertEqual(len(wishes("到哪了 顺便积分", TRACK, Heard("query_points", 0.7))), 2)

    def test_what_is_no_wish_goes_with_its_neighbour(self):
        order = Heard("inform", 0.9, names_order=True)
        self.assertEqual(wishes("急死了，到哪了 顺便看看积分", NOTHING, TRACK, POINTS), ["急死了，到哪了", "看看积分"])
        self.assertEqual(wishes("看积分，昨天的奶瓶，到哪了", POINTS, order, TRACK), ["看积分", "昨天的奶瓶，到哪了"])
        self.assertEqual(wishes("到哪了 顺便看积分 谢谢", TRACK, POINTS, NOTHING), ["到哪了", "看积分 谢谢"])

    def test_in_the_middle_of_a_form(self):
        self.assertTrue(WISHES.may_interrupt("return_form", [TRACK, POINTS]))
        self.assertFalse(WISHES.may_interrupt("ticket_form", [TRACK, POINTS]))
        self.assertFalse(WISHES.may_interrupt("return_form", [Heard("track_logistics", 0.7), POINTS]))
        self.assertFalse(WISHES.may_interrupt("return_form", [Heard("wrong_or_damaged", 0.9), POINTS]))

    def test_giving_up_is_an_aside_where_there_is_no_form_to_leave(self):
        (clause,) = clauses("先不退了")
        sure, unsure = Heard("never_mind", 0.9), Heard("never_mind", 0.5)
        self.assertTrue(WISHES.is_aside("先不退了", clause, sure))
        self.assertFalse(WISHES.is_aside("先不退了", clause, sure, in_form=True))
        self.assertFalse(WISHES.is_aside("先不退了", clause, unsure))

    def test_asides(self):
        def aside(text, intent="product_question"):
            (clause,) = clauses(text)
            return WISHES.is_aside(text, clause, Heard(intent, 0.9))

        for text in (
            "什么效率",
            "什么破效率啊你们",
            "真服了你们",
            "真是的",
            "搞什么",
            "无语",
            "也太慢了吧",
            "什么态度啊这是",
            "你们这服务真差",
            "唉真是醉了",
            "急死我了",
        ):
            self.assertTrue(aside(text), text)
        for text in (
            "什么颜色",
            "什么时候发货",
            "这款质量怎么样",
            "服务协议在哪看",
            "什么快递",
            "查下物流",
            "我的积分",
            "慢速快递能退吗",
        ):
            self.assertFalse(aside(text), text)
        self.assertTrue(aside("客服从来不回人", "complain"))
        self.assertFalse(aside("我要投诉客服", "complain"))

    def test_beside_a_form(self):
        def beside(text, *understood):
            return WISHES.beside(text, "return_form", clauses(text), understood)

        invoice, reason = Heard("request_invoice", 0.95), Heard("inform", 0.9)
        self.assertEqual(beside("顺便开张发票", invoice), [0])
        self.assertEqual(beside("发票也开一下", invoice), [0])
        self.assertEqual(beside("质量不好，顺便开张发票", reason, invoice), [1])
        points = Heard("query_points", 0.95)
        self.assertEqual(beside("质量不好，顺便看看积分", reason, points), [1])
        self.assertEqual(beside("顺便看看积分", points), [])  # a question alone is a digression anyway
        self.assertEqual(beside("质量不好，看看积分", reason, points), [])
        for text in ("开张发票", "还是先开发票", "算了 还想开发票"):
            self.assertEqual(beside(text, *[invoice] * len(clauses(text))), [], text)
        self.assertEqual(beside("也退这一件", Heard("return_goods", 0.95)), [])  # that is the open form's
        self.assertEqual(beside("顺便开张发票", Heard("request_invoice", 0.6)), [])
        self.assertEqual(WISHES.beside("顺便开张发票", "ticket_form", clauses("顺便开张发票"), [invoice]), [])


class Order(unittest.TestCase):
    def test_questions_first_a_form_last(self):
        self.assertEqual(WISHES.in_order(["return_goods", "query_points"]), [1, 0])
        self.assertEqual(WISHES.in_order(["track_logistics", "query_points"]), [0, 1])
        self.assertEqual(WISHES.in_order(["return_goods", "query_points", "request_invoice"]), [1, 0, 2])

    def test_a_person_does_the_rest(self):
        self.assertEqual(WISHES.in_order(["human_agent", "return_goods", "query_points"]), [2, 0])

    def test_what_does_not_go_together(self):
        for intents in (["greet", "query_points"], ["query_points"], ["query_points", "query_points"]):
            self.assertEqual(WISHES.in_order(intents), [])

    def test_the_file_names_each_wish_once(self):
        loaded = Wishes.load()
        named = [*loaded.queries, *loaded.people, *loaded.forms]
        self.assertEqual(len(named), len(set(named)))
        self.assertLessEqual({intent for family in loaded.families for intent in family}, set(named))
