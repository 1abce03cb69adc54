from pathlib import Path

import pytest

from core.errors import InvalidInput
from retrieval.encoder.embedded import EmbeddedEncoder
from retrieval.index import KnowledgeIndex
from retrieval.knowledge import Entry
from retrieval.samples import Asked, make, read_asked


def test_asked_and_held_back(entries: list[Entry], encoder: EmbeddedEncoder) -> None:
    index = KnowledgeIndex.build(entries, encoder.encode, encoder.name)
    asked = [
        Asked("专票咋开", "kb-invoice"),
        Asked("你们招人吗", None),
        Asked("今天下雨吗", None, off_topic=True),
        Asked("红包怎么领", "kb-gone"),
    ]
    samples = make(index, asked, encoder.encode)
    invoice = index.position("kb-invoice")

    found, without, unwritten, off_topic = samples[:4]
    assert (found.kind, found.answer) == ("answerable", invoice)
    assert without.kind == "missing"
    assert invoice not in without.ranking.entries
    assert (unwritten.kind, unwritten.answer) == ("missing", None)
    assert (off_topic.kind, off_topic.answer) == ("unanswerable", None)

    held_back = samples[4:]
    missing = [sample for sample in held_back if sample.kind == "missing"]
    answerable = [sample for sample in held_back if sample.kind == "answerable"]
    assert len(missing) == sum(len(entry.phrasings) for entry in entries)
    assert len(answerable) == sum(len(entry.similar) for entry in entries)
    # Three quarters of what is asked was really asked.
    assert sum(sample.weight for sample in missing) == pytest.approx(2 / 3)
    assert sum(sample.weight for sample in answerable) == pytest.approx(1 / 3)


def test_questions_about_another_base_count_only_when_off_topic(entries: list[Entry], encoder: EmbeddedEncoder) -> None:
    index = KnowledgeIndex.build(entries, encoder.encode, encoder.name)
    asked = [Asked("红包怎么领", "kb-gone"), Asked("你们招人吗", None), Asked("今天下雨吗", None, off_topic=True)]
    samples = make(index, asked, encoder.encode)
    assert [sample.kind for sample in samples if sample.asked] == ["unanswerable"]


def test_without_questions_the_base_speaks_for_itself(entries: list[Entry], encoder: EmbeddedEncoder) -> None:
    index = KnowledgeIndex.build(entries, encoder.encode, encoder.name)
    assert {sample.weight for sample in make(index, [], encoder.encode)} == {1.0}


def test_a_faulty_line_is_named(tmp_path: Path) -> None:
    path = tmp_path / "asked.jsonl"
    path.write_text('{"text": "几点", "id": null}\n\n{"text": "几点"}\n', encoding="utf-8")
    with pytest.raises(InvalidInput, match=r"asked\.jsonl:3"):
        read_asked(path)
