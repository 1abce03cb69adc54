"""What somebody said in words, also where they sent a picture or a place instead."""

from __future__ import annotations

from collections.abc import Iterable

from core.conversation.message import Attachment
from handoff.labels import labels


def in_words(text: str | None, attachments: Iterable[Attachment] = ()) -> str:
    """`[图片] 屏幕碎了`: what came with the message, then its text."""
    return " ".join(part for part in (*map(_named, attachments), text) if part)


def _named(attachment: Attachment) -> str:
    kind = labels().attachments[attachment.kind]
    return f"[{kind}：{attachment.title}]" if attachment.title else f"[{kind}]"
