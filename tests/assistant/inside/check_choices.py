"""A button named in words: by its title, or by its place in the list."""

import unittest

from bot.assistant.choices import meant


def offered(*titles, payload="/inform"):
    return [{"title": title, "payload": f"{payload}{n}"} for n, title in enumerate(titles, start=1)]


REASONS = offered("不想要了", "质量问题", "发错或漏发", "尺码不合适", "与描述不符")


def chosen(text, *lists, orders_shown=0):
    button = meant(text, lists or [REASONS], orders_shown)
    return button["title"] if button else None


class Places(unittest.TestCase):
    def test_as_customers_say_them(self):
        for text in (
            "第二个",
            "2",
            "选2",
            "选二",
            "我选第二个吧",
            "第2个",
            "那就第二个",
            "2号",
            "2.",
            "第二",
            "回复2",
            "要第二项",
        ):
            self.assertEqual(chosen(text), "质量问题", text)
        for text in ("第一个", "1", "一", "头一个", "最上面那个", "选第一个原因"):
            self.assertEqual(chosen(text), "不想要了", text)
        for text in ("最后一个", "最后一个吧", "倒数第一个", "最下面那个", "就最后那个"):
            self.assertEqual(chosen(text), "与描述不符", text)
        self.assertEqual(chosen("倒数第二个"), "尺码不合适")

    def test_what_only_looks_like_one(self):
        for text in (
            "第二个到哪了",
            "6",
            "第九个",
            "十一",
            "要2个",
            "2件",
            "第一次买",
            "一般",
            "最后一次",
            "100",
            "最后",
            "选",
        ):
            self.assertIsNone(chosen(text), text)

    def test_titles_with_numbers_are_called_by_them(self):
        marks = offered("5 分 非常满意", "4 分 满意", "3 分 一般")
        self.assertIsNone(chosen("3", marks))
        self.assertEqual(chosen("第三个", marks), "3 分 一般")

    def test_without_a_list(self):
        self.assertIsNone(meant("第一个", []))


class Lists(unittest.TestCase):
    def test_a_title_of_any_a_place_of_the_newest(self):
        older = offered("转人工", "留言")
        self.assertEqual(chosen("留言", REASONS, older), "留言")
        self.assertEqual(chosen("第二个", REASONS, older), "质量问题")

    def test_the_last_order_is_not_the_button_for_more(self):
        orders = [
            {"title": "奶瓶", "payload": '/order_status{"order_number":"KF1"}'},
            {"title": "纸尿裤", "payload": '/order_status{"order_number":"KF2"}'},
            {"title": "更多订单", "payload": '/order_list{"skip":"5"}'},
        ]
        self.assertEqual(chosen("最后一个", orders), "纸尿裤")
        self.assertEqual(chosen("第三个", orders), "更多订单")

    def test_the_first_order_is_no_yes(self):
        asked = offered("确认退货", "先不退了", payload='/affirm{"confirms":"m1"}')
        self.assertIsNone(chosen("第一个", asked, orders_shown=2))
        self.assertEqual(chosen("1", asked, orders_shown=2), "确认退货")
        self.assertEqual(chosen("第一个", asked), "确认退货")
