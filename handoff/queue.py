"""The queue for a person: request, take, reply, close, cancel.

Every `do_*` runs in the caller's write transaction and returns a `Change`; once that is committed, `announce` tells the
desks and the customer's page. The conversation's row is locked first, so changes of one conversation come one after
the other, on PostgreSQL as on SQLite; whoever comes second sees what the first one did.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal, get_args

from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from core.bus import Bus
from core.conversation import lease, log, outbox
from core.conversation.message import Message, Reply, new_id
from core.conversation.transcript import as_message
from core.errors import Conflict, Forbidden, InvalidInput, NotFound
from core.storage.tables import conversations, handoffs, messages
from handoff.notices import Name, notice
from handoff.record import CANCELLED, CLOSED, TAKEN, WAITING, Handoff, open_handoff, position, read

Resolution = Literal["solved", "follow_up", "unreachable"]
LONGEST_REPLY = 4000


@dataclass(frozen=True)
class Taker:
    """The agent who acts."""

    id: str
    name: str
    is_admin: bool = False


@dataclass(frozen=True)
class Change:
    """What a `do_*` did: the handoff as it is now, and what the customer was told."""

    handoff: Handoff
    messages: tuple[Message, ...] = ()
    is_new: bool = True
    """False: it had been done before, and nothing was done now."""


async def do_request(
    conn: AsyncConnection,
    conversation_id: str,
    *,
    reason: str,
    decision: Mapping[str, Any],
    summary: Mapping[str, Any],
    priority: int,
    agents_available: int,
    reply_to: str | None = None,
) -> Change:
    """Queue a conversation for a person, silence the bot and tell the customer.

    A conversation that waits or is taken stays as it is, and its open handoff comes back. `agents_available`: with 0
    the customer is told so and offered to leave a ticket. `reply_to`: the message that led here.
    """
    await lock(conn, conversation_id)
    if known := await open_handoff(conn, conversation_id):
        return Change(known, is_new=False)
    handoff_id = new_id()
    await conn.execute(
        insert(handoffs).values(
            id=handoff_id,
            conversation_id=conversation_id,
            status=WAITING,
            reason=reason,
            priority=priority,
            decision=decision,
            summary=summary,
            created_at=datetime.now(UTC),
        )
    )
    await lease.do_transfer(conn, conversation_id, lease.QUEUE)
    text = await waiting_notice(conn, conversation_id, agents_available, again=False)
    told = await do_tell(conn, conversation_id, text, reply_to)
    data = {"handoff_id": handoff_id, "reason": reason, "priority": priority, "decision": decision}
    await log.do_append(conn, conversation_id, "handoff.requested", data, reply_to)
    return Change(await read(conn, handoff_id), told)


def check_taker(handoff: Handoff, taker: Taker) -> None:
    """Who took a conversation may speak in it and close it, and an administrator may step in.

    Raises Conflict (not taken yet, or over) or Forbidden (another agent's).
    """
    if handoff.status == WAITING:
        raise Conflict("请先接入这条会话")
    if handoff.status != TAKEN:
        raise Conflict("这条会话已经结束")
    if handoff.agent_id != taker.id and not taker.is_admin:
        raise Forbidden(f"这条会话由{handoff.agent_name}接待")


async def do_take(conn: AsyncConnection, handoff_id: str, taker: Taker) -> Change:
    """Give a waiting conversation to an agent. Raises Conflict naming who was faster; one's own may be taken again."""
    handoff = await _locked(conn, handoff_id)
    if handoff.status == TAKEN and handoff.agent_id == taker.id:
        return Change(handoff, is_new=False)
    waiting = (handoffs.c.id == handoff_id) & (handoffs.c.status == WAITING)
    take = update(handoffs).where(waiting).values(status=TAKEN, agent_id=taker.id, taken_at=datetime.now(UTC))
    if (await conn.execute(take)).rowcount != 1:
        raise Conflict(f"{handoff.agent_name}已经接入了这条会话" if handoff.status == TAKEN else "这条会话已经结束")
    await lease.do_transfer(conn, handoff.conversation_id, lease.agent_owner(taker.id))
    told = await do_tell(conn, handoff.conversation_id, notice("taken", agent=taker.name))
    data = {"handoff_id": handoff_id, "agent_id": taker.id}
    await log.do_append(conn, handoff.conversation_id, "handoff.taken", data)
    return Change(await read(conn, handoff_id), told)


async def do_reply(conn: AsyncConnection, handoff_id: str, taker: Taker, text: str, client_id: str) -> Change:
    """Send an agent's words. The same `client_id` again gives the message that was sent (`is_new` False)."""
    text = text.strip()
    if not text or len(text) > LONGEST_REPLY:
        raise InvalidInput(f"回复不能为空，也不能超过 {LONGEST_REPLY} 字")
    handoff = await _locked(conn, handoff_id)
    vendor_id = f"desk:{handoff_id}:{client_id}"
    sent = select(messages).where(
        messages.c.conversation_id == handoff.conversation_id, messages.c.vendor_id == vendor_id
    )
    if row := (await conn.execute(sent)).one_or_none():
        return Change(handoff, (as_message(row),), is_new=False)
    check_taker(handoff, taker)
    held = await lease.read(conn, handoff.conversation_id)
    queued = await outbox.do_send(
        conn,
        handoff.conversation_id,
        [Reply(text=text)],
        fence=held.fence,
        author="agent",
        author_name=taker.name,
        vendor_id=vendor_id,
    )
    return Change(handoff, tuple(queued))


async def do_send_again(conn: AsyncConnection, handoff_id: str, taker: Taker, message_id: str) -> Change:
    """Queue a message again that did not reach the customer. One that did, or waits already, stays as it is."""
    handoff = await _locked(conn, handoff_id)
    check_taker(handoff, taker)
    theirs = (messages.c.conversation_id == handoff.conversation_id) & (messages.c.id == message_id)
    again = await outbox.do_send_again(conn, theirs)
    if again:
        return Change(handoff, tuple(again))
    row = (await conn.execute(select(messages).where(theirs, messages.c.direction == "out"))).one_or_none()
    if row is None:
        raise NotFound("没有这条消息")
    return Change(handoff, (as_message(row),), is_new=False)


async def do_close(
    conn: AsyncConnection, handoff_id: str, taker: Taker, resolution: Resolution, note: str | None = None
) -> Change:
    """Give the conversation back to the bot and tell the customer. Closing one's own again changes nothing."""
    if resolution not in get_args(Resolution):
        raise InvalidInput("请选择处理结果")
    handoff = await _locked(conn, handoff_id)
    if handoff.status == CLOSED and handoff.agent_id == taker.id:
        return Change(handoff, is_new=False)
    check_taker(handoff, taker)
    data = {"handoff_id": handoff_id, "agent_id": taker.id, "resolution": resolution, "note": note}
    return await _end(conn, handoff, CLOSED, resolution, data, resolution=resolution, note=note)


async def do_cancel(
    conn: AsyncConnection, conversation_id: str, *, reply_to: str | None = None, say: Reply | None = None
) -> Change | None:
    """The customer no longer waits: back to the bot. None when nothing waits; a taken conversation is not cancelled.

    `say` is told instead of the usual notice.
    """
    await lock(conn, conversation_id)
    handoff = await open_handoff(conn, conversation_id)
    if handoff is None or handoff.status != WAITING:
        return None
    return await _end(conn, handoff, CANCELLED, say or "cancelled", {"handoff_id": handoff.id}, reply_to=reply_to)


async def do_tell(
    conn: AsyncConnection, conversation_id: str, reply: Reply, reply_to: str | None = None
) -> tuple[Message, ...]:
    """Say something to the customer in the system's name, whoever owns the conversation. It must be locked."""
    held = await lease.read(conn, conversation_id)
    return tuple(
        await outbox.do_send(conn, conversation_id, [reply], fence=held.fence, author="system", reply_to=reply_to)
    )


async def lock(conn: AsyncConnection, conversation_id: str) -> None:
    """SQLite holds its one write lock already and takes `for update` for nothing."""
    row = select(conversations.c.id).where(conversations.c.id == conversation_id).with_for_update()
    if (await conn.execute(row)).one_or_none() is None:
        raise NotFound("没有这条会话")


async def waiting_notice(conn: AsyncConnection, conversation_id: str, agents_available: int, *, again: bool) -> Reply:
    """What a waiting customer is told; `again`: not for the first time."""
    if agents_available == 0:
        return notice("still_nobody" if again else "nobody")
    place = await position(conn, conversation_id)
    if again:
        return notice("still_waiting", position=place)
    return notice("requested_next") if place == 1 else notice("requested", position=place)


async def announce(bus: Bus, change: Change) -> None:
    """Tell the desks and the customer's page. Call it once the change is committed."""
    handoff = change.handoff
    about = {"conversation_id": handoff.conversation_id, "handoff_id": handoff.id, "status": handoff.status}
    said = {"kind": "messages", "messages": [message.as_json() for message in change.messages]}
    await bus.publish(f"conversation.{handoff.conversation_id}", about | said)
    await bus.publish(f"conversation.{handoff.conversation_id}", about | {"kind": "owner"})
    await bus.publish("desk", about)


async def _end(
    conn: AsyncConnection,
    handoff: Handoff,
    status: str,
    say: Reply | Name,
    data: dict[str, Any],
    *,
    reply_to: str | None = None,
    **values: Any,
) -> Change:
    ended = update(handoffs).where(handoffs.c.id == handoff.id)
    await conn.execute(ended.values(status=status, closed_at=datetime.now(UTC), **values))
    await lease.do_transfer(conn, handoff.conversation_id, lease.BOT)
    said = notice(say) if isinstance(say, str) else say
    told = await do_tell(conn, handoff.conversation_id, said, reply_to)
    await log.do_append(conn, handoff.conversation_id, f"handoff.{status}", data, reply_to)
    return Change(await read(conn, handoff.id), told)


async def _locked(conn: AsyncConnection, handoff_id: str) -> Handoff:
    """The handoff, read again once its conversation is locked."""
    handoff = await read(conn, handoff_id)
    await lock(conn, handoff.conversation_id)
    return await read(conn, handoff_id)
