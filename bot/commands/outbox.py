"""`./kefu outbox …`: what could not be delivered, and sending it again."""

import asyncio
from collections import Counter

from rich.console import Console
from rich.table import Table
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.commands.database import using_database
from core.conversation import outbox
from core.conversation.message import Message
from core.errors import InvalidInput
from core.masking import mask
from core.storage.tables import messages

QUOTE = 24  # characters
console = Console(highlight=False)


def show(channel: str | None, limit: int) -> None:
    found = asyncio.run(using_database(lambda conn: outbox.undelivered(conn, channel, limit)))
    if not found:
        console.print("没有未送达的消息 · Everything was delivered.")
        return
    table = Table("message", "channel", "why", "written", "text")
    for message in found:
        written = f"{message.created_at:%m-%d %H:%M}"
        table.add_row(message.id, message.channel, message.failure, written, _quote(message))
    console.print(table)
    console.print(", ".join(f"{failure}: {count}" for failure, count in Counter(m.failure for m in found).items()))


def send_again(message_id: str | None, channel: str | None, failure: str | None, *, everything: bool) -> None:
    """Raises InvalidInput when nothing says which."""
    which = [
        condition
        for value, condition in (
            (message_id, messages.c.id == message_id),
            (channel, messages.c.channel == channel),
            (failure, messages.c.failure == failure),
        )
        if value
    ]
    if not which and not everything:
        raise InvalidInput("say which: a message's id, --channel, --failure or --all")

    async def queue(conn: AsyncConnection) -> list[Message]:
        return await outbox.do_send_again(conn, *which)

    queued = asyncio.run(using_database(queue))
    console.print(f"{len(queued)} 条消息重新排队 · queued again; a running Kefu sends them within seconds.")


def _quote(message: Message) -> str:
    text = mask(message.text or "")
    return text if len(text) <= QUOTE else text[: QUOTE - 1] + "…"
