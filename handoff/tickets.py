"""Tickets: what is to be done after the talk, left by a customer when nobody is free or written by an agent."""

from __future__ import annotations

import secrets
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, Literal, get_args

from sqlalchemy import Row, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from core.bus import Bus
from core.conversation import log
from core.conversation.message import new_id
from core.errors import InvalidInput, NotFound
from core.storage.tables import conversations, tickets

Priority = Literal["low", "normal", "high", "urgent"]
Status = Literal["open", "pending", "solved"]
BY_CUSTOMER = "customer"
LONGEST_SUBJECT, LONGEST_BODY = 200, 4000
SHOP_ZONE = timezone(timedelta(hours=8))  # China knows no summer time
_KEYS = uuid.UUID("6f6f0c0e-52f3-4e43-9a53-6d7b7a1f5c55")


@dataclass(frozen=True)
class Ticket:
    id: str
    number: str
    """As customers quote it: T20261108123456."""
    conversation_id: str
    handoff_id: str | None
    member_id: str | None
    subject: str
    body: str
    priority: Priority
    status: Status
    created_by: str
    """`customer` or `agent:<id>`."""
    created_at: datetime
    updated_at: datetime


def check_ticket(subject: str, body: str, priority: str) -> None:
    """Raises InvalidInput."""
    if not subject.strip() or len(subject) > LONGEST_SUBJECT:
        raise InvalidInput(f"工单标题不能为空，也不能超过 {LONGEST_SUBJECT} 字")
    if not body.strip() or len(body) > LONGEST_BODY:
        raise InvalidInput(f"工单内容不能为空，也不能超过 {LONGEST_BODY} 字")
    if priority not in get_args(Priority):
        raise InvalidInput("工单优先级只能是 low、normal、high、urgent")


async def do_create(
    conn: AsyncConnection,
    conversation_id: str,
    *,
    subject: str,
    body: str,
    priority: Priority = "normal",
    created_by: str = BY_CUSTOMER,
    handoff_id: str | None = None,
    key: str | None = None,
) -> Ticket:
    """Write a ticket; it belongs to the conversation's member. The same idempotency `key` again gives the same ticket.

    Raises InvalidInput, or NotFound when there is no such conversation.
    """
    check_ticket(subject, body, priority)
    conversation = select(conversations.c.member_id).where(conversations.c.id == conversation_id)
    owner = (await conn.execute(conversation)).one_or_none()
    if owner is None:
        raise NotFound("没有这条会话")
    ticket_id = uuid.uuid5(_KEYS, f"{conversation_id}:{key}").hex if key else new_id()
    now = datetime.now(UTC)
    values = {
        "id": ticket_id,
        "conversation_id": conversation_id,
        "handoff_id": handoff_id,
        "member_id": owner.member_id,
        "subject": subject.strip(),
        "body": body.strip(),
        "priority": priority,
        "status": "open",
        "created_by": created_by,
        "created_at": now,
        "updated_at": now,
    }
    insert = (sqlite.insert if conn.dialect.name == "sqlite" else postgresql.insert)(tickets)
    while True:  # until the number is new, or the ticket turns out to be there
        number = f"T{now.astimezone(SHOP_ZONE):%Y%m%d}{secrets.randbelow(1_000_000):06}"
        fresh = insert.values(**values, number=number).on_conflict_do_nothing().returning(tickets)
        if row := (await conn.execute(fresh)).one_or_none():
            data = {"ticket_id": ticket_id, "number": number, "created_by": created_by, "handoff_id": handoff_id}
            await log.do_append(conn, conversation_id, "ticket.created", data)
            return _ticket(row)
        if row := (await conn.execute(select(tickets).where(tickets.c.id == ticket_id))).one_or_none():
            return _ticket(row)


async def do_update(conn: AsyncConnection, ticket_id: str, status: Status, by: str) -> Ticket:
    """Set the status. Raises NotFound, InvalidInput."""
    if status not in get_args(Status):
        raise InvalidInput("工单状态只能是 open、pending、solved")
    change = update(tickets).where(tickets.c.id == ticket_id).values(status=status, updated_at=datetime.now(UTC))
    row = (await conn.execute(change.returning(tickets))).one_or_none()
    if row is None:
        raise NotFound("没有这张工单")
    data = {"ticket_id": ticket_id, "status": status, "by": by}
    await log.do_append(conn, row.conversation_id, "ticket.updated", data)
    return _ticket(row)


async def listed(conn: AsyncConnection, status: Status | None = None, limit: int = 200) -> list[Ticket]:
    """Newest first."""
    query = select(tickets).order_by(tickets.c.created_at.desc(), tickets.c.id).limit(limit)
    if status:
        query = query.where(tickets.c.status == status)
    return [_ticket(row) for row in await conn.execute(query)]


async def of_customer(conn: AsyncConnection, conversation_id: str) -> list[Ticket]:
    """Tickets of a conversation's customer, newest first: of the member in all channels, of a guest in this one."""
    member = select(conversations.c.member_id).where(conversations.c.id == conversation_id)
    member_id = (await conn.execute(member)).scalar_one_or_none()
    mine = tickets.c.member_id == member_id if member_id else tickets.c.conversation_id == conversation_id
    found = select(tickets).where(mine).order_by(tickets.c.created_at.desc(), tickets.c.id)
    return [_ticket(row) for row in await conn.execute(found)]


async def announce(bus: Bus, ticket: Ticket) -> None:
    """Tell the desks. Call it once the change is committed."""
    await bus.publish("desk", {"conversation_id": ticket.conversation_id, "ticket_id": ticket.id})


def _ticket(row: Row[Any]) -> Ticket:
    return Ticket(**row._mapping)
