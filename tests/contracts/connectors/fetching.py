"""Channels whose customers fetch: nobody pushes to them, they come and read on from the last seq that they have.

So the vendor's states are states of the customer's line. `down`: it is away, and what is said comes in by short calls.
`busy`: it comes, and breaks before anything is read. `blocked` makes no sense: who fetches refuses nothing.
"""

import asyncio
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import jwt
import orjson
from fastapi import FastAPI

from tests.contracts.connectors.harness import Flaw, Said, Shown, State, Trait

SECRET = "the key that only Kefu has, for whoever visits"
KEY = "the member key that only the shop has, and Kefu"
FLAWS: frozenset[Flaw] = frozenset({"wrong_signature", "unsigned", "tampered", "stale", "future"})
TRAITS: frozenset[Trait] = frozenset({"fetched", "image_in", "voice_in", "image_out", "buttons", "own_ids"})
TEN_MINUTES = timedelta(minutes=10)
HOUR = timedelta(hours=1)
BODY = 256 * 1024  # bytes, as Kefu's own limit


def member_token(member_id: str, flaw: Flaw | None = None) -> str:
    """As the shop signs it after its login."""
    now = datetime.now(UTC)
    claims: dict[str, Any] = {"sub": member_id, "aud": "kefu-member", "iat": now, "exp": now + HOUR}
    if flaw == "stale":
        claims |= {"iat": now - HOUR, "exp": now - TEN_MINUTES}
    if flaw == "future":
        claims |= {"iat": now + TEN_MINUTES}
    return flawed(jwt.encode(claims, KEY, "HS256"), flaw)


def flawed(token: str, flaw: Flaw | None) -> str:
    """A token with what is wrong with its signature; a wrong time has to be signed."""
    if flaw not in {"wrong_signature", "unsigned", "tampered"}:
        return token
    claims = jwt.decode(token, options={"verify_signature": False})
    if flaw == "wrong_signature":
        return jwt.encode(claims, "a key of somebody else's, who is no shop", "HS256")
    if flaw == "unsigned":
        return jwt.encode(claims, "", "none")
    header, _claims, signature = token.split(".")
    other = jwt.encode(claims | {"sub": "somebody-else"}, "any key that is long enough for this", "HS256")
    return ".".join((header, other.split(".")[1], signature))


@dataclass
class Phone:
    """What a customer's end keeps: what it shows, and the last seq. It keeps nothing else over a break of the line."""

    last: int = 0
    messages: list[dict[str, Any]] = field(default_factory=list)

    def take(self, message: dict[str, Any]) -> None:
        assert message["seq"] > self.last, "twice, or out of order"
        self.last = message["seq"]
        if message["author"] != "customer":
            self.messages.append(message)

    def pressed(self, text: str) -> str | None:
        """The payload of a button that is on the screen, by its number."""
        buttons = self.messages[-1]["buttons"] if self.messages else []
        return buttons[int(text) - 1]["payload"] if text.isdecimal() and int(text) <= len(buttons) else None


class Fetching:
    """A harness of such a channel: `say` and `follow` are the channel's own."""

    channel: str
    traits = TRAITS
    flaws = FLAWS
    text_bytes: int | None = None

    def __init__(self, app: FastAPI) -> None:
        self.kefu = httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://kefu")
        self._state: State = "up"
        self.phones: dict[str, Phone] = {}
        self._lines: dict[str, asyncio.Task[None]] = {}

    async def say(self, said: Said, body: dict[str, Any], flaw: Flaw | None) -> httpx.Response:
        """Send a message: `text`, `payload` and `media_ids`, where there are any."""
        raise NotImplementedError

    async def upload(self, said: Said, content: bytes) -> str:
        """The media id of what is uploaded."""
        raise NotImplementedError

    async def follow(self, sender: str, phone: Phone) -> None:
        """Read on from `phone.last`, and go on reading until cancelled or the line breaks."""
        raise NotImplementedError

    async def push_bytes(self, body: bytes, *, sealed: bool) -> httpx.Response:
        raise NotImplementedError

    async def push(self, said: Said, flaw: Flaw | None = None) -> httpx.Response:
        phone = self.phones.get(said.sender) or Phone()
        body: dict[str, Any] = {"text": said.text}
        if content := said.image or said.voice:
            body["media_ids"] = [await self.upload(said, content)]
        if payload := phone.pressed(said.text):
            body["payload"] = payload
        response = await self.say(said, body, flaw)
        if flaw is None:
            self.phones.setdefault(said.sender, phone)
            self._connect(said.sender)
        return response

    async def check_url(self, flaw: Flaw | None = None) -> tuple[httpx.Response, str]:
        raise NotImplementedError

    def hostile(self) -> Iterable[tuple[str, bytes]]:
        """Under `id` and `client_id`, whichever the channel calls it."""
        good = {"id": "1", "client_id": "1", "type": "say", "text": ""}
        changes: dict[str, dict[str, Any]] = {
            "no text": {"text": None},
            "a text of another type": {"text": ["a"]},
            "an id of another type": {"id": {"a": 1}, "client_id": {"a": 1}},
            "an id too long": {"id": "i" * 5000, "client_id": "i" * 5000},
            "an empty id": {"id": "", "client_id": ""},
            "a payload that was never offered": {"payload": "/order_status"},
            "a picture of somebody else's": {"media_ids": ["0" * 64]},
            "a picture that is a path": {"media_ids": ["../../etc/passwd"]},
            "only slashes": {"text": "\u200b//／"},
            "a frame of another type": {"type": "hello"},
        }
        for name, change in changes.items():
            yield name, orjson.dumps(good | change)
        yield "half a surrogate in a text", b'{"type": "say", "id": "1", "client_id": "1", "text": "\\ud83d"}'
        yield "a name twice", b'{"type": "say", "type": "seen", "id": "1", "client_id": "1", "seq": 1e99}'
        yield "not a number", b'{"type": "seen", "seq": NaN, "id": NaN, "client_id": NaN}'
        yield "a list deep down", b'{"type": "say", "id": ' + b"[" * 4000 + b"]" * 4000 + b"}"

    async def shown(self, sender: str) -> list[Shown]:
        if (line := self._lines.get(sender)) and line.done() and not line.cancelled():
            line.result()
        shown: list[Shown] = []
        for message in self.phones.get(sender, Phone()).messages:
            if message["text"]:
                shown.append(Shown(message["text"], tuple(button["title"] for button in message["buttons"])))
            for attachment in message["attachments"]:
                shown.append(Shown(image=(await self.kefu.get(attachment["url"])).raise_for_status().content))
        return shown

    def set_state(self, state: State) -> None:
        assert state != "blocked"
        self._state = state
        for line in self._lines.values():
            line.cancel()
        self._lines.clear()
        for sender in self.phones:
            self._connect(sender)

    @property
    def breaks(self) -> bool:
        """Whether the line breaks as soon as it is there."""
        return self._state == "busy"

    async def aclose(self) -> None:
        for line in self._lines.values():
            line.cancel()
            with suppress(asyncio.CancelledError):
                await line
        await self.kefu.aclose()

    def _connect(self, sender: str) -> None:
        if self._state != "down" and sender not in self._lines:
            self._lines[sender] = asyncio.create_task(self._stay(sender))

    async def _stay(self, sender: str) -> None:
        while True:
            await self.follow(sender, self.phones[sender])
            await asyncio.sleep(0.02)
