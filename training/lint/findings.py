"""What lint says: a mistake (error) or something to look at (warning), with file, line and how to mend it."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path


class Level(StrEnum):
    error = "error"
    warning = "warning"


@dataclass(frozen=True, order=True)
class Place:
    file: Path
    line: int
    """From 1; 0: the file as a whole."""

    def __str__(self) -> str:
        return f"{self.file}:{self.line}" if self.line else str(self.file)


@dataclass(frozen=True)
class Finding:
    """`check` is the name of what was looked for; `hint` says how to mend it."""

    level: Level
    check: str
    place: Place
    message: str
    hint: str = ""

    def as_json(self, home: Path) -> dict[str, str | int]:
        file = self.place.file.relative_to(home) if self.place.file.is_relative_to(home) else self.place.file
        return {
            "level": self.level.value,
            "check": self.check,
            "file": str(file),
            "line": self.place.line,
            "message": self.message,
            "hint": self.hint,
        }


def in_order(findings: Iterable[Finding]) -> list[Finding]:
    """By file and line, each once."""
    return sorted(dict.fromkeys(findings), key=lambda one: (one.place, one.level, one.check, one.message))
