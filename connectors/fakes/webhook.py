"""A fake of a shop's own message system, as `connectors/webhook/examples/own_system.yml` describes it."""

import hashlib
import hmac
import json
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response

TEXT_BYTES = 2048


@dataclass(frozen=True)
class Bubble:
    """One message as a customer sees it. `image` is an address."""

    text: str = ""
    image: str = ""


@dataclass
class ShopMessages:
    """Its rules and what its customers have got. A message with an Idempotency-Key that it knows is dropped."""

    signing_key: str = "signing-key"
    api_key: str = "api-key"
    state: Literal["up", "down", "busy"] = "up"
    blocked: bool = False
    bubbles: dict[str, list[Bubble]] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    clock: Callable[[], float] = time.time
    _known: set[str] = field(default_factory=set)

    def keep(self, content: bytes) -> str:
        """The id of what a customer sent."""
        file_id = f"file/{len(self.files)}?"  # an id that has to be quoted
        self.files[file_id] = content
        return file_id

    def signed(self, content: bytes, timestamp: float | None = None) -> dict[str, str]:
        """The headers that a push bears."""
        stamp = str(int(self.clock() if timestamp is None else timestamp))
        return {"X-Shop-Timestamp": stamp, "X-Shop-Signature": "sha256=" + self.sign(stamp.encode() + b"." + content)}

    def sign(self, content: bytes) -> str:
        return hmac.digest(self.signing_key.encode(), content, hashlib.sha256).hex()

    def send(self, key: str, message: dict[str, Any]) -> str | None:
        """Why it is not taken; None when it is."""
        if self.state == "busy":
            return "slow_down"
        if self.blocked:
            return "blocked"
        match message:
            case {"to": str(recipient), "type": "text", "text": str(text), **more} if text and not more:
                bubble = Bubble(text=text)
            case {"to": str(recipient), "type": "image", "url": str(url), **more} if url and not more:
                bubble = Bubble(image=url)
            case _:
                return "malformed"
        if len(bubble.text.encode()) > TEXT_BYTES:
            return "too_long"
        if key not in self._known:
            self._known.add(key)
            self.bubbles.setdefault(recipient, []).append(bubble)
        return None


def create(shop: ShopMessages) -> FastAPI:
    app = FastAPI(title="自有系统（仿真）", docs_url=None, redoc_url=None, openapi_url=None)

    @app.middleware("http")
    async def guard(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
        if shop.state == "down":
            return Response("Bad Gateway", status_code=502)
        if request.headers.get("Authorization") != f"Bearer {shop.api_key}":
            return JSONResponse({"ok": False, "error": "unauthorized"}, 401)
        return await call_next(request)

    @app.post("/v1/messages")
    async def send(request: Request) -> JSONResponse:
        error = shop.send(request.headers.get("Idempotency-Key", ""), json.loads(await request.body()))
        return JSONResponse({"ok": False, "error": error}, 400) if error else JSONResponse({"ok": True})

    @app.get("/v1/files/{file_id:path}")
    async def download(file_id: str) -> Response:
        content = shop.files.get(file_id)
        return Response("Not Found", 404) if content is None else Response(content)

    return app
