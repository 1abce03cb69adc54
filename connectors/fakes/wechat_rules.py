"""What WeChat's servers know and enforce: tokens, customers, windows, quotas, media. Plain state, no HTTP."""

import itertools
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from connectors.wechat.settings import WechatSettings

TEXT_BYTES = 2048
PICTURE_BYTES = 10 * 1024 * 1024
TOKEN_SECONDS = 7200
OVERLAP_SECONDS = 300
TYPING_SECONDS = 15
MESSAGE_WINDOW = (5, 48 * 3600)
EVENT_WINDOWS = {"official": (3, 60), "mini": (2, 60)}
TYPES = {
    "official": ("text", "image", "news", "msgmenu", "miniprogrampage"),
    "mini": ("text", "image", "link", "miniprogrampage"),
}
PICTURES = {b"\xff\xd8\xff": "image/jpeg", b"\x89PNG\r\n\x1a\n": "image/png", b"GIF8": "image/gif", b"BM": "image/bmp"}

State = Literal["up", "down", "busy"]


class Refused(Exception):
    """An `errcode` of WeChat's."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


@dataclass
class Window:
    left: int = 0
    until: float = 0.0


@dataclass
class Bubble:
    """One thing on the customer's phone. `way`: how it came; `buttons` as (id, title); `picture` names a media."""

    number: int
    who: Literal["customer", "account", "platform"]
    way: Literal["", "passive", "api"]
    text: str = ""
    buttons: list[tuple[str, str]] = field(default_factory=list)
    picture: str | None = None
    link: str | None = None
    at: float = 0.0


@dataclass
class Customer:
    """`member_id`: whom they have logged in as on the shop's pages, which WeChat shows and does not know."""

    open_id: str
    union_id: str
    member_id: str = ""
    follows: bool = True
    takes_messages: bool = True
    after_message: Window = field(default_factory=Window)
    after_event: Window = field(default_factory=Window)
    typing_until: float = 0.0
    bubbles: list[Bubble] = field(default_factory=list)


