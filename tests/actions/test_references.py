"""Which order the words point at; pure reading."""

import pytest

from actions.backends.orders import OrderStatus
from actions.forms.address import is_plausible, read_address
from actions.forms.invoice import read_title
from actions.forms.redeem import read_points
from actions.references import Mention, insists, matching, read_mention
from actions.wording import money, order_title, short
from tests.actions.fake_shop import NOW, Decimal, order

TODAY = order("0001", OrderStatus.PAID, "防晒霜", days_ago=0)
YESTERDAY = order("0002", OrderStatus.IN_TRANSIT, "奶瓶", days_ago=1)
OLDER = order("0003", OrderStatus.DELIVERED, "奶粉", days_ago=5)
ORDERS = (TODAY, YESTERDAY, OLDER)


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        ("第二个", [OLDER]),
        ("选1", [YESTERDAY]),
        ("头一个就是", [YESTERDAY]),
        ("最后一单", [OLDER]),
        ("最近那单", [TODAY]),
        ("我刚下的那单", [TODAY]),
        ("昨天拍的那个", [YESTERDAY]),
        ("刚才那个", [OLDER]),
        ("就是这单", [OLDER]),
        ("另外一单", [TODAY, YESTERDAY]),
        ("尾号0002", [YESTERDAY]),
        ("今天能送到吗", list(ORDERS)),
        ("有三个问题", list(ORDERS)),
        ("到哪了", list(ORDERS)),
    ],
)
def test_words_without_a_number(words: str, meant: list):
    shown, last = [YESTERDAY.number, OLDER.number], OLDER.number
    assert list(matching(read_mention(words, {}), ORDERS, shown, last, NOW)) == meant


def test_goods_point_into_the_list_that_was_shown():
    shown = [
        "11-21 山茶花护肤礼盒五件套等2件 ¥727 待发货",
        "11-19 云汐 10 公斤滚筒洗衣机 ¥2799 运输中",
        "11-10 衬衫 ¥438 退款中",
    ]
    assert read_mention("给礼盒那单开发票", {}, shown).position == 1
    assert read_mention("洗衣机", {}, shown).position == 2
    assert read_mention("我要退款", {}, shown).position is None
    assert read_mention("不是洗衣机", {}, shown).position is None


RED = order("0011", OrderStatus.DELIVERED, "碎花连衣裙 红 M", days_ago=6, amount="249.00")
BOTTLE = order("0012", OrderStatus.DELIVERED, "婴儿玻璃奶瓶", days_ago=0, amount="79.00")
BLUE = order("0013", OrderStatus.DELIVERED, "阔腿裤 雾蓝 L", days_ago=2, amount="328.50")
BOUGHT = (BOTTLE, BLUE, RED)


@pytest.mark.parametrize(
    ("words", "entities", "meant"),
    [
        ("11月8号下的那单", {"date": ["11月8号"]}, BLUE),
        ("上周三买的", {"date": ["上周三"]}, RED),
        ("328块那单", {"amount": ["328块"]}, BLUE),
        ("三百多那个", {"amount": ["三百多"]}, BLUE),
        ("250左右的", {"amount": ["250左右"]}, RED),
        ("红色那件", {"color": ["红色"]}, RED),
        ("L码的裤子", {"size": ["L码"], "product": ["裤子"]}, BLUE),
        ("买给宝宝的那个", {"product": ["宝宝"]}, BOTTLE),
        ("前天买的裤子", {"date": ["前天"], "product": ["裤子"]}, BLUE),
    ],
)
def test_an_order_described(words: str, entities: dict, meant):
    assert matching(read_mention(words, entities), BOUGHT, [], None, NOW) == (meant,)


@pytest.mark.parametrize(
    ("words", "entities"),
    [
        ("今天能到吗", {"date": ["今天"]}),
        ("今天下午会送吗", {"date": ["今天下午"]}),
        ("少退了328块", {"amount": ["328块"]}),
        ("想换XXL", {"size": ["XXL"]}),
        ("能换成白色吗", {"color": ["白色"]}),
    ],
)
def test_a_day_a_sum_or_a_size_that_names_no_order(words: str, entities: dict):
    assert matching(read_mention(words, entities), BOUGHT, [], None, NOW) == BOUGHT


def test_goods_that_nobody_bought_point_nowhere():
    mention = read_mention("洗衣机那单", {"product": ["洗衣机"]})
    assert matching(mention, ORDERS, [], OLDER.number, NOW) == ORDERS


