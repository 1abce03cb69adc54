"""Media over HTTP: shown by signed links, and sent by the chat page."""

import hashlib
import re
from typing import Annotated, Any

from fastapi import APIRouter, Header, Path, Query, Request, Response
from pydantic import BaseModel
from redis.asyncio import Redis

from connectors.limits import Limits
from connectors.media import MediaStore, attachment
from connectors.tokens import Tokens
from core.conversation.message import Attachment, Kind
from core.errors import NotFound

ID = r"^[0-9a-f]{64}$"
INLINE = ("image/", "audio/", "video/")  # everything else is downloaded
UPLOAD_SECONDS = 24 * 3600  # how long an upload waits for its message
HEADERS = {
    # Whatever a content may be, it runs nothing and asks nothing, also when it is opened by itself.
    "Content-Security-Policy": "default-src 'none'; sandbox; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "Accept-Ranges": "bytes",
}

Authorization = Annotated[str, Header(description="Bearer <token of the session>")]


class Uploaded(BaseModel):
    media_id: str
    kind: Kind
    type: str
    size: int


class Uploads:
    """What a customer uploaded and may put into messages: knowing an id is not enough to be shown its content."""

    def __init__(self, store: MediaStore, redis: Redis) -> None:
        self._store = store
        self._redis = redis

    async def take(self, sender: str, content: bytes) -> Uploaded:
        """Raises InvalidInput for what `MediaStore.put` does not take."""
        kept = await self._store.put(content)
        await self._redis.set(_key(sender, kept.id), kept.type, ex=UPLOAD_SECONDS)
        return Uploaded(media_id=kept.id, kind=kept.kind, type=kept.type, size=kept.size)

    async def attachments(self, sender: str, media_ids: list[str], title: str | None) -> tuple[Attachment, ...]:
        """Raises NotFound for what this customer did not upload."""
        found = []
        for media_id in media_ids:
            kept = await self._store.described(media_id)
            if not await self._redis.exists(_key(sender, media_id)):
                raise NotFound("文件不存在，或已过期，请重新上传")
            found.append(attachment(kept, title))
        return tuple(found)


def router(store: MediaStore, uploads: Uploads, tokens: Tokens, limits: Limits) -> APIRouter:
    api = APIRouter(tags=["Media"])

    @api.get("/media/{media_id}", response_class=Response)
    async def show(
        media_id: Annotated[str, Path(pattern=ID)],
        until: Annotated[int, Query(ge=0, le=2**40)],
        key: Annotated[str, Query(max_length=64)],
        range: Annotated[str | None, Header()] = None,
        if_none_match: Annotated[str | None, Header()] = None,
    ) -> Response:
        """One content, whole or in part (players of sound and video ask for parts)."""
        left = store.check(media_id, until, key)
        etag = f'"{media_id}"'
        headers = HEADERS | {"Cache-Control": f"private, max-age={int(left)}, immutable", "ETag": etag}
        if if_none_match == etag:
            return Response(status_code=304, headers=headers)
        kept, content = await store.get(media_id)
        way = "inline" if kept.type.startswith(INLINE) else "attachment"
        headers |= {"Content-Disposition": f'{way}; filename="{kept.filename}"', "Content-Type": kept.type}
        part = _part(range, kept.size)
        if part is None:
            return Response(content, headers=headers)
        first, last = part
        if first > last:
            return Response(status_code=416, headers=headers | {"Content-Range": f"bytes */{kept.size}"})
        headers["Content-Range"] = f"bytes {first}-{last}/{kept.size}"
        return Response(content[first : last + 1], status_code=206, headers=headers)

    @api.post("/api/web/media", status_code=201, openapi_extra=_raw_body())
    async def upload(request: Request, authorization: Authorization) -> Uploaded:
        """The body is the file itself. What comes back is named in `media_ids` of a message."""
        visitor = tokens.bearer(authorization)
        await limits.check_upload(visitor.sender)
        return await uploads.take(visitor.sender, await request.body())

    return api


def _raw_body() -> dict[str, Any]:
    binary = {"schema": {"type": "string", "format": "binary"}}
    return {"requestBody": {"required": True, "content": {"application/octet-stream": binary}}}


def _part(asked: str | None, size: int) -> tuple[int, int] | None:
    """First and last byte of a single range; None where the whole is asked for. First > last: there is no such part."""
    found = re.fullmatch(r"bytes=(\d{0,15})-(\d{0,15})", asked or "")
    if not found or found[0] == "bytes=-":
        return None
    first, last = found.groups()
    if not first:
        return max(0, size - int(last)), size - 1
    return int(first), min(int(last), size - 1) if last else size - 1


def _key(sender: str, media_id: str) -> str:
    whose = hashlib.sha256(sender.encode()).hexdigest()
    return f"kefu:upload:{whose}:{media_id}"
