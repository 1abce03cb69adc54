"""A customer's phone in the browser: write to Kefu as a WeChat user, and see what comes back and how it came."""

import asyncio
import base64
import hashlib
import re
from collections.abc import Coroutine
from dataclasses import asdict
from pathlib import Path as File
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Request
from fastapi.responses import HTMLResponse, Response
from pydantic import BaseModel, Field

from connectors.fakes.wechat_logins import DemoLogins, Member
from connectors.fakes.wechat_pushes import Pushes
from connectors.fakes.wechat_rules import Bubble, Customer, Platform, Refused, State
from core.errors import InvalidInput, NotFound, TooLarge

PAGE = File(__file__).with_name("wechat_phone.html")
WAIT_SECONDS = 20.0
PICTURE_BYTES = 10 * 1024 * 1024

OpenId = Annotated[str, Path(pattern=r"^o[A-Za-z0-9_-]{5,40}$")]


class Words(BaseModel):
    """`menu_id`: this choice of a menu was pressed."""

    text: str = Field(min_length=1, max_length=4000)
    menu_id: str | None = None


class Deed(BaseModel):
    event: Literal["subscribe", "unsubscribe", "SCAN", "CLICK", "user_enter_tempsession"]
    key: str = Field("", max_length=128)


class Login(BaseModel):
    member_id: str = Field(max_length=64)


class Health(BaseModel):
    state: State


class Phones:
    """`name` is what the account is called.

    `pushes` run beside the request: WeChat, too, shows a message before it has told the account of it.
    """

    def __init__(self, platform: Platform, pushes: Pushes, logins: DemoLogins, name: str) -> None:
        self._platform = platform
        self._pushes = pushes
        self._logins = logins
        self._name = name
        self._changed = asyncio.Event()
        self._running: set[asyncio.Task[None]] = set()
        platform.heard = lambda _bubble: self._tell()

    def router(self) -> APIRouter:
        routes = APIRouter()
        html = PAGE.read_text(encoding="utf-8")
        headers = {"Content-Security-Policy": _policy(html), "X-Content-Type-Options": "nosniff"}

        @routes.get("/", response_class=HTMLResponse)
        async def page() -> HTMLResponse:
            return HTMLResponse(html, headers=headers)

        @routes.post("/phone/{open_id}/text", status_code=202)
        async def write(open_id: OpenId, words: Words) -> None:
            self._platform.wrote(open_id)
            self._platform.show(open_id, Bubble(0, "customer", "", words.text))
            menu = {"bizmsgmenuid": words.menu_id} if words.menu_id else {}
            self._push(open_id, "text", Content=words.text, **menu)

        @routes.post("/phone/{open_id}/picture", status_code=202)
        async def picture(open_id: OpenId, request: Request) -> None:
            content = await _limited(request)
            try:
                media_id = self._platform.upload("image", content)
            except Refused as error:
                raise InvalidInput(f"微信不收这样的图片: {error.message}") from error
            self._platform.wrote(open_id)
            self._platform.show(open_id, Bubble(0, "customer", "", picture=media_id))
            address = f"{request.base_url}phone/media/{media_id}"
            self._push(open_id, "image", PicUrl=address, MediaId=media_id)

        @routes.post("/phone/{open_id}/event", status_code=202)
        async def act(open_id: OpenId, deed: Deed) -> None:
            self._platform.acted(open_id)
            customer = self._platform.customer(open_id)
            if deed.event in ("subscribe", "unsubscribe"):
                customer.follows = deed.event == "subscribe"
                said = "你已关注该公众号" if customer.follows else "你已取消关注"
                self._platform.show(open_id, Bubble(0, "platform", "", said))
            self._push(open_id, "event", Event=deed.event, EventKey=deed.key)

        @routes.get("/phone/members")
        async def members() -> dict[str, list[Member]]:
            return {"members": await self._logins.members()}

        @routes.post("/phone/{open_id}/login", status_code=202)
        async def log_in(open_id: OpenId, login: Login) -> None:
            member = await self._logins.log_in(open_id, login.member_id)
            self._platform.customer(open_id).member_id = member.member_id
            self._platform.show(open_id, Bubble(0, "platform", "", f"你在商城网页里登录为{member.name}"))

        @routes.get("/phone/{open_id}/bubbles")
        async def bubbles(open_id: OpenId, after: int = 0, seen: str = "") -> dict[str, Any]:
            """What is new since `after`; waits for it, or for anything of `seen` (its mark) to change."""
            customer = self._platform.customer(open_id)
            try:
                async with asyncio.timeout(WAIT_SECONDS):
                    while not self._is_new(customer, after, seen):
                        await self._changed.wait()
            except TimeoutError:
                pass
            new = [asdict(bubble) for bubble in customer.bubbles if bubble.number > after]
            return {"bubbles": new, "status": self._status(customer), "mark": self._mark(customer)}

        @routes.get("/phone/media/{media_id}")
        async def media(media_id: str) -> Response:
            if media_id not in self._platform.media:
                raise NotFound("no such media")
            content, content_type = self._platform.media[media_id]
            return Response(content, media_type=content_type, headers={"X-Content-Type-Options": "nosniff"})

        @routes.post("/phone/state", status_code=202)
        async def set_state(health: Health) -> None:
            """How the API is: to see what Kefu does while it is down."""
            self._platform.state = health.state
            self._tell()

        return routes

    def _push(self, open_id: str, kind: str, **fields: Any) -> None:
        self._start(self._pushes.deliver(open_id, self._pushes.fields(open_id, kind, **fields)))

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    def _tell(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    def _is_new(self, customer: Customer, after: int, seen: str) -> bool:
        return any(bubble.number > after for bubble in customer.bubbles) or self._mark(customer) != seen

    def _status(self, customer: Customer) -> dict[str, Any]:
        """`left`: messages that the account may still send by the API."""
        now = self._platform.clock()
        windows = [window for window in (customer.after_message, customer.after_event) if window.until >= now]
        return {
            "name": self._name,
            "state": self._platform.state,
            "variant": self._platform.account.variant,
            "follows": customer.follows,
            "member": customer.member_id,
            "left": sum(window.left for window in windows),
            "typing": customer.typing_until > now,
        }

    def _mark(self, customer: Customer) -> str:
        return "-".join(str(value) for value in self._status(customer).values())


async def _limited(request: Request) -> bytes:
    content = bytearray()
    async for chunk in request.stream():
        content += chunk
        if len(content) > PICTURE_BYTES:
            raise TooLarge("图片最大 10 MB")
    if not content:
        raise InvalidInput("没有图片")
    return bytes(content)


def _policy(html: str) -> str:
    """The page's own script and style, and nothing else."""
    script, style = (_hash(html, tag) for tag in ("script", "style"))
    own = f"script-src '{script}'; style-src '{style}'; img-src 'self' data:; connect-src 'self'"
    return f"default-src 'none'; {own}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"


def _hash(html: str, tag: str) -> str:
    found = re.search(f"<{tag}>(.*?)</{tag}>", html, re.DOTALL)
    assert found, f"{PAGE.name} has no <{tag}>"
    return "sha256-" + base64.b64encode(hashlib.sha256(found[1].encode()).digest()).decode()
