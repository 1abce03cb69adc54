"""The app: everything wired together. `create_app` is what uvicorn starts."""

import asyncio
import contextlib
import gc
import os
import signal
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import socketio
import structlog
import yaml
from fastapi import FastAPI
from fastapi_offline import FastAPIOffline

from actions import server as action_server
from actions.backends.choose import open_shop
from actions.backends.demo_shop.seed import demo_members
from actions.backends.protocols import Shop
from actions.services import Services
from actions.stores import LoggedRatings, StoredKnowledge, StoredTickets
from bot import channels, demo, docs, edges, guards, logs, pages
from bot.channels import Channels
from bot.facts import ShopFacts
from bot.gateway import Gateway
from bot.handover import Handover
from bot.model_switch import ModelSwitch, active, load_sentiment
from bot.rasa_client import Assistant
from bot.understanding import Understanding, load_risk_terms
from connectors import identity_api
from connectors.delivered import Delivered
from connectors.intake import Intake
from connectors.limits import Limits
from connectors.media import MediaStore
from connectors.phone import HttpSms, PhoneCodes
from connectors.tokens import Tokens
from connectors.web import media_api, pages_api, rest
from connectors.web.media_api import Uploads
from connectors.web.socketio import SocketChannel
from core.bus import Bus
from core.conversation.message import Button, Reply
from core.settings import Settings, load_settings
from core.storage.database import Database
from handoff import api as desk_api
from handoff.presence import Presence
from retrieval import api as knowledge_api
from retrieval.encoder import EMBEDDED, load_encoder
from retrieval.encoder.embedded import EmbeddedEncoder
from retrieval.search import KnowledgeSearch

SWITCH_SECONDS = 0.001  # a thread that comes back from the encoder or the disk waits no longer (Python: 5 ms)
GARBAGE = 20_000  # objects made before the collector looks at them (Python: 700)
LOCAL_SITES = ("http://localhost:*", "http://127.0.0.1:*")  # to try the widget out
SMS_SECONDS = 5.0
NOTICES = Path(__file__).with_name("notices.yml")
DESCRIPTION = "Kefu 智能客服的 HTTP 接口。网页聊天、Rasa 兼容的 REST 与 socket.io、人工坐席、知识库。"

logger = structlog.get_logger()


@dataclass
class Parts:
    """What the app is made of, while it runs."""

    settings: Settings
    database: Database
    bus: Bus
    shop: Shop
    search: KnowledgeSearch
    gateway: Gateway
    switch: ModelSwitch
    delivered: Delivered
    intake: Intake
    limits: Limits
    media: MediaStore
    codes: PhoneCodes
    channels: Channels


def create_app() -> FastAPI:
    """Reads the settings and makes the app; what needs a running event loop is opened when it starts."""
    logs.configure()
    settings = load_settings()

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with _opened(settings, app) as parts:
            work = (parts.gateway.run, parts.delivered.run, parts.switch.run, *parts.channels.work)
            running = [asyncio.create_task(part()) for part in work]
            for task in running:
                task.add_done_callback(_end_process)
            _settle()
            yield
            for task in running:
                task.remove_done_callback(_end_process)
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)

    app = FastAPIOffline(None, None, title="Kefu 客服", description=DESCRIPTION, version="0.1.0", lifespan=lifespan)
    edges.install(app, metrics_token=_secret(settings.metrics_token))
    guards.install(app, settings)
    app.include_router(docs.router())
    return app