class Platform:
    """WeChat, for one account. `state` and `next_errors` (answered once each, in order) are switches for tests."""

    def __init__(self, account: WechatSettings, clock: Callable[[], float] = time.time) -> None:
        self.account = account
        self.clock = clock
        self.state: State = "up"
        self.calls_while_down = 0
        self.next_errors: list[int] = []
        self.media: dict[str, tuple[bytes, str]] = {}
        self.tokens: dict[str, float] = {}
        self.tokens_given = 0
        self._current: str | None = None
        self._customers: dict[str, Customer] = {}
        self._numbers = itertools.count(1)
        self.heard: Callable[[Bubble], None] = lambda bubble: None

    def customer(self, open_id: str) -> Customer:
        """Made on first sight: on a phone everybody exists."""
        return self._customers.setdefault(open_id, Customer(open_id, f"union-{open_id}"))

    def customers(self) -> list[Customer]:
        return list(self._customers.values())

    # Tokens

    def stable_token(self, body: dict[str, Any]) -> dict[str, Any]:
        if body.get("grant_type") != "client_credential":
            raise Refused(40002, "invalid grant_type")
        if body.get("appid") != self.account.app_id:
            raise Refused(40013, "invalid appid")
        if body.get("secret") != self.account.app_secret.get_secret_value():
            raise Refused(40125, "invalid appsecret")
        now, current = self.clock(), self._current
        if current and body.get("force_refresh"):
            self.tokens.pop(current, None)
        elif current and self.tokens.get(current, 0) - now > OVERLAP_SECONDS:
            return {"access_token": current, "expires_in": int(self.tokens[current] - now)}
        self._current = f"{self.tokens_given}_{secrets.token_urlsafe(48)}"
        self.tokens[self._current] = now + TOKEN_SECONDS
        self.tokens_given += 1
        return {"access_token": self._current, "expires_in": TOKEN_SECONDS}

    def check(self, token: str) -> None:
        """What every call with a token goes through."""
        if not token:
            raise Refused(41001, "access_token missing")
        if token not in self.tokens:
            raise Refused(40001, "invalid credential, access_token is invalid or not latest")
        if self.tokens[token] < self.clock():
            raise Refused(42001, "access_token expired")
        if self.state == "busy":
            raise Refused(45011, "api minute-quota reach limit, must slower, retry next minute")
        if self.next_errors:
            raise Refused(self.next_errors.pop(0), "as told by the test")

    def forget_tokens(self) -> None:
        """As when somebody made another one by the old way."""
        self.tokens.clear()
        self._current = None

    # What customers do

    def wrote(self, open_id: str) -> None:
        count, seconds = MESSAGE_WINDOW
        self.customer(open_id).after_message = Window(count, self.clock() + seconds)

    def acted(self, open_id: str) -> None:
        count, seconds = EVENT_WINDOWS[self.account.variant]
        self.customer(open_id).after_event = Window(count, self.clock() + seconds)

    def show(self, open_id: str, bubble: Bubble) -> None:
        bubble.number, bubble.at = next(self._numbers), self.clock()
        self.customer(open_id).bubbles.append(bubble)
        self.heard(bubble)

    # What we send

    def send(self, body: dict[str, Any]) -> None:
        open_id = body.get("touser")
        if not isinstance(open_id, str) or open_id not in self._customers:
            raise Refused(40003, "invalid openid")
        customer = self._customers[open_id]
        if not customer.follows and self.account.variant == "official":
            raise Refused(43004, "require subscribe")
        if not customer.takes_messages:
            raise Refused(48002, "user refuse to accept the msg")
        bubble = self._bubble(body)
        self._spend(customer)
        customer.typing_until = 0.0
        self.show(open_id, bubble)

    def typing(self, body: dict[str, Any]) -> None:
        customer = self._customers.get(str(body.get("touser")))
        if customer is None:
            raise Refused(40003, "invalid openid")
        if max(customer.after_message.until, customer.after_event.until) < self.clock():
            raise Refused(45080, "client has no recent interaction")
        if customer.typing_until > self.clock():
            raise Refused(45081, "typing already")
        customer.typing_until = self.clock() + TYPING_SECONDS

    def upload(self, kind: str, content: bytes) -> str:
        found = next((name for mark, name in PICTURES.items() if content.startswith(mark)), None)
        if kind != "image":
            raise Refused(40004, "invalid media type")
        if found is None:
            raise Refused(40005, "invalid file type")
        if len(content) > PICTURE_BYTES:
            raise Refused(40009, "invalid image size")
        return self.keep(content, found)

    def keep(self, content: bytes, content_type: str) -> str:
        media_id = secrets.token_urlsafe(32)
        self.media[media_id] = (content, content_type)
        return media_id

    def download(self, media_id: str) -> tuple[bytes, str]:
        if media_id not in self.media:
            raise Refused(40007, "invalid media_id")
        return self.media[media_id]

    def user_info(self, open_id: str) -> dict[str, Any]:
        if open_id not in self._customers:
            raise Refused(40003, "invalid openid")
        customer = self._customers[open_id]
        if not customer.follows:
            return {"subscribe": 0, "openid": open_id}
        return {"subscribe": 1, "openid": open_id, "unionid": customer.union_id, "language": "zh_CN"}

    def _spend(self, customer: Customer) -> None:
        is_open = [w for w in (customer.after_event, customer.after_message) if w.until >= self.clock()]
        if not is_open:
            raise Refused(45015, "response out of time limit or subscription is canceled")
        window = next((window for window in is_open if window.left), None)
        if window is None:
            raise Refused(45047, "out of response count limit")
        window.left -= 1

    def _bubble(self, body: dict[str, Any]) -> Bubble:
        kind = body.get("msgtype")
        content = body.get(kind) if isinstance(kind, str) else None
        if kind not in TYPES[self.account.variant] or not isinstance(content, dict):
            raise Refused(40008, "invalid message type")
        match kind:
            case "text":
                return Bubble(0, "account", "api", _text(content.get("content")))
            case "image":
                self.download(str(content.get("media_id")))
                return Bubble(0, "account", "api", picture=content["media_id"])
            case "msgmenu":
                return _menu(content)
            case "news":
                articles = content.get("articles")
                if not isinstance(articles, list) or len(articles) != 1:
                    raise Refused(45008, "article size out of limit")
                return Bubble(0, "account", "api", _text(articles[0].get("title")), link=articles[0].get("url"))
            case _:
                return Bubble(0, "account", "api", _text(content.get("title")), link=content.get("url"))


def _text(content: Any) -> str:
    if not isinstance(content, str) or not content.strip():
        raise Refused(44004, "empty content")
    if len(content.encode()) > TEXT_BYTES:
        raise Refused(45002, "content size out of limit")
    return content


def _menu(content: dict[str, Any]) -> Bubble:
    choices = content.get("list")
    head, tail = content.get("head_content", ""), content.get("tail_content", "")
    if not isinstance(choices, list) or not choices or not all(isinstance(part, str) for part in (head, tail)):
        raise Refused(44004, "empty content")
    buttons = []
    for choice in choices:
        if set(choice) != {"id", "content"} or not all(isinstance(v, str) and v for v in choice.values()):
            raise Refused(47001, "data format error")
        buttons.append((choice["id"], choice["content"]))
    whole = "\n".join([head, *(title for _id, title in buttons), tail])
    if len(whole.encode()) > TEXT_BYTES:
        raise Refused(45002, "content size out of limit")
    return Bubble(0, "account", "api", head, buttons)
