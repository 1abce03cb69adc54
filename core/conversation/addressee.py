"""A customer of a channel as delivery sees them: who sends to them now, when to try again, and how much is allowed.

Messages to one addressee go out in order, by one process at a time: it holds a claim that runs out by itself. What the
vendor still allows (`allowance`) is counted here, so every process and every connector sees the same count.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import ColumnElement, bindparam, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from core.conversation.message import Allowance
from core.conversation.states import is_queued
from core.storage.tables import identities, messages


@dataclass(frozen=True, slots=True)
class Addressee:
    """`allowance_left` is None where the vendor does not count; `is_open`: its time has not run out."""

    channel: str
    sender: str
    failures: int
    allowance_left: int | None
    is_open: bool


_ALLOW = (
    update(identities)
    .where(
        identities.c.channel == bindparam("of_channel"),
        identities.c.sender == bindparam("of_sender"),
        or_(
            identities.c.allowance_until.is_(None),
            identities.c.allowance_until <= bindparam("new_until"),
            identities.c.allowance_until < bindparam("begins"),
            identities.c.allowance_left <= 0,
        ),
    )
    .values(allowance_left=bindparam("new_count"), allowance_until=bindparam("new_until"))
)


def _here(channel: str, sender: str) -> ColumnElement[bool]:
    return (identities.c.channel == channel) & (identities.c.sender == sender)


async def due(conn: AsyncConnection, channels: Collection[str], limit: int) -> list[tuple[str, str]]:
    """Addressees of these channels with queued messages whom nobody sends to and who need not wait; oldest first."""
    now = datetime.now(UTC)
    query = (
        select(identities.c.channel, identities.c.sender)
        .join(messages, (messages.c.channel == identities.c.channel) & (messages.c.sender == identities.c.sender))
        .where(
            is_queued,
            messages.c.channel.in_(channels),
            or_(identities.c.courier.is_(None), identities.c.courier_until < now),
            or_(identities.c.due_at.is_(None), identities.c.due_at <= now),
        )
        .group_by(identities.c.channel, identities.c.sender)
        .order_by(func.min(messages.c.created_at))
        .limit(limit)
    )
    return [(row.channel, row.sender) for row in await conn.execute(query)]


async def do_claim(conn: AsyncConnection, channel: str, sender: str, courier: str, seconds: float) -> Addressee | None:
    """Let `courier` send to this customer for `seconds`; None while another one does."""
    now = datetime.now(UTC)
    free = or_(identities.c.courier.is_(None), identities.c.courier == courier, identities.c.courier_until < now)
    claim = (
        update(identities)
        .where(_here(channel, sender), free)
        .values(courier=courier, courier_until=now + timedelta(seconds=seconds))
        .returning(identities.c.failures, identities.c.allowance_left, identities.c.allowance_until)
    )
    row = (await conn.execute(claim)).one_or_none()
    if row is None:
        return None
    is_open = row.allowance_until is None or row.allowance_until > now
    return Addressee(channel, sender, row.failures, row.allowance_left, is_open)


async def do_release(
    conn: AsyncConnection, channel: str, sender: str, courier: str, *, failures: int = 0, wait: float | None = None
) -> None:
    """Give the claim back; after a failure, to be taken up again in `wait` seconds."""
    due_at = None if wait is None else datetime.now(UTC) + timedelta(seconds=wait)
    mine = _here(channel, sender) & (identities.c.courier == courier)
    values = {"courier": None, "courier_until": None, "failures": failures, "due_at": due_at}
    await conn.execute(update(identities).where(mine).values(**values))


async def do_allow(conn: AsyncConnection, channel: str, sender: str, allowance: Allowance, from_time: datetime) -> None:
    """Begin a new allowance, unless the one there is lasts longer and is not used up.

    A menu click allows a few messages for a minute; it does not shorten the two days after a message.
    """
    values = {
        "of_channel": channel,
        "of_sender": sender,
        "new_count": allowance.count,
        "new_until": from_time + timedelta(seconds=allowance.seconds),
        "begins": from_time,
    }
    await conn.execute(_ALLOW, values)


async def do_spend(conn: AsyncConnection, channel: str, sender: str, count: int = 1) -> None:
    """Count messages to the customer."""
    counted = _here(channel, sender) & identities.c.allowance_left.is_not(None)
    await conn.execute(update(identities).where(counted).values(allowance_left=identities.c.allowance_left - count))
