"""The goods a question names, and whether an entry is about them: the size of shoes is no answer about diapers."""

import re
from collections.abc import Iterable
from pathlib import Path

import yaml

from core.errors import InvalidInput
from core.settings import HOME
from retrieval.text import normalise

GOODS = HOME / "nlu_data" / "lookups" / "product.yml"


class Goods:
    """Knows the names of goods: those that entries are about (`claimed`), and others that customers use."""

    def __init__(self, claimed: Iterable[str], others: Iterable[str] = ()) -> None:
        self.claimed = frozenset(map(canonical, claimed)) - {""}
        self.others = frozenset(map(canonical, others)) - {""}
        longest_first = sorted(self.claimed | self.others, key=lambda name: (-len(name), name))
        self._any = re.compile("|".join(map(re.escape, longest_first)) or r"(?!)")

    def named(self, text: str) -> frozenset[str]:
        """The longest names in the text: 空气炸锅, not 炸锅."""
        return frozenset(self._any.findall(canonical(text)))


def canonical(text: str) -> str:
    return normalise(text).lower()


def agree(name: str, named: frozenset[str]) -> bool:
    """Whether it is one of the goods named, or the one's name holds the other's (炸锅, 空气炸锅)."""
    return any(name in other or other in name for other in named)


def without(text: str, names: Iterable[str]) -> str:
    """The text, canonical, with the names taken out."""
    text = canonical(text)
    for name in sorted(names, key=len, reverse=True):
        text = text.replace(name, " ")
    return text


def read_lookup(path: Path) -> list[str]:
    """The names in a lookup table of Rasa's YAML. Raises InvalidInput naming the file."""
    try:
        tables = yaml.safe_load(path.read_text(encoding="utf-8"))["nlu"]
        lines = [line for table in tables for line in table["examples"].splitlines()]
    except (yaml.YAMLError, UnicodeDecodeError, KeyError, TypeError, AttributeError) as error:
        raise InvalidInput(f"{path}: not a lookup table: {error!r}") from error
    return [line.removeprefix("- ").strip() for line in lines if line.startswith("- ")]
