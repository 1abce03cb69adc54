"""What the system says to a customer around a handover, from `notices.yml`."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, TypeAdapter

from core.conversation.message import Button, Reply

NOTICES_FILE = Path(__file__).with_name("notices.yml")

Name = Literal[
    "requested",
    "requested_next",
    "nobody",
    "still_waiting",
    "still_nobody",
    "taken",
    "cancelled",
    "solved",
    "follow_up",
    "unreachable",
    "ticket",
]


class Notice(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    text: str
    buttons: tuple[Button, ...] = ()


def notice(name: Name, **values: object) -> Reply:
    """Raises KeyError when the text asks for a value that was not given."""
    found = notices()[name]
    return Reply(text=found.text.format(**values), buttons=found.buttons)


@cache
def notices() -> dict[Name, Notice]:
    read = TypeAdapter(dict[Name, Notice]).validate_python(yaml.safe_load(NOTICES_FILE.read_text(encoding="utf-8")))
    if missing := set(Name.__args__) - set(read):  # type: ignore[attr-defined]
        raise KeyError(f"{NOTICES_FILE.name} lacks {', '.join(sorted(missing))}")
    return read
