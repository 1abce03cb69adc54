"""Dialogues to play: which lines are said, and what a file of another shape is told."""

from pathlib import Path

import pytest

from core.errors import InvalidInput
from training.bench.dialogue import LONGEST_LINE, read_contexts


def test_lines_without_words_are_not_said(tmp_path: Path) -> None:
    file = tmp_path / "contexts.jsonl"
    file.write_text('{"context": ["到哪了", "  ", "/", "' + "长" * 3000 + '"]}\n', encoding="utf-8")
    assert list(read_contexts(file)) == [["到哪了", "长" * LONGEST_LINE]]


@pytest.mark.parametrize("row", ["到哪了", "{}", '{"context": "到哪了", "x": [1]}[', '{"context": [1]}'])
def test_another_shape_is_named_with_its_line(tmp_path: Path, row: str) -> None:
    file = tmp_path / "contexts.jsonl"
    file.write_text(f'{{"context": ["到哪了"]}}\n{row}\n', encoding="utf-8")
    with pytest.raises(InvalidInput, match=r"contexts\.jsonl:2"):
        list(read_contexts(file))
