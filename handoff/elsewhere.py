"""Conversations that people hold in a vendor's own client (WeCom's app): what our queue does then."""

from datetime import UTC, datetime

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncConnection

from core.conversation import lease, log
from core.storage.tables import handoffs
from handoff.queue import lock
from handoff.record import CANCELLED, CLOSED, TAKEN, open_handoff


async def do_give_away(conn: AsyncConnection, conversation_id: str, owner: str) -> None:
    """Let `owner` have the conversation. An open handoff of our own ends; the customer is told nothing: they know.

    Runs in the caller's write transaction. The caller tells of it once it is committed.
    """
    await lock(conn, conversation_id)
    handoff = await open_handoff(conn, conversation_id)
    if handoff:
        ended = CLOSED if handoff.status == TAKEN else CANCELLED
        change = update(handoffs).where(handoffs.c.id == handoff.id)
        await conn.execute(change.values(status=ended, closed_at=datetime.now(UTC)))
    await lease.do_transfer(conn, conversation_id, owner)
    data = {"owner": owner, "handoff_id": handoff.id if handoff else None}
    await log.do_append(conn, conversation_id, "handoff.elsewhere", data)
