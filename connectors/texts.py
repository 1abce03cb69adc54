"""Texts as vendors take them: split by their limit in bytes, and buttons as a numbered list."""

import unicodedata
from collections.abc import Sequence

from core.conversation.message import Button

BREAKS = ("\n", "。！？!?；;", "，,、 ")  # best first
JOINER = "\u200d"


def split(text: str, limit: int) -> list[str]:
    """Pieces of at most `limit` UTF-8 bytes that make up the text again, cut after a line or sentence if there is one.

    Never within a character; an accent or emoji of several code points stays whole unless it is longer than `limit`,
    which must be at least 4.
    """
    pieces = []
    while len(text.encode()) > limit:
        longest = len(text.encode()[:limit].decode(errors="ignore"))
        end = _best_end(text, longest)
        pieces.append(text[:end])
        text = text[end:]
    return [*pieces, text]


def split_characters(text: str, limit: int) -> list[str]:
    """The same with a limit in characters."""
    pieces = []
    while len(text) > limit:
        end = _best_end(text, limit)
        pieces.append(text[:end])
        text = text[end:]
    return [*pieces, text]


def numbered(text: str | None, buttons: Sequence[Button]) -> str:
    """A text with its buttons as a list to choose from by number, for channels that have no buttons."""
    lines = [text] if text else []
    lines += [f"{number}. {button.title}" for number, button in enumerate(buttons, start=1)]
    if buttons:
        lines.append("回复数字即可选择")
    return "\n".join(lines)


def _best_end(text: str, longest: int) -> int:
    """Where to cut so that at most `longest` characters come before, in the second half of them if possible."""
    for marks in BREAKS:
        end = max(text.rfind(mark, longest // 2, longest) for mark in marks) + 1
        if end > longest // 2:
            return end
    end = longest
    while end > 1 and _belongs_to_last(text, end):
        end -= 1
    return end if end > 1 else longest


def _belongs_to_last(text: str, at: int) -> bool:
    following = text[at]
    return bool(unicodedata.combining(following)) or following in (JOINER, "\ufe0f") or text[at - 1] == JOINER
