"""A conversation that people take in a vendor's own client leaves our queue."""

from core.conversation import identity, lease, log
from core.storage.database import Database
from handoff import queue, record
from handoff.elsewhere import do_give_away


async def test_a_waiting_customer_leaves_our_queue(database: Database) -> None:
    async with database.begin() as conn:
        conversation_id = await identity.do_open(conn, "wecom_kf", "wk1:wm1")
        asked = {"reason": "customer", "decision": {}, "summary": {}, "priority": 0, "agents_available": 1}
        change = await queue.do_request(conn, conversation_id, **asked)
    async with database.begin() as conn:
        await do_give_away(conn, conversation_id, "agent:wecom")
    async with database.connect() as conn:
        assert (await lease.read(conn, conversation_id)).owner == "agent:wecom"
        assert await record.open_handoff(conn, conversation_id) is None
        assert (await record.read(conn, change.handoff.id)).status == record.CANCELLED
        [event] = await log.read(conn, conversation_id, types=["handoff.elsewhere"])
        assert event.data["owner"] == "agent:wecom"


async def test_and_comes_back_to_the_bot(database: Database) -> None:
    async with database.begin() as conn:
        conversation_id = await identity.do_open(conn, "wecom_kf", "wk1:wm1")
        await do_give_away(conn, conversation_id, "agent:wecom")
        await do_give_away(conn, conversation_id, lease.BOT)
        assert (await lease.read(conn, conversation_id)).owner == lease.BOT
