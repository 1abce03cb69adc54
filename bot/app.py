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
from bot.channels import Work
from bot.facts import ShopFacts
from bot.gateway import Gateway
from bot.handover import Handover
from bot.model_switch import ModelSwitch, active, load_sentiment
from bot.rasa_client import Assistant
from bot.understanding import Understanding, load_risk_terms
from connectors.intake import Intake
from connectors.media import MediaStore
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
NOTICES = Path(__file__).with_name("notices.yml")
DESCRIPTION = "Kefu 智能客服的 HTTP 接口。网页聊天、Rasa 兼容的 REST 与 socket.io、人工坐席、知识库。"

logger = structlog.get_logger()


@dataclass
class Parts:
    """What the app is made of, while it runs. `work` runs as long as the app does."""

    settings: Settings
    database: Database
    bus: Bus
    shop: Shop
    search: KnowledgeSearch
    work: tuple[Work, ...]


def create_app() -> FastAPI:
    """Reads the settings and makes the app; what needs a running event loop is opened when it starts."""
    logs.configure()
    settings = load_settings()

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with _opened(settings, app) as parts:
            running = [asyncio.create_task(work()) for work in parts.work]
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
        media = channels.media_of(settings, database)
        facts = ShopFacts(shop)
        brand = {"name": settings.brand, "greeting": notices["greeting"], "assistant": notices["assistant_name"]}
        channel_work = await stack.enter_async_context(
            channels.opened(
                app,
                settings,
                database,
                bus,
                media,
                owner_state=handover.owner_state,
                member_card=facts.card,
                brand=brand,
            )
        )
        parts = Parts(settings, database, bus, shop, search, (gateway.run, switch.run, *channel_work))
        _add_routes(app, parts, presence, facts, media)
        yield parts


def _add_routes(app: FastAPI, parts: Parts, presence: Presence, facts: ShopFacts, media: MediaStore) -> None:
    settings, database, bus, shop = parts.settings, parts.database, parts.bus, parts.shop
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
    app.include_router(desk_api.router(database, bus, presence, facts, secure=secure, with_links=media.with_links))
    app.include_router(
        knowledge_api.router(parts.search, database, bus, desk_api.editor(database, bus, presence, secure=secure))
    )
    app.include_router(action_server.router(action_server.build_executor(services), settings.action_token))
    if settings.demo and settings.backend == "demo":
        shown = [demo.DemoMember.model_validate(vars(member)) for member in demo_members()]
        intake, tokens = Intake(database, bus), channels.tokens_of(settings)
        app.include_router(demo.router(shop.members, tokens, intake, shown))
    assert settings.pages_dir is not None
    widget_origins = settings.widget_origins or (LOCAL_SITES if settings.demo else ())
    app.include_router(pages.router(settings.pages_dir, widget_origins))


def _secret(value: Any) -> str | None:
    return value.get_secret_value() if value else None


def _reply(notice: dict[str, Any]) -> Reply:
    return Reply(text=notice["text"], buttons=tuple(Button(**button) for button in notice.get("buttons", ())))
