"""`./kefu agents …`."""

import asyncio
from collections.abc import Awaitable, Callable

from rich.console import Console
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.commands.up import prepared_secrets
from core.storage.database import Database
from handoff import agents

console = Console(highlight=False)


def add(username: str, name: str, role: agents.Role, password: str) -> None:
    """Raises InvalidInput, or Conflict when the username is taken."""
    asyncio.run(_write(lambda conn: agents.do_create(conn, username, name, password, role)))
    console.print(f"[green]✓[/green] {username} ({role})")


def disable(username: str) -> None:
    """Raises NotFound."""
    asyncio.run(_write(lambda conn: agents.do_disable(conn, username)))
    console.print(f"[green]✓[/green] {username} is signed out and cannot sign in")


async def _write(change: Callable[[AsyncConnection], Awaitable[object]]) -> None:
    settings = prepared_secrets()
    database = Database(settings.database_url, settings.data_key.get_secret_value())
    try:
        await database.migrate()
        async with database.begin() as conn:
            await change(conn)
    finally:
        await database.close()