@pytest.mark.parametrize(
    ("words", "malformed"),
    [("KF2026", True), ("kf20261108000", True), ("202611080001", True), ("13812345678", False), ("第2个", False)],
)
def test_what_was_meant_as_a_number(words: str, malformed: bool):
    assert read_mention(words, {"phone": ["13812345678"]}).malformed is malformed


def test_nothing_is_mentioned():
    assert read_mention("你好", {}) == Mention()
    assert not read_mention("KF12345", {}).points
    assert read_mention("", {"order_number": ["kf202611080001"]}).number == "KF202611080001"


@pytest.mark.parametrize(
    ("text", "plausible"),
    [
        ("上海市浦东新区张江路88号", True),
        ("浙江省杭州市西湖区文三路100号3幢501", True),
        ("江苏省昆山市玉山镇富贵小区3栋2单元501室", True),
        ("公司", False),
        ("北京市朝阳区", False),
        ("快递到北京市朝阳区了怎么还不送", False),
        ("我要退货", False),
    ],
)
def test_addresses_a_courier_could_use(text: str, plausible: bool):
    assert is_plausible(text) is plausible


@pytest.mark.parametrize(
    "text",
    ["改成上海市浦东新区张江路88号", "新地址是：上海市浦东新区张江路88号。", "麻烦送到上海市浦东新区张江路88号~"],
)
def test_the_address_without_its_lead_in(text: str):
    assert read_address(text, None) == "上海市浦东新区张江路88号"


def test_a_cut_off_entity_does_not_win():
    text = "浙江省杭州市西湖区文三路100号3幢501"
    assert read_address(text, "西湖区文三路") == text


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("个人就行", "个人"),
        ("抬头:杭州云杉科技有限公司 帮我开", "杭州云杉科技有限公司"),
        ("我要开发票", None),
        ("开公司抬头", None),
        ("麻烦开给新开元贸易有限公司", "新开元贸易有限公司"),
        ("单位名称叫给力科技工作室", "给力科技工作室"),
        ("发票抬头写公司 怎么给你", None),
        ("另外公司搬家了", None),
        ("开我们公司", None),
    ],
)
def test_invoice_titles(text: str, title: str | None):
    assert read_title(text) == title


@pytest.mark.parametrize(
    ("text", "bare", "points"),
    [
        ("500", True, 500),
        ("500", False, None),
        ("我想拿500积分换券", False, 500),
        ("一千分", False, 1000),
        ("1万", True, 10_000),
        ("全部", False, 860),
    ],
)
def test_points(text: str, bare: bool, points: int | None):
    assert read_points(text, 860, bare=bare) == points


def test_short_forms():
    assert money(Decimal("128.00")) == "¥128"
    assert money(Decimal("128.50")) == "¥128.50"
    assert short("云朵超薄纸尿裤 L 码 54 片") == "云朵超薄纸尿裤 L 码"
    assert short("山茶花护肤礼盒五件套豪华升级装") == "山茶花护肤礼盒五件套豪华升…"
    assert order_title(YESTERDAY) == "11-09 奶瓶 ¥128"


@pytest.mark.parametrize(
    ("words", "state"),
    [
        ("还没发货那单改下地址", "unsent"),
        ("没付款的那单不要了", "unpaid"),
        ("退款那单到哪一步了", "refund"),
        ("签收的那个包裹呢", "received"),
        ("那个待付款的先取消吧", "unpaid"),
        ("那单签收的时候少了一件", None),
        ("怎么还没发货", None),
        ("我要取消那单", None),
    ],
)
def test_an_order_by_the_state_it_is_in(words: str, state: str | None):
    assert read_mention(words, {}).state == state


@pytest.mark.parametrize(
    ("words", "entities", "only_that"),
    [
        ("洗衣机那单到哪了", {"product": ["洗衣机"]}, True),
        ("昨天买的到哪了", {"date": ["昨天"]}, True),
        ("128块那单", {"amount": ["128块"]}, True),
        ("洗衣机多少钱", {"product": ["洗衣机"]}, False),
        ("那单换成红色", {"color": ["红色"]}, False),
        ("刚才那单", {}, False),
    ],
)
def test_that_order_or_none(words: str, entities: dict, only_that: bool):
    assert insists(words, read_mention(words, entities)) is only_that
