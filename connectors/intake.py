"""The one way in: every connector hands its messages here."""

import unicodedata
from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy.ext.asyncio import AsyncConnection

from connectors import metrics
from core.bus import Bus
from core.conversation import identity, inbox, transcript
from core.conversation.message import Button, Inbound, Message, Proof
from core.errors import InvalidInput
from core.storage.database import Database

MAX_TEXT = 2000
RECENT = 40
LONGEST_NUMBER = 2  # digits: no list of buttons is longer
SLASHES = "/／"
MEDIA_PAYLOAD = "/send_media"  # what the bot is told when a picture or a recording comes without words


class Intake:
    """Stores a message, then tells who waits for it. Nothing is acknowledged before it is stored."""

    def __init__(self, database: Database, bus: Bus) -> None:
        self._database = database
        self._bus = bus

    async def open(self, channel: str, sender: str, member_id: str | None = None, proofs: Sequence[Proof] = ()) -> str:
        """The id of a customer's conversation; made where there is none yet. `proofs` link, as in `Inbound`."""
        async with self._database.connect() as conn:
            known = await identity.find(conn, channel, sender)
        if known and not proofs:
            return known
        async with self._database.begin() as conn:
            conversation_id = await identity.do_open(conn, channel, sender, member_id, proofs)
        await self._tell_of_move(known, conversation_id)
        return conversation_id

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
            before = await identity.find(conn, inbound.channel, inbound.sender) if inbound.proofs else None
            accepted = await inbox.do_accept(conn, await _settle(conn, inbound))
        await self._tell_of_move(before, accepted.message.conversation_id)
        return accepted

    async def _tell_of_move(self, before: str | None, now: str) -> None:
        """A page that listens to the conversation before has to open the one it leads to now."""
        if before not in (None, now):
            await self._bus.publish(f"conversation.{before}", {"kind": "moved"})

    async def announce(self, accepted: inbox.Accepted) -> None:
        message = accepted.message
        if accepted.is_repeat:
            metrics.repeated(message.channel)
        else:
            metrics.received(message.channel)
            said = {"kind": "messages", "messages": [message.as_json()]}
            await self._bus.publish(f"conversation.{message.conversation_id}", said)
        # A repeat may stand for a wake-up that got lost, so the gateway is told in any case.
        await self._bus.publish("inbox", {"conversation_id": message.conversation_id})


async def _settle(conn: AsyncConnection, inbound: Inbound) -> Inbound:
    """Tell a pressed button from typed text.

    A payload, or a text that starts with a slash, counts only if the bot offered it as a button just now: a customer
    must not trigger an intent by typing its name. Public Rasa widgets send a pressed button as its bare payload. Where
    buttons are shown as a numbered list, a bare number presses the button of the last list.
    """
    text = inbound.text.strip()
    if len(text) > MAX_TEXT:
        raise InvalidInput(f"消息太长了,最多 {MAX_TEXT} 个字,请分几条发送")
    if inbound.event:
        return replace(inbound, text=text)
    payload = inbound.payload or (text if text.startswith("/") else None)
    if payload or (inbound.numbered and text.isdecimal()):
        button = await _offered(conn, inbound, payload, text)
        if button:
            return replace(inbound, text=button.title, payload=button.payload)
    text = _typed(text)
    if not text and inbound.attachments:
        return replace(inbound, text="", payload=MEDIA_PAYLOAD)
    if not text:
        raise InvalidInput("消息是空的,请输入文字")
    return replace(inbound, text=text, payload=None)


def _typed(text: str) -> str:
    """Without leading slashes, also where characters that nobody sees stand before them."""
    start = next((at for at, letter in enumerate(text) if letter not in SLASHES and not _unseen(letter)), len(text))
    return text[start:]


def _unseen(letter: str) -> bool:
    return unicodedata.category(letter)[0] in "CZ"


async def _offered(conn: AsyncConnection, inbound: Inbound, payload: str | None, text: str) -> Button | None:
    conversation_id = await identity.do_open(conn, inbound.channel, inbound.sender, inbound.member_id, inbound.proofs)
    recent = await transcript.newest(conn, conversation_id, RECENT)
    lists = [message.buttons for message in reversed(recent) if message.buttons]
    if payload:
        return next((button for shown in lists for button in shown if button.payload == payload), None)
    place = int(text) - 1 if len(text) <= LONGEST_NUMBER else -1
    return lists[0][place] if lists and 0 <= place < len(lists[0]) else None
