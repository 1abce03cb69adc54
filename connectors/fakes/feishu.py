"""A fake of Feishu's open platform (open.feishu.cn), as strict as the real one in what our mapping uses."""

import base64
import hashlib
import json
import os
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.padding import PKCS7
from fastapi import FastAPI, Form, Request, UploadFile
from fastapi.responses import JSONResponse, Response

REQUEST_BYTES = 150 * 1024
CARD_BYTES = 30 * 1024
UUID_CHARACTERS = 50
BAD_TOKEN, TOO_OFTEN, REFUSED, TOO_LONG, MALFORMED = 99991663, 99991400, 230013, 230025, 230001


@dataclass(frozen=True)
class Bubble:
    """One message as a customer sees it. `image` is an image_key."""

    text: str = ""
    buttons: tuple[dict[str, str], ...] = ()
    image: str = ""


@dataclass
class Feishu:
    """One app, and what its customers have got. A second message with the same uuid is dropped."""

    app_id: str = "cli_9f4b2f0b2c7a500d"
    app_secret: str = "app-secret"
    encrypt_key: str = "test key"
    verification_token: str = "v-token"
    state: Literal["up", "down", "busy"] = "up"
    available: bool = True
    token: str = "t-1"
    bubbles: dict[str, list[Bubble]] = field(default_factory=dict)
    images: dict[str, bytes] = field(default_factory=dict)
    resources: dict[tuple[str, str, str], bytes] = field(default_factory=dict)
    clock: Callable[[], float] = time.time
    _known: set[str] = field(default_factory=set)

    def push(self, event_type: str, event_id: str, event: dict[str, Any]) -> dict[str, Any]:
        """A body of schema 2.0, before it is sealed."""
        header = {
            "event_id": event_id,
            "token": self.verification_token,
            "create_time": str(int(self.clock() * 1000)),
            "event_type": event_type,
            "tenant_key": "2ca1d211f64f6438",
            "app_id": self.app_id,
        }
        return {"schema": "2.0", "header": header, "event": event}

    def seal(self, content: bytes) -> bytes:
        key, start = hashlib.sha256(self.encrypt_key.encode()).digest(), os.urandom(16)
        padder = PKCS7(128).padder()
        encryptor = Cipher(algorithms.AES(key), modes.CBC(start)).encryptor()
        sealed = start + encryptor.update(padder.update(content) + padder.finalize()) + encryptor.finalize()
        return json.dumps({"encrypt": base64.b64encode(sealed).decode()}).encode()

    def signed(self, body: bytes, timestamp: float | None = None) -> dict[str, str]:
        """The headers that a push bears."""
        stamp, nonce = str(int(self.clock() if timestamp is None else timestamp)), os.urandom(8).hex()
        signature = hashlib.sha256(f"{stamp}{nonce}{self.encrypt_key}".encode() + body).hexdigest()
        return {
            "X-Lark-Request-Timestamp": stamp,
            "X-Lark-Request-Nonce": nonce,
            "X-Lark-Signature": signature,
        }

    def send(self, body: bytes) -> int:
        """The code of the answer; 0 when it is taken."""
        message = json.loads(body)
        if self.state == "busy":
            return TOO_OFTEN
        if not self.available:
            return REFUSED
        if len(body) > REQUEST_BYTES:
            return TOO_LONG
        bubble = self._bubble(message.get("msg_type"), message.get("content"))
        if bubble is None or len(message.get("uuid", "")) > UUID_CHARACTERS:
            return MALFORMED
        if message["uuid"] not in self._known:
            self._known.add(message["uuid"])
            self.bubbles.setdefault(message["receive_id"], []).append(bubble)
        return 0

    def _bubble(self, kind: object, content: object) -> Bubble | None:
        """The content is a text that holds JSON."""
        shown = json.loads(content) if isinstance(content, str) else None
        match kind, shown:
            case "text", {"text": str(text)} if text:
                return Bubble(text=text)
            case "image", {"image_key": str(key)} if key in self.images:
                return Bubble(image=key)
            case "interactive", {"elements": [{"tag": "div", "text": {"content": str(text)}}, {"actions": buttons}]}:
                pressed = tuple(
                    b["value"] for b in buttons if b["tag"] == "button" and b["text"]["tag"] == "plain_text"
                )
                return Bubble(text, pressed) if len(str(content).encode()) <= CARD_BYTES else None
        return None


def create(platform: Feishu) -> FastAPI:
    app = FastAPI(title="飞书开放平台（仿真）", docs_url=None, redoc_url=None, openapi_url=None)

    @app.middleware("http")
    async def guard(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
        if platform.state == "down":
            return Response("Bad Gateway", status_code=502)
        is_login = request.url.path.startswith("/open-apis/auth/")
        if not is_login and request.headers.get("Authorization") != f"Bearer {platform.token}":
            return JSONResponse({"code": BAD_TOKEN, "msg": "Invalid access token for authorization."}, 400)
        return await call_next(request)

    @app.post("/open-apis/auth/v3/tenant_access_token/internal")
    async def token(request: Request) -> dict[str, Any]:
        if await request.json() != {"app_id": platform.app_id, "app_secret": platform.app_secret}:
            return {"code": 10014, "msg": "app secret invalid"}
        return {"code": 0, "msg": "ok", "tenant_access_token": platform.token, "expire": 7200}

    @app.post("/open-apis/im/v1/messages")
    async def send(request: Request, receive_id_type: str) -> JSONResponse:
        code = platform.send(await request.body()) if receive_id_type == "open_id" else MALFORMED
        return JSONResponse({"code": code, "msg": "", "data": {}}, 400 if code else 200)

    @app.post("/open-apis/im/v1/images")
    async def upload(image: UploadFile, image_type: str = Form()) -> JSONResponse:
        if image_type != "message":
            return JSONResponse({"code": MALFORMED, "msg": "image_type"}, 400)
        key = f"img_v2_{len(platform.images)}"
        platform.images[key] = await image.read()
        return JSONResponse({"code": 0, "msg": "success", "data": {"image_key": key}})

    @app.get("/open-apis/im/v1/messages/{message_id}/resources/{file_key}")
    async def resource(message_id: str, file_key: str, type: str) -> Response:
        content = platform.resources.get((message_id, file_key, type))
        return JSONResponse({"code": 234003, "msg": "File not in msg."}, 400) if content is None else Response(content)

    return app
