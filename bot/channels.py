"""All ways in and out, put together: web, app, Rasa's own channels, vendors, identity and media."""

from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import httpx
import socketio
from fastapi import FastAPI
from pydantic import SecretStr

from bot import demo_wechat, vendors
from connectors import identity_api
from connectors.app.channel import AppChannel
from connectors.delivered import Delivered
from connectors.feed import OwnerState
from connectors.hook import Hook
from connectors.intake import Intake
from connectors.limits import Limits
from connectors.media import MediaStore
from connectors.phone import PhoneCodes
from connectors.tokens import Tokens
from connectors.web import media_api, pages_api, rest
from connectors.web.media_api import Uploads
from connectors.web.pages_api import MemberCard
from connectors.web.socketio import SocketChannel
from core.bus import Bus
from core.errors import SettingsError
from core.settings import Settings
from core.storage.database import Database

HOOK_SECONDS = 5.0  # for the deployment's own services to answer

Work = Callable[[], Coroutine[Any, Any, None]]


def tokens_of(settings: Settings) -> Tokens:
    return Tokens(settings.secret_key.get_secret_value(), _plain(settings.member_key))


def media_of(settings: Settings, database: Database) -> MediaStore:
    secret = settings.secret_key.get_secret_value()
    public_url = settings.public_url or ""
    return MediaStore(database, secret, public_url=public_url, max_bytes=settings.media_max_bytes)


@asynccontextmanager
async def opened(
    app: FastAPI,
    settings: Settings,
    database: Database,
    bus: Bus,
    media: MediaStore,
    *,
    owner_state: OwnerState,
    member_card: MemberCard,
    brand: dict[str, str],
) -> AsyncIterator[tuple[Work, ...]]:
    """Adds the routes, and gives what has to run as long as the app does."""
    tokens, delivered, uploads = tokens_of(settings), Delivered(database), Uploads(media, bus.redis)
    intake = Intake(database, bus)
    limits = Limits(bus.redis, messages=settings.messages_per_minute, requests=settings.requests_per_minute)
    app.state.limits = limits
    tools = vendors.Tools(database, bus, intake, limits, media)
    async with (
        httpx.AsyncClient(timeout=HOOK_SECONDS) as client,
        vendors.opened(_vendors(settings), tools) as pushing,
    ):
        codes = PhoneCodes(bus.redis, settings.secret_key.get_secret_value(), _hook(settings, settings.sms_url, client))
        hook = _hook(settings, settings.app_push_url, client)
        phone_app = AppChannel(database, bus, intake, tokens, limits, media, uploads, owner_state, hook)
        pages = pages_api.router(
            database,
            bus,
            intake,
            tokens,
            delivered,
            limits,
            media,
            uploads,
            owner_state=owner_state,
            member_card=member_card,
            brand=brand,
            phone_codes=codes.is_open,
        )
        for router in (
            pages,
            rest.router(database, bus, intake, tokens, delivered, limits),
            media_api.router(media, uploads, tokens, limits),
            identity_api.router(intake, tokens, codes, limits),
            phone_app.router(),
            *pushing.routers,
        ):
            app.include_router(router)
        sockets = SocketChannel(database, bus, intake, tokens, delivered, limits, settings.cors_origins)
        app.mount("/socket.io", socketio.ASGIApp(sockets.server, socketio_path=""))
        yield delivered.run, *phone_app.work, *pushing.work


def _vendors(settings: Settings) -> dict[str, vendors.ChannelSettings]:
    found = vendors.read(settings.channels)
    if settings.demo_wechat:
        if demo_wechat.NAME in found:
            raise SettingsError(f"{settings.channels} has a channel {demo_wechat.NAME!r} already; leave the demo out")
        found[demo_wechat.NAME] = demo_wechat.account(settings)
    return found


def _hook(settings: Settings, url: str | None, client: httpx.AsyncClient) -> Hook | None:
    key = _plain(settings.member_key) or settings.secret_key.get_secret_value()
    return Hook(url, key, client) if url else None


def _plain(value: SecretStr | None) -> str | None:
    return value.get_secret_value() if value else None
