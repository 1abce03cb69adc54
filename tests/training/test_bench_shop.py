"""The members that a bench adds to the demo shop's own tables."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine, insert, select, update

from actions.backends.demo_shop.catalogue import products
from actions.backends.demo_shop.tables import metadata, order_items, orders, returns
from training.bench.shop import BenchShop, Shopper


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = create_engine(f"sqlite:///{tmp_path / 'demo_shop.db'}")
    metadata.create_all(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def shop(tmp_path: Path, engine: Engine) -> Iterator[BenchShop]:
    shop = BenchShop(tmp_path)
    yield shop
    shop.close()


def owner_of(engine: Engine, number: str) -> tuple[str, str]:
    with engine.connect() as conn:
        row = conn.execute(select(orders.c.member_id, orders.c.status).where(orders.c.number == number)).one()
    return row[0], row[1]


def test_each_has_two_orders_that_the_form_can_be_about(shop: BenchShop, engine: Engine) -> None:
    returning, moving = shop.new_shoppers(["return", "address"])
    assert len({returning.member_id, moving.member_id, returning.order, moving.order, *returning.others}) == 5
    assert {owner_of(engine, number) for number in (returning.order, *returning.others)} == {
        (returning.member_id, "delivered")
    }
    assert owner_of(engine, moving.order) == (moving.member_id, "paid")
    with engine.connect() as conn:
        goods = {(row[0], row[1]) for row in conn.execute(select(order_items.c.sku, order_items.c.name))}
    assert goods <= {(product.sku, product.name) for product in products().values()}


def test_what_was_changed_is_found_by_its_mark(shop: BenchShop, engine: Engine) -> None:
    one, two = shop.new_shoppers(["invoice", "return"])
    assert shop.changed_by("K1X") == []
    with engine.begin() as conn:
        conn.execute(update(orders).where(orders.c.number == one.order).values(invoice_title="K1X公司"))
        conn.execute(insert(returns).values(**a_return(two)))
    assert shop.changed_by("K1X") == [(one.member_id, one.order)]
    assert shop.changed_by("K2X") == [(two.member_id, two.order)]


def a_return(shopper: Shopper) -> dict[str, object]:
    now = datetime.now(UTC)
    words = {"number": "1", "kind": "return", "status": "requested", "method": "", "reason": "线头K2X"}
    whose = {"order_number": shopper.order, "member_id": shopper.member_id}
    return words | whose | {"created_at": now, "updated_at": now, "amount_fen": 0}
