"""The app's channel, put together."""

from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from fastapi import APIRouter

from connectors.app import rest, socket
from connectors.app.customer import Customers
from connectors.app.presence import Presence
from connectors.app.push import PushHook
from connectors.feed import Feed, OwnerState
from connectors.intake import Intake
from connectors.limits import Limits
from connectors.media import MediaStore
from connectors.tokens import Tokens
from connectors.web.media_api import Uploads
from core.bus import Bus
from core.storage.database import Database


class AppChannel:
    """`hook`: called for customers whose app is closed; None when the deployment has none."""

    def __init__(
        self,
        database: Database,
        bus: Bus,
        intake: Intake,
        tokens: Tokens,
        limits: Limits,
        media: MediaStore,
        uploads: Uploads,
        owner_state: OwnerState,
        hook: Callable[[dict[str, Any]], Awaitable[None]] | None,
    ) -> None:
        presence = self._presence = Presence(bus.redis)
        customers = Customers(database, intake, tokens, limits)
        self._push = PushHook(database, bus.redis, presence, hook) if hook else None
        self._routers = (
            rest.router(database, customers, limits, media, uploads, owner_state),
            socket.router(customers, Feed(database, bus, owner_state), presence, media),
        )

    def router(self) -> APIRouter:
        api = APIRouter()
        for part in self._routers:
            api.include_router(part)
        return api

    @property
    def work(self) -> tuple[Callable[[], Coroutine[Any, Any, None]], ...]:
        """What has to run in the background."""
        return (self._presence.run, self._push.run) if self._push else (self._presence.run,)
