"""Which channels a customer comes by, which links led them here, and what was said before a link was made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from core.bus import Bus
from core.conversation import identity
from core.conversation.identity import Link
from core.conversation.message import Message
from core.conversation.transcript import as_message
from core.storage.tables import conversations, identities, messages


@dataclass(frozen=True, slots=True)
class Way:
    """A customer of a channel who leads to a conversation; `link`: what led them here, None for who began here."""

    channel: str
    sender: str
    since: datetime
    link: Link | None


async def ways_to(conn: AsyncConnection, conversation_id: str) -> list[Way]:
    """The oldest first."""
    moved = {
        (*who,): link for link in reversed(await _led_to(conn, conversation_id)) for who in link.moved["identities"]
    }
    here = select(identities.c.channel, identities.c.sender, identities.c.created_at)
    query = here.where(identities.c.conversation_id == conversation_id).order_by(identities.c.created_at)
    return [Way(*row, moved.get((row.channel, row.sender))) for row in await conn.execute(query)]


async def said_before(conn: AsyncConnection, conversation_id: str, ways: Sequence[Way], limit: int) -> list[Message]:
    """The last `limit` messages, oldest first, of those who were led here, from where they were before.

    What was said as another member stays out of it, and so does what others said there.
    """
    sources = await _sources(conn, conversation_id)
    if not sources:
        return []
    theirs = tuple_(messages.c.channel, messages.c.sender).in_([(way.channel, way.sender) for way in ways])
    query = select(messages).where(messages.c.conversation_id.in_(sources), theirs)
    newest = query.order_by(messages.c.created_at.desc(), messages.c.seq.desc()).limit(limit)
    return [as_message(row) for row in (await conn.execute(newest)).all()[::-1]]


async def do_undo(conn: AsyncConnection, link_id: str, agent_id: str) -> Link:
    """Raises NotFound."""
    return await identity.do_unlink(conn, link_id, f"agent:{agent_id}")


async def announce_undone(bus: Bus, link: Link) -> None:
    """Pages that listen to the conversation open the one they lead to now. Call it once the change is committed."""
    await bus.publish(f"conversation.{link.to_conversation}", {"kind": "moved"})
    await bus.publish("desk", {"conversation_id": link.to_conversation})


async def _led_to(conn: AsyncConnection, conversation_id: str) -> list[Link]:
    found = await identity.links_of(conn, conversation_id)
    return [link for link in found if link.to_conversation == conversation_id and link.undone_at is None]


async def _sources(conn: AsyncConnection, conversation_id: str) -> list[str]:
    """Conversations that were led here, also by way of others, and are of no other member."""
    found: set[str] = set()
    look_at = [conversation_id]
    while look_at:
        led = {link.from_conversation for link in await _led_to(conn, look_at.pop())}
        look_at += led - found
        found |= led
    found.discard(conversation_id)
    rows = await conn.execute(
        select(conversations.c.id, conversations.c.member_id).where(conversations.c.id.in_({conversation_id, *found}))
    )
    members = {row.id: row.member_id for row in rows}
    return sorted(each for each in found if members[each] in (None, members[conversation_id]))
