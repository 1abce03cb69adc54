"""For commands that read or change a little in the database, whether Kefu runs or not."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from sqlalchemy.ext.asyncio import AsyncConnection

from bot.commands.up import prepared_secrets
from core.storage.database import Database

T = TypeVar("T")


async def using_database(do: Callable[[AsyncConnection], Awaitable[T]]) -> T:
    """In one transaction, on a database of the newest version."""
    settings = prepared_secrets()
    database = Database(settings.database_url, settings.data_key.get_secret_value())
    try:
        await database.migrate()
        async with database.begin() as conn:
            return await do(conn)
    finally:
        await database.close()
