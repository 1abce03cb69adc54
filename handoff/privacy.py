"""What an analyst may see: the same pages, personal data masked."""

from __future__ import annotations

from typing import Any, TypeVar

from pydantic import BaseModel

from core.masking import mask

View = TypeVar("View", bound=BaseModel)

NAMES = ("name",)
WORDS = ("text", "last_text", "note", "subject", "body", "title")
HIDDEN = ("media_id", "url", "position")


def masked(view: View) -> View:
    """The view with customers' names and whatever was said or written masked, and what they sent left out."""
    return type(view).model_validate(_masked(view.model_dump()))


def _masked(value: Any, key: str = "") -> Any:
    if key in HIDDEN:
        return None
    if isinstance(value, dict):
        return {key: _masked(item, key) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_masked(item, key) for item in value]
    if isinstance(value, str) and key in NAMES:
        return value[:1] + "**"
    if isinstance(value, str) and key in WORDS:
        return mask(value)
    return value
