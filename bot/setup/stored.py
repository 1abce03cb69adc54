"""Whether the databases still hold what the set-up put there. A stamp only knows files, and a database may have been
wiped, or be another one behind the same address."""

import asyncio
from collections.abc import Awaitable, Callable

from sqlalchemy.exc import DBAPIError

from core.settings import Settings
from core.storage.database import Database


def shop_is_there(settings: Settings) -> bool:
    from actions.backends.demo_shop.seed import is_seeded

    return _holds(lambda: is_seeded(settings.demo_shop_url))


def agents_are_there(settings: Settings) -> bool:
    from handoff.agents import has_demo_agents

    return _asked(settings, has_demo_agents)


def knowledge_is_there(settings: Settings) -> bool:
    from retrieval.seed import has_entries

    return _asked(settings, has_entries)


def _asked(settings: Settings, question: Callable[[Database], Awaitable[bool]]) -> bool:
    async def ask() -> bool:
        database = Database(settings.database_url, settings.data_key.get_secret_value())
        try:
            return await question(database)
        finally:
            await database.close()

    return _holds(ask)


def _holds(question: Callable[[], Awaitable[bool]]) -> bool:
    async def ask() -> bool:
        return await question()

    try:
        return asyncio.run(ask())
    except DBAPIError:  # no such table; of a database that cannot be reached the step itself will tell
        return False
