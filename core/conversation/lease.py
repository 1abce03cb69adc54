"""Who may speak to the customer, and which process takes the turn.

The **owner** of a conversation is `bot`, `queue` or `agent:<id>`. Every change of owner counts the **fence** up; who
writes to the customer shows the fence it was given, and a stale one is refused. The **worker** is the app process that
takes the bot's turn; a dead one's claim runs out by itself.

The statements of a turn are built once, here and in the modules beside: building one costs more than running it.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import bindparam, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from core.errors import NotFound
from core.storage.tables import conversations

BOT = "bot"
QUEUE = "queue"
AGENT_PREFIX = "agent:"

_HERE = conversations.c.id == bindparam("conversation")
_READ = select(conversations.c.owner, conversations.c.fence).where(_HERE)
_CLAIM = (
    update(conversations)
    .where(
        _HERE,
        or_(
            conversations.c.worker.is_(None),
            conversations.c.worker == bindparam("claimant"),
            conversations.c.worker_until < bindparam("now"),
        ),
    )
    .values(worker=bindparam("claimant"), worker_until=bindparam("until"))
    .returning(conversations.c.owner, conversations.c.fence)
)
_RELEASE = (
    update(conversations)
    .where(_HERE, conversations.c.worker == bindparam("claimant"))
    .values(worker=None, worker_until=None)
)


@dataclass(frozen=True, slots=True)
class Lease:
    owner: str
    fence: int

    @property
    def agent_id(self) -> str | None:
        return self.owner.removeprefix(AGENT_PREFIX) if self.owner.startswith(AGENT_PREFIX) else None


def agent_owner(agent_id: str) -> str:
    return AGENT_PREFIX + agent_id


async def read(conn: AsyncConnection, conversation_id: str) -> Lease:
    row = (await conn.execute(_READ, {"conversation": conversation_id})).one_or_none()
    if row is None:
        raise NotFound(f"no conversation {conversation_id}")
    return Lease(row.owner, row.fence)


async def do_transfer(conn: AsyncConnection, conversation_id: str, owner: str) -> Lease:
    """Give the conversation to `owner`. From the commit on, whoever held it before is refused."""
    change = (
        update(conversations)
        .where(conversations.c.id == conversation_id)
        .values(owner=owner, fence=conversations.c.fence + 1)
        .returning(conversations.c.fence)
    )
    fence = (await conn.execute(change)).scalar_one_or_none()
    if fence is None:
        raise NotFound(f"no conversation {conversation_id}")
    return Lease(owner, fence)


async def do_claim(conn: AsyncConnection, conversation_id: str, worker: str, seconds: float) -> Lease | None:
    """Let `worker` take the turns of a conversation for `seconds`; None while another one does."""
    now = datetime.now(UTC)
    claim = {
        "conversation": conversation_id,
        "claimant": worker,
        "now": now,
        "until": now + timedelta(seconds=seconds),
    }
    row = (await conn.execute(_CLAIM, claim)).one_or_none()
    return Lease(row.owner, row.fence) if row else None


async def do_release(conn: AsyncConnection, conversation_id: str, worker: str) -> None:
    await conn.execute(_RELEASE, {"conversation": conversation_id, "claimant": worker})


async def do_renew(conn: AsyncConnection, worker: str, seconds: float) -> None:
    """Prolong all claims of a worker that are still its own."""
    until = datetime.now(UTC) + timedelta(seconds=seconds)
    await conn.execute(update(conversations).where(conversations.c.worker == worker).values(worker_until=until))
