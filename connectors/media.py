"""Images, voice and files of messages: each content stored once, typed by what it is, shown by signed links.

A content's id is its SHA-256. Whoever has a link sees the content until the link runs out; nobody guesses one.
"""

import asyncio
import hashlib
import hmac
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import filetype
from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite

from core.conversation.message import Attachment, Kind
from core.errors import Forbidden, InvalidInput, NotFound
from core.storage.database import Database
from core.storage.tables import media

MAX_BYTES = 10 * 1024 * 1024
LIFETIME_SECONDS = 3600
MISSING = "文件不存在，或已被删除"
MARKS = {b"#!SILK_V3": "audio/silk", b"\x02#!SILK_V3": "audio/silk", b"#!AMR": "audio/amr"}  # not known to `filetype`

ALLOWED: dict[str, tuple[Kind, str]] = {
    "image/jpeg": ("image", "jpg"),
    "image/png": ("image", "png"),
    "image/gif": ("image", "gif"),
    "image/webp": ("image", "webp"),
    "image/heic": ("file", "heic"),  # few browsers show it
    "image/bmp": ("image", "bmp"),
    "audio/amr": ("voice", "amr"),
    "audio/silk": ("voice", "silk"),
    "audio/mpeg": ("voice", "mp3"),
    "audio/mp4": ("voice", "m4a"),
    "audio/ogg": ("voice", "ogg"),
    "audio/wav": ("voice", "wav"),
    "video/mp4": ("video", "mp4"),
    "video/quicktime": ("video", "mov"),
    "application/pdf": ("file", "pdf"),
    "application/msword": ("file", "doc"),
    "application/vnd.ms-excel": ("file", "xls"),
    "application/vnd.ms-powerpoint": ("file", "ppt"),
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": ("file", "docx"),
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": ("file", "xlsx"),
    "application/vnd.openxmlformats-officedocument.presentationml.presentation": ("file", "pptx"),
}
ALIASES = {"audio/x-wav": "audio/wav", "video/x-m4v": "video/mp4", "image/apng": "image/png"}


@dataclass(frozen=True, slots=True)
class Media:
    """`id`: SHA-256 of the content, hex. `type`: by content, one of ALLOWED. `size` in bytes."""

    id: str
    type: str
    size: int

    @property
    def kind(self) -> Kind:
        return ALLOWED[self.type][0]

    @property
    def filename(self) -> str:
        return f"{self.id[:12]}.{ALLOWED[self.type][1]}"


class MediaStore:
    """`secret_key` signs the links; `public_url` stands before those that leave our own pages."""

    def __init__(
        self,
        database: Database,
        secret_key: str,
        *,
        public_url: str = "",
        max_bytes: int = MAX_BYTES,
        lifetime: int = LIFETIME_SECONDS,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._database = database
        self._key = hmac.digest(secret_key.encode(), b"media", "sha256")
        self._public_url = public_url.rstrip("/")
        self.max_bytes = max_bytes
        self._lifetime = lifetime
        self._clock = clock

    async def put(self, content: bytes) -> Media:
        """Store a content, once. Raises InvalidInput when it is too big or of a type that is not allowed."""
        if len(content) > self.max_bytes:
            raise InvalidInput(f"文件太大了，最大 {self.max_bytes // 1024 // 1024} MB")
        kept = Media(await asyncio.to_thread(_digest, content), _type(content), len(content))
        async with self._database.connect() as conn:
            known = (await conn.execute(select(media.c.id).where(media.c.id == kept.id))).first()
        if known is None:
            row = {"id": kept.id, "type": kept.type, "size": kept.size, "content": content}
            async with self._database.begin() as conn:
                insert = (postgresql if conn.dialect.name == "postgresql" else sqlite).insert(media)
                await conn.execute(insert.values(**row, created_at=datetime.now(UTC)).on_conflict_do_nothing())
        return kept

    async def described(self, media_id: str) -> Media:
        """Without its content. Raises NotFound."""
        async with self._database.connect() as conn:
            row = (
                await conn.execute(select(media.c.id, media.c.type, media.c.size).where(media.c.id == media_id))
            ).first()
        if row is None:
            raise NotFound(MISSING)
        return Media(*row)

    async def get(self, media_id: str) -> tuple[Media, bytes]:
        """Raises NotFound."""
        async with self._database.connect() as conn:
            row = (await conn.execute(select(media).where(media.c.id == media_id))).first()
        if row is None:
            raise NotFound(MISSING)
        return Media(row.id, row.type, row.size), row.content

    def path(self, media_id: str) -> str:
        """A signed address on our own pages. The same one for half of its life, so that browsers need not ask again."""
        step = self._lifetime // 2
        until = (int(self._clock()) // step + 2) * step
        return f"/media/{media_id}?until={until}&key={self._signature(media_id, until)}"

    def link(self, media_id: str) -> str:
        """The same with our public address before it, for who reads it elsewhere."""
        return self._public_url + self.path(media_id)

    def check(self, media_id: str, until: int, key: str) -> float:
        """How many seconds the link still holds. Raises Forbidden for one that is not ours or has run out."""
        signed = hmac.compare_digest(self._signature(media_id, until).encode(), key.encode())
        left = until - self._clock()
        if not signed or left <= 0:
            raise Forbidden("链接已过期，请刷新页面")
        return left

    def with_links(self, message: dict[str, Any]) -> dict[str, Any]:
        """`Message.as_json` for pages: stored media have an address in `url`."""
        attachments = message.get("attachments")
        if not attachments:
            return message
        shown = [a | {"url": self.path(a["media_id"])} if a.get("media_id") else a for a in attachments]
        return message | {"attachments": shown}

    def _signature(self, media_id: str, until: int) -> str:
        return hmac.new(self._key, f"{media_id}.{until}".encode(), hashlib.sha256).hexdigest()


def attachment(kept: Media, title: str | None = None) -> Attachment:
    return Attachment(kept.kind, media_id=kept.id, title=title)


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _type(content: bytes) -> str:
    marked = next((name for mark, name in MARKS.items() if content.startswith(mark)), None)
    found = str(marked or filetype.guess_mime(content))
    found = ALIASES.get(found, found)
    if found not in ALLOWED:
        raise InvalidInput("不支持这种文件，可以发送图片、语音、MP4 视频、PDF 和 Office 文档")
    return found
