"""What a customer says while waiting for a person: leave a ticket, stop waiting, or more about the matter."""

from __future__ import annotations

import re
from dataclasses import asdict
from datetime import UTC, datetime, timedelta

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from core.conversation import transcript
from core.conversation.message import Message
from core.storage.tables import messages
from handoff import queue, record, tickets
from handoff.choices import meant
from handoff.labels import labels
from handoff.notices import notice, notices
from handoff.words import in_words
from retrieval.text import normalise

LEAVE_TICKET = "/leave_ticket"
STOP_WAITING = "/never_mind"
RECENT = 10
"""Messages among which the last list of buttons is looked for."""
_GIVES_UP = re.compile(
    r"(?:[那我还就先]|还是)*(?:不用?(?:等|排|转|人工)|算|唔(?:使|等|要)|取消排队)[^没吗么嘛?？几多什怎]{0,6}(?:[,，。\s][^吗么嘛?？]{0,8})?"
)
"""那就先不等了, 唔使啦 bb瞓咗, in so many words: here nobody understands but this."""
QUIET = timedelta(seconds=60)
"""After the system said something, further words are taken in without a word."""


async def do_answer(conn: AsyncConnection, said: Message, agents_available: int) -> queue.Change | None:
    """Take what a customer said while the conversation is queued, and tell them what became of it.

    Leaving a ticket and no longer waiting give the conversation back to the bot. None: nothing to say now.
    """
    await queue.lock(conn, said.conversation_id)
    handoff = await record.open_handoff(conn, said.conversation_id)
    if handoff is None or handoff.status != record.WAITING:
        return None
    wish = said.payload or await _named(conn, said) or _said_to_stop(said)
    if wish == LEAVE_TICKET:
        return await _leave_ticket(conn, handoff, said)
    if wish == STOP_WAITING:
        return await queue.do_cancel(conn, said.conversation_id, reply_to=said.id)
    if await _spoke_just_now(conn, said.conversation_id):
        return None
    text = await queue.waiting_notice(conn, said.conversation_id, agents_available, again=True)
    told = await queue.do_tell(conn, said.conversation_id, text, reply_to=said.id)
    return queue.Change(handoff, told)


async def _leave_ticket(conn: AsyncConnection, handoff: record.Handoff, said: Message) -> queue.Change | None:
    """What was said before is in the summary, what was said since is added; the customer need not say it again."""
    subject = f"{handoff.summary['customer']['name']}：{labels().reason(handoff.reason)}"
    summary = [f"{line['label']}：{line['text']}" for line in handoff.summary["lines"]]
    since = [
        f"{labels().lines['since']}：{in_words(message.text, message.attachments)}"
        for message in await transcript.newest(conn, said.conversation_id)
        if message.author == "customer" and message.created_at > handoff.created_at and message.id != said.id
    ]
    ticket = await tickets.do_create(
        conn,
        said.conversation_id,
        subject=subject,
        body="\n".join([*summary, *since] or [subject])[: tickets.LONGEST_BODY],
        priority="high" if handoff.priority else "normal",
        handoff_id=handoff.id,
        key=said.id,
    )
    say = notice("ticket", number=ticket.number)
    return await queue.do_cancel(conn, said.conversation_id, reply_to=said.id, say=say)


async def _named(conn: AsyncConnection, said: Message) -> str | None:
    """The payload of the button that was named, of any notice by its title and of the last by its place: not every
    channel has buttons."""
    before = await transcript.read(conn, said.conversation_id, before=said.seq, limit=RECENT)
    shown = next((message.buttons for message in reversed(before) if message.buttons), ())
    offered = (shown, *(found.buttons for found in notices().values()))
    button = meant(normalise(said.text or ""), [[asdict(button) for button in buttons] for buttons in offered])
    return button["payload"] if button else None


def _said_to_stop(said: Message) -> str | None:
    return STOP_WAITING if _GIVES_UP.fullmatch(normalise(said.text or "")) else None


async def _spoke_just_now(conn: AsyncConnection, conversation_id: str) -> bool:
    last = select(messages.c.created_at).where(
        messages.c.conversation_id == conversation_id, messages.c.author == "system"
    )
    told_at = (await conn.execute(last.order_by(messages.c.seq.desc()).limit(1))).scalar_one_or_none()
    return told_at is not None and datetime.now(UTC) - told_at < QUIET
