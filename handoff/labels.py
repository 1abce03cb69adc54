"""Chinese names of what the machine calls by code, from `labels.yml`."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict

LABELS_FILE = Path(__file__).with_name("labels.yml")


class Labels(BaseModel):
    """A code without a label stands for itself (`Labels.of`)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    reasons: dict[str, str]
    signals: dict[str, str]
    degrees: dict[str, str]
    channels: dict[str, str]
    links: dict[str, str]
    failures: dict[str, str]
    attachments: dict[str, str]
    lines: dict[str, str]
    wants: dict[str, str]
    facts: dict[str, str]
    knowledge: list[str]
    forms: dict[str, str]
    setbacks: dict[str, str]
    questions: list[str]
    nobody: str
    urgent_note: str

    def reason(self, code: str) -> str:
        return self.reasons.get(code, code)

    def channel(self, code: str) -> str:
        return self.channels.get(code, code)

    def failure(self, code: str) -> str:
        return self.failures.get(code, self.failures["other"])


@cache
def labels() -> Labels:
    return Labels.model_validate(yaml.safe_load(LABELS_FILE.read_text(encoding="utf-8")))
