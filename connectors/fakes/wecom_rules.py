"""What WeCom's servers know and enforce for every application: tokens, files, members, messages. No HTTP."""

import json
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

TEXT_BYTES = 2048
PICTURE_BYTES = 10 * 1024 * 1024
TOKEN_SECONDS = 7200
A_MINUTE = 30  # messages of an application to one member; what is more is dropped
PICTURES = {b"\xff\xd8\xff": "image/jpeg", b"\x89PNG\r\n\x1a\n": "image/png"}

State = Literal["up", "down", "busy"]


class Refused(Exception):
    """An `errcode` of WeCom's."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


@dataclass
class Bubble:
    """One thing on the customer's phone. `buttons` as (id, title); `picture` names a file."""

    text: str = ""
    buttons: list[tuple[str, str]] = field(default_factory=list)
    picture: str | None = None
    at: float = 0.0


class Platform:
    """WeCom, for one company. `secrets` name what each may call: `app:<agent id>` or `kf`.

    Switches for tests: `state`, and `spared`, the calls that work in any; `next_errors`, answered once each, in order;
    `lose_answers`, of how many messages that are taken the answer gets lost.
    """

    def __init__(self, corp_id: str, secrets: dict[str, str], clock: Callable[[], float] = time.time) -> None:
        self.corp_id = corp_id
        self.clock = clock
        self.state: State = "up"
        self.spared: tuple[str, ...] = ()
        self.next_errors: list[int] = []
        self.lose_answers = 0
        self.files: dict[str, tuple[bytes, str]] = {}
        self.tokens_given = 0
        self._secrets = secrets
        self._tokens: dict[str, tuple[str, float]] = {}  # by token: what it may call, until when

    def gettoken(self, corp_id: str, secret: str) -> dict[str, Any]:
        """The same token again while it is good."""
        if corp_id != self.corp_id:
            raise Refused(40013, "invalid corpid")
        if secret not in self._secrets:
            raise Refused(40001, "invalid credential")
        now, scope = self.clock(), self._secrets[secret]
        for token, (its_scope, until) in self._tokens.items():
            if its_scope == scope and until > now:
                return {"errcode": 0, "errmsg": "ok", "access_token": token, "expires_in": int(until - now)}
        token = secrets.token_urlsafe(48)
        self._tokens[token] = (scope, now + TOKEN_SECONDS)
        self.tokens_given += 1
        return {"errcode": 0, "errmsg": "ok", "access_token": token, "expires_in": TOKEN_SECONDS}

    def check(self, token: str, kind: str = "", call: str = "") -> None:
        """What every call with a token goes through. `kind`: `app`, `kf` or empty for both."""
        if not token:
            raise Refused(41001, "access_token missing")
        if token not in self._tokens:
            raise Refused(40014, "invalid access_token")
        scope, until = self._tokens[token]
        if until <= self.clock():
            raise Refused(42001, "access_token expired")
        if not scope.startswith(kind):
            raise Refused(48002, "api forbidden")
        if self.state == "busy" and call not in self.spared:
            raise Refused(45033, "api concurrent out of limit")
        if self.next_errors:
            raise Refused(self.next_errors.pop(0), "as told by the test")

    def forget_tokens(self) -> None:
        """As when the secret's tokens are taken back."""
        self._tokens.clear()

    def upload(self, kind: str, content: bytes) -> str:
        if kind != "image":
            raise Refused(40004, "invalid media type")
        found = next((name for mark, name in PICTURES.items() if content.startswith(mark)), None)
        if found is None:
            raise Refused(40004, "invalid media type")
        if not 5 < len(content) <= PICTURE_BYTES:
            raise Refused(40009, "invalid image size")
        return self.keep(content, found)

    def keep(self, content: bytes, content_type: str) -> str:
        media_id = secrets.token_urlsafe(32)
        self.files[media_id] = (content, content_type)
        return media_id

    def download(self, media_id: str) -> tuple[bytes, str]:
        if media_id not in self.files:
            raise Refused(40007, "invalid media_id")
        return self.files[media_id]

    def bubble(self, body: dict[str, Any], kinds: tuple[str, ...]) -> Bubble:
        """The content of a message as the phone shows it."""
        kind = body.get("msgtype")
        content = body.get(kind) if isinstance(kind, str) else None
        if kind not in kinds or not isinstance(content, dict):
            raise Refused(40008, "invalid message type")
        match kind:
            case "text":
                return Bubble(checked_text(content.get("content")), at=self.clock())
            case "image":
                self.download(str(content.get("media_id")))
                return Bubble(picture=content["media_id"], at=self.clock())
        return menu(content, self.clock())


@dataclass
class Member:
    """`sees`: whether the application is visible to this member."""

    sees: bool = True
    bubbles: list[Bubble] = field(default_factory=list)
    sent_at: list[float] = field(default_factory=list)
    contents: list[tuple[str, float]] = field(default_factory=list)


class Application:
    """发送应用消息 of one application."""

    def __init__(self, platform: Platform, agent_id: int) -> None:
        self._platform = platform
        self._agent_id = agent_id
        self.members: dict[str, Member] = {}

    def member(self, user_id: str) -> Member:
        """Made on first sight."""
        return self.members.setdefault(user_id, Member())

    def send(self, body: dict[str, Any]) -> dict[str, Any]:
        if body.get("agentid") != self._agent_id:
            raise Refused(40056, "invalid agentid")
        receivers = str(body.get("touser") or "").split("|")
        bubble = self._platform.bubble(body, ("text", "image"))
        may = [name for name in receivers if name in self.members and self.members[name].sees]
        if not may:
            raise Refused(81013, "user & party & tag all invalid")
        for name in may:
            self._show(self.members[name], bubble, body)
        invalid = "|".join(name.lower() for name in receivers if name not in may)
        return {"errcode": 0, "errmsg": "ok", "invaliduser": invalid, "msgid": secrets.token_urlsafe(16)}

    def _show(self, member: Member, bubble: Bubble, body: dict[str, Any]) -> None:
        now = self._platform.clock()
        content = json.dumps([body["msgtype"], body[body["msgtype"]]], sort_keys=True)
        if body.get("enable_duplicate_check"):
            seconds = body.get("duplicate_check_interval", 1800)
            if any(known == content and now - at < seconds for known, at in member.contents):
                return
        member.sent_at = [at for at in member.sent_at if now - at < 60]
        if len(member.sent_at) >= A_MINUTE:
            return
        member.sent_at.append(now)
        member.contents.append((content, now))
        member.bubbles.append(bubble)


def checked_text(content: Any, longest: int = TEXT_BYTES) -> str:
    if not isinstance(content, str) or not content.strip():
        raise Refused(44004, "text content is empty")
    if len(content.encode()) > longest:
        raise Refused(45002, "content size out of limit")
    return content


def menu(content: dict[str, Any], now: float) -> Bubble:
    """`msgmenu` of 微信客服."""
    choices, head = content.get("list"), content.get("head_content", "")
    if not isinstance(choices, list) or not 1 <= len(choices) <= 10:
        raise Refused(95008, "menu item count out of limit")
    if head:
        checked_text(head, 1024)
    buttons = []
    for choice in choices:
        if choice.get("type") != "click" or set(choice) != {"type", "click"}:
            raise Refused(95009, "invalid menu item type")
        click = choice["click"]
        buttons.append((checked_text(click.get("id"), 64), checked_text(click.get("content"), 128)))
    return Bubble(head, buttons, at=now)