def _settle() -> None:
    """What was loaded stays: the garbage collector need not look through models and libraries again and again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(GARBAGE, 20, 20)
    sys.setswitchinterval(SWITCH_SECONDS)


def _end_process(broken: asyncio.Task[None]) -> None:
    """An app that accepts messages and no longer answers them is worse than none: end, and be started again."""
    logger.critical("a part of the app broke; ending the process", exc_info=broken.exception())
    os.kill(os.getpid(), signal.SIGTERM)


@contextlib.asynccontextmanager
async def _opened(settings: Settings, app: FastAPI) -> AsyncIterator[Parts]:
    async with contextlib.AsyncExitStack() as stack:
        database = Database(settings.database_url, settings.data_key.get_secret_value())
        stack.push_async_callback(database.close)
        await database.migrate()
        bus = Bus(settings.redis_url)
        stack.push_async_callback(bus.close)
        await bus.start()
        shop = open_shop(settings)
        stack.push_async_callback(shop.close)
        encoder = EmbeddedEncoder(settings.var_dir / "models" / "encoder")
        chosen = encoder if settings.encoder == EMBEDDED else load_encoder(settings.encoder, Path())
        search = await KnowledgeSearch.open(database, chosen, settings.var_dir / "index", bus=bus)
        stack.push_async_callback(search.close)
        now = active(settings)
        sentiment = load_sentiment(settings, now.version)
        risk_terms = load_risk_terms(settings.home / "nlu_data" / "risk_terms.yml")
        understanding = Understanding(encoder, search, sentiment, risk_terms)
        assistant = Assistant(now.url, settings.assistant_timeout_seconds)
        stack.push_async_callback(assistant.close)
        presence = Presence(bus.redis)
        notices = yaml.safe_load(NOTICES.read_text(encoding="utf-8"))
        handover = Handover(database, shop.members, presence.available)
        gateway = Gateway(database, bus, understanding, assistant, handover, _reply(notices["apology"]))
        switch = ModelSwitch(settings, now, assistant, understanding)
        media = MediaStore(
            database,
            settings.secret_key.get_secret_value(),
            public_url=settings.public_url or "",
            max_bytes=settings.media_max_bytes,
        )
        limits = Limits(bus.redis, messages=settings.messages_per_minute, requests=settings.requests_per_minute)
        tools = channels.Tools(database, bus, Intake(database, bus), limits, media)
        parts = Parts(
            settings,
            database,
            bus,
            shop,
            search,
            gateway,
            switch,
            Delivered(database),
            tools.intake,
            limits,
            media,
            await _phone_codes(settings, bus, stack),
            await stack.enter_async_context(channels.opened(channels.read(settings.channels), tools)),
        )
        _add_routes(app, parts, presence, handover, notices)
        yield parts


def _add_routes(app: FastAPI, parts: Parts, presence: Presence, handover: Handover, notices: dict[str, Any]) -> None:
    settings, database, bus, shop, delivered = parts.settings, parts.database, parts.bus, parts.shop, parts.delivered
    tokens = Tokens(settings.secret_key.get_secret_value(), _secret(settings.member_key))
    intake, limits, media = parts.intake, parts.limits, parts.media
    app.state.limits = limits
    uploads = Uploads(media, bus.redis)
    facts = ShopFacts(shop)
    secure = (settings.public_url or "").startswith("https://")
    services = Services(
        orders=shop.orders,
        logistics=shop.logistics,
        returns=shop.returns,
        exchanges=shop.exchanges,
        repairs=shop.repairs,
        prices=shop.prices,
        invoices=shop.invoices,
        members=shop.members,
        knowledge=StoredKnowledge(database, parts.search),
        tickets=StoredTickets(database, bus),
        ratings=LoggedRatings(database),
    )
    brand = {"name": settings.brand, "greeting": notices["greeting"], "assistant": notices["assistant_name"]}
    app.include_router(
        pages_api.router(
            database,
            bus,
            intake,
            tokens,
            delivered,
            limits,
            media,
            uploads,
            owner_state=handover.owner_state,
            member_card=facts.card,
            brand=brand,
        )
    )
    app.include_router(rest.router(database, bus, intake, tokens, delivered, limits))
    app.include_router(desk_api.router(database, bus, presence, facts, secure=secure, with_links=media.with_links))
    app.include_router(
        knowledge_api.router(parts.search, database, bus, desk_api.editor(database, bus, presence, secure=secure))
    )
    app.include_router(action_server.router(action_server.build_executor(services), settings.action_token))
    if settings.demo and settings.backend == "demo":
        shown = [demo.DemoMember.model_validate(vars(member)) for member in demo_members()]
        app.include_router(demo.router(shop.members, tokens, shown))
    assert settings.pages_dir is not None
    widget_origins = settings.widget_origins or (LOCAL_SITES if settings.demo else ())
    app.include_router(pages.router(settings.pages_dir, widget_origins))
    app.include_router(media_api.router(media, uploads, tokens, limits))
    app.include_router(identity_api.router(intake, tokens, parts.codes))
    for router in parts.channels.routers:
        app.include_router(router)
    channel = SocketChannel(database, bus, intake, tokens, delivered, limits, settings.cors_origins)
    app.mount("/socket.io", socketio.ASGIApp(channel.server, socketio_path=""))


async def _phone_codes(settings: Settings, bus: Bus, stack: contextlib.AsyncExitStack) -> PhoneCodes:
    secret = settings.secret_key.get_secret_value()
    if settings.sms_url is None:
        return PhoneCodes(bus.redis, secret, None)
    client = await stack.enter_async_context(httpx.AsyncClient(timeout=SMS_SECONDS))
    return PhoneCodes(bus.redis, secret, HttpSms(settings.sms_url, _secret(settings.member_key) or secret, client))


def _secret(value: Any) -> str | None:
    return value.get_secret_value() if value else None


def _reply(notice: dict[str, Any]) -> Reply:
    return Reply(text=notice["text"], buttons=tuple(Button(**button) for button in notice.get("buttons", ())))
