"""`./kefu links …`: which customers of channels were found to be the same, and undoing it."""

import asyncio

from rich.console import Console
from rich.table import Table

from bot.commands.database import using_database
from core.conversation import identity

BY_COMMAND = "command"
console = Console(highlight=False)


def show(conversation_id: str | None, limit: int) -> None:
    found = asyncio.run(using_database(lambda conn: identity.links_of(conn, conversation_id, limit)))
    if not found:
        console.print("没有关联 · No links.")
        return
    table = Table("link", "by", "from", "to", "moved", "made", "undone")
    for link in found:
        channels = ", ".join(sorted({channel for channel, _sender in link.moved["identities"]}))
        undone = f"{link.undone_at:%m-%d %H:%M} {link.undone_by}" if link.undone_at else ""
        made = f"{link.created_at:%m-%d %H:%M}"
        table.add_row(link.id, link.kind, link.from_conversation, link.to_conversation, channels, made, undone)
    console.print(table)


def undo(link_id: str) -> None:
    """Raises NotFound."""
    link = asyncio.run(using_database(lambda conn: identity.do_unlink(conn, link_id, BY_COMMAND)))
    if link.undone_at:
        console.print("这条关联之前已经撤销 · undone before")
    else:
        console.print("已撤销，双方各回各的会话 · undone: both are back in conversations of their own")
