"""`./kefu links …`: which customers of channels were found to be the same, and undoing it."""

import asyncio

from redis.exceptions import RedisError
from rich.console import Console
from rich.table import Table

from bot.commands.database import using_database
from core.bus import Bus
from core.conversation import identity
from core.conversation.identity import Link
from core.settings import load_settings
from handoff.links import announce_undone

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
    asyncio.run(_undo(link_id))


async def _undo(link_id: str) -> None:
    link = await using_database(lambda conn: identity.do_unlink(conn, link_id, BY_COMMAND))
    if link.undone_at:
        console.print("这条关联之前已经撤销 · undone before")
    else:
        console.print("已撤销，双方各回各的会话 · undone: both are back in conversations of their own")
    await _tell(link)


async def _tell(link: Link) -> None:
    """Open pages follow at once, where Redis is there to tell them."""
    bus = Bus(load_settings().redis_url)
    try:
        await bus.redis.ping()
        await announce_undone(bus, link)
    except (RedisError, OSError):
        console.print("连不上 Redis，打开着的页面刷新后才会跟上 · no Redis: pages that are open follow once reloaded")
    finally:
        await bus.close()
