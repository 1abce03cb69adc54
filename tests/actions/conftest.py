from collections.abc import Callable

import pytest

from actions.backends.orders import OrderStatus
from actions.server import build_executor
from tests.actions.call import Caller
from tests.actions.fake_shop import NOW, FakeShop, order, services_of
from tests.e2e.talk import KnowledgeInMemory, TicketsInMemory


@pytest.fixture
def shop() -> FakeShop:
    """M1: two parcels on the way, one received, one waiting to be sent, one old. M2: one order."""
    return FakeShop(
        M1=[
            order("0001", OrderStatus.PAID, "山茶花洁面乳", days_ago=1),
            order("0002", OrderStatus.IN_TRANSIT, "云朵纸尿裤", "棉柔巾", days_ago=2),
            order("0003", OrderStatus.IN_TRANSIT, "静川空气炸锅", days_ago=3),
            order("0004", OrderStatus.DELIVERED, "玻璃奶瓶", days_ago=4),
            order("0005", OrderStatus.COMPLETED, "吹风机", days_ago=40),
        ],
        M2=[order("9999", OrderStatus.DELIVERED)],
        M3=[],
    )


@pytest.fixture
def knowledge() -> KnowledgeInMemory:
    return KnowledgeInMemory({"kb-fee": "质量问题的运费由我们承担。", "kb-days": "签收后 7 天内可退。"})


@pytest.fixture
def tickets() -> TicketsInMemory:
    return TicketsInMemory()


@pytest.fixture
def caller(shop: FakeShop, knowledge: KnowledgeInMemory, tickets: TicketsInMemory) -> Callable[..., Caller]:
    services = services_of(shop, knowledge, tickets, clock=lambda: NOW, deadline_seconds=0.2)
    executor = build_executor(services)
    return lambda member_id="M1": Caller(executor, member_id)
