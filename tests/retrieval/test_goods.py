"""The size of shoes is no answer to a question about diapers."""

from pathlib import Path

import pytest

from core.errors import InvalidInput
from retrieval.encoder.embedded import EmbeddedEncoder
from retrieval.goods import Goods, agree, read_lookup, without
from retrieval.index import KnowledgeIndex
from retrieval.knowledge import ALWAYS, Entry
from retrieval.ranking import FEATURES, rank


def entry(entry_id: str, question: str, answer: str, *about: str) -> Entry:
    given = {"category": "商品咨询", "owner": "商品组", "updated_at": ALWAYS, "about": about}
    return Entry.model_validate({"id": entry_id, "question": question, "answer": answer, **given})


ENTRIES = [
    entry("kb-diaper-size", "纸尿裤怎么选尺码", "按体重选。", "纸尿裤", "尿不湿"),
    entry("kb-shoe-size", "鞋子怎么选尺码", "按脚长选。", "鞋", "运动鞋"),
    entry("kb-fryer-clean", "空气炸锅怎么清洗", "冷却后用软布擦。", "空气炸锅"),
    entry("kb-return", "不想要了能退吗", "签收后七天内可以退。"),
    entry("kb-urge", "几天了怎么还不发货", "付款后 48 小时内发货。"),
]


@pytest.fixture(scope="module")
def index(encoder: EmbeddedEncoder) -> KnowledgeIndex:
    return KnowledgeIndex.build(ENTRIES, encoder.encode, encoder.name, lookups=["电饭煲"])


@pytest.mark.parametrize(
    ("question", "first", "never"),
    [
        ("尿不湿怎么选尺码", "kb-diaper-size", {"kb-shoe-size", "kb-fryer-clean"}),
        ("运动鞋选什么尺码", "kb-shoe-size", {"kb-diaper-size", "kb-fryer-clean"}),
        ("怎么选尺码", None, set()),
        ("电饭煲能退吗", "kb-return", {"kb-diaper-size", "kb-shoe-size", "kb-fryer-clean"}),
        ("空气炸锅都三天了还不发货", "kb-urge", {"kb-diaper-size", "kb-shoe-size"}),
    ],
)
def test_goods_must_agree(
    index: KnowledgeIndex, encoder: EmbeddedEncoder, question: str, first: str | None, never: set[str]
) -> None:
    ranking = rank(index, question, encoder.encode([question])[0])
    found = [index.entry(int(position)).id for position in ranking.entries]
    assert not never & set(found)
    covered = ranking.features[:, FEATURES.index("coverage")]
    if first:
        assert found[int(covered.argmax())] == first


def test_the_longest_name_counts() -> None:
    goods = Goods(["炸锅", "空气炸锅"], ["ＡＢ霜"])
    assert goods.named("这个空气炸锅和ab霜") == {"空气炸锅", "ab霜"}
    assert goods.claimed == {"炸锅", "空气炸锅"}
    assert Goods([]).named("炸锅") == frozenset()


def test_a_name_within_a_name_agrees() -> None:
    assert agree("空气炸锅", frozenset({"炸锅"}))
    assert agree("鞋", frozenset({"运动鞋"}))
    assert not agree("纸尿裤", frozenset({"运动鞋"}))
    assert without("空气炸锅三天了", {"空气炸锅"}).strip() == "三天了"


def test_a_lookup_of_another_form_is_named(tmp_path: Path) -> None:
    path = tmp_path / "product.yml"
    path.write_text("nlu:\n- lookup: product\n  examples: |\n    - 鞋\n    - 裤子\n", encoding="utf-8")
    assert read_lookup(path) == ["鞋", "裤子"]
    path.write_text("- 鞋", encoding="utf-8")
    with pytest.raises(InvalidInput, match=r"product\.yml"):
        read_lookup(path)
