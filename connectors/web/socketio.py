"""The socket.io channel as Rasa serves it (EIO=4), so that public Rasa web widgets work unmodified.

What is emitted is exactly what those widgets read: an extra key makes some of them drop the message.
"""

import asyncio
import contextlib
import re
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import socketio
import structlog

from connectors.delivered import Delivered
from connectors.intake import Intake
from connectors.limits import Limits
from connectors.tokens import Tokens
from core.bus import Bus
from core.conversation import outbox
from core.conversation.message import Inbound, Message
from core.errors import KefuError
from core.storage.database import Database

CHANNEL = "socketio"
MAX_SESSION_ID = 64
UNSTORABLE = re.compile("[\0\ud800-\udfff]")  # NUL, and halves of surrogates

logger = structlog.get_logger()


@dataclass(frozen=True)
class _Listener:
    """`ready` once nothing that comes is missed."""

    sender: str
    task: asyncio.Task[None]
    ready: asyncio.Event


class SocketChannel:
    """One listener a connected session; whatever waits for it is sent as soon as it names itself."""

    def __init__(
        self,
        database: Database,
        bus: Bus,
        intake: Intake,
        tokens: Tokens,
        delivered: Delivered,
        limits: Limits,
        cors_origins: Sequence[str],
    ) -> None:
        self._database = database
        self._bus = bus
        self._intake = intake
        self._tokens = tokens
        self._delivered = delivered
        self._limits = limits
        self._listeners: dict[str, _Listener] = {}
        # None: pages of our own origin only. (An empty list would let every site in.)
        self.server = socketio.AsyncServer(async_mode="asgi", cors_allowed_origins=list(cors_origins) or None)
        self.server.on("session_request", self._on_session_request)
        self.server.on("user_uttered", self._on_user_uttered)
        self.server.on("disconnect", self._on_disconnect)

    # Whoever is connected sends what they like, as many values as they like: an event's data is read, never trusted.

    async def _on_session_request(self, sid: str, data: object = None, *_more: object) -> None:
        session_id = _session_id(data) or uuid.uuid4().hex
        await self.server.emit("session_confirm", session_id, to=sid)
        await self._listen(sid, _sender(session_id, None), None)

    async def _on_user_uttered(self, sid: str, data: object = None, *_more: object) -> None:
        said = data if isinstance(data, dict) else {}
        session_id = _session_id(data) or sid
        try:
            member_id = self._member(said)
            sender = _sender(session_id, member_id)
            await self._limits.check(CHANNEL, sender)
            await self._listen(sid, sender, member_id)
            text = str(said.get("message") or "").encode(errors="replace").decode()  # an emoji may be cut in half
            await self._intake.accept(Inbound(CHANNEL, uuid.uuid4().hex, sender, text, member_id=member_id))
        except KefuError as error:
            await self.server.emit("bot_uttered", {"text": error.message}, to=sid)

    async def _on_disconnect(self, sid: str, *_reason: object) -> None:
        if listener := self._listeners.pop(sid, None):
            listener.task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await listener.task

    def _member(self, data: dict[str, Any]) -> str | None:
        custom = data.get("customData") or {}
        token = custom.get("member_token") if isinstance(custom, dict) else None
        return self._tokens.member_id(str(token)) if token else None

    async def _listen(self, sid: str, sender: str, member_id: str | None) -> None:
        """Two events of a connection come at once, so the listener is there before anything is waited for: a second
        one would send everything again."""
        listener = self._listeners.get(sid)
        if listener is None or listener.sender != sender:
            if listener:
                listener.task.cancel()
            ready = asyncio.Event()
            task = asyncio.create_task(self._forward(sid, sender, member_id, ready))
            task.add_done_callback(lambda _done: ready.set())  # a broken one holds nobody up
            listener = self._listeners[sid] = _Listener(sender, task, ready)
        await listener.ready.wait()

    async def _forward(self, sid: str, sender: str, member_id: str | None, ready: asyncio.Event) -> None:
        while True:
            conversation_id = await self._intake.open(CHANNEL, sender, member_id)
            async with self._bus.subscribe(f"conversation.{conversation_id}") as events:
                ready.set()
                await self._send_waiting(sid, sender)
                async for _topic, data in events:
                    if data.get("kind") == "messages":
                        await self._send_waiting(sid, sender)
                    elif data.get("kind") == "moved":
                        break  # linked to another conversation: what comes is told there

    async def _send_waiting(self, sid: str, sender: str) -> None:
        async with self._database.connect() as conn:
            waiting = self._delivered.outstanding(await outbox.waiting(conn, CHANNEL, sender))
        for message in waiting:
            for item in as_widget(message):
                await self.server.emit("bot_uttered", item, to=sid)
        self._delivered.mark(CHANNEL, (message.id for message in waiting))


def as_widget(message: Message) -> list[dict[str, Any]]:
    """One of our messages in the shapes public widgets know."""
    items: list[dict[str, Any]] = []
    if message.text is not None:
        items.append({"text": message.text})
        if message.buttons:
            items[0]["quick_replies"] = [
                {"content_type": "text", "title": b.title, "payload": b.payload} for b in message.buttons
            ]
    if message.image:
        items.append({"attachment": {"type": "image", "payload": {"src": message.image}}})
    return items


def _session_id(data: object) -> str | None:
    """None also for an id that cannot be stored."""
    value = data.get("session_id") if isinstance(data, dict) else None
    session_id = str(value or "")[:MAX_SESSION_ID]
    return session_id if session_id and not UNSTORABLE.search(session_id) else None


def _sender(session_id: str, member_id: str | None) -> str:
    return f"member:{member_id}:{session_id}" if member_id else f"visitor:{session_id}"
