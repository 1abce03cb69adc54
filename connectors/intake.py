"""The one way in: every connector hands its messages here."""

from dataclasses import replace

from sqlalchemy.ext.asyncio import AsyncConnection

from core.bus import Bus
from core.conversation import inbox, transcript
from core.conversation.message import Button, Inbound, Message
from core.errors import InvalidInput
from core.storage.database import Database

MAX_TEXT = 2000
RECENT = 40


class Intake:
    """Stores a message, then tells who waits for it. Nothing is acknowledged before it is stored."""

    def __init__(self, database: Database, bus: Bus) -> None:
        self._database = database
        self._bus = bus

    async def open(self, channel: str, sender: str, member_id: str | None = None) -> str:
        """The id of a customer's conversation; made where there is none yet."""
        async with self._database.connect() as conn:
            conversation_id = await inbox.find(conn, channel, sender)
        if conversation_id:
            return conversation_id
        async with self._database.begin() as conn:
            return await inbox.do_open(conn, channel, sender, member_id)

    async def accept(self, inbound: Inbound) -> Message:
        """Store one message, tell of it, and return it as stored; a repeat comes back as the first one was.

        Raises InvalidInput for a text that is empty or longer than MAX_TEXT characters.
        """
        accepted = await self.store(inbound)
        await self.announce(accepted)
        return accepted.message

    async def store(self, inbound: Inbound) -> inbox.Accepted:
        """The first half of `accept`, for who wants to listen to the answer before it can come."""
        async with self._database.begin() as conn:
            return await inbox.do_accept(conn, await _settle(conn, inbound))

    async def announce(self, accepted: inbox.Accepted) -> None:
        message = accepted.message
        if not accepted.is_repeat:
            said = {"kind": "messages", "messages": [message.as_json()]}
            await self._bus.publish(f"conversation.{message.conversation_id}", said)
        # A repeat may stand for a wake-up that got lost, so the gateway is told in any case.
        await self._bus.publish("inbox", {"conversation_id": message.conversation_id})


async def _settle(conn: AsyncConnection, inbound: Inbound) -> Inbound:
    """Tell a pressed button from typed text.

    A payload, or a text that starts with a slash, counts only if the bot offered it as a button just now: a customer
    must not trigger an intent by typing its name. Public Rasa widgets send a pressed button as its bare payload.
    """
    text = inbound.text.strip()
    if len(text) > MAX_TEXT:
        raise InvalidInput(f"消息太长了,最多 {MAX_TEXT} 个字,请分几条发送")
    payload = inbound.payload or (text if text.startswith("/") else None)
    if payload:
        button = await _offered(conn, inbound, payload)
        if button:
            return replace(inbound, text=button.title, payload=button.payload)
    text = text.lstrip("/ ／")
    if not text:
        raise InvalidInput("消息是空的,请输入文字")
    return replace(inbound, text=text, payload=None)


async def _offered(conn: AsyncConnection, inbound: Inbound, payload: str) -> Button | None:
    conversation_id = await inbox.do_open(conn, inbound.channel, inbound.sender, inbound.member_id)
    recent = await transcript.newest(conn, conversation_id, RECENT)
    return next((b for m in reversed(recent) for b in m.buttons if b.payload == payload), None)
