"""`./kefu up`: prepare, start, wait, say where, keep running, stop."""

import asyncio
import contextlib
import fcntl
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import yaml
from rich.console import Console
from rich.table import Table

from bot import services
from bot.control import listening
from bot.model_switch import Active, announce, retire
from bot.move import Mover
from bot.setup.prepare import stale
from bot.setup.secrets import make_secrets
from bot.setup.step import Stamps
from bot.setup.steps import steps
from bot.supervisor import Supervisor
from core import processes
from core.errors import KefuError
from core.settings import HOME, Settings, load_settings
from training.promote import changed, last_refusal
from training.registry import Registry

console = Console(stderr=True, highlight=False)


class CannotStart(KefuError):
    """Says what is in the way, and how to mend it."""

    code = "cannot_start"


def up(overrides: dict[str, str]) -> None:
    """`overrides`: KEFU_ variables from the command line. Blocks until Ctrl-C or SIGTERM; then all is stopped."""
    with preparing(overrides, _say) as (supervisor, settings):
        asyncio.run(_serve(supervisor, settings))


@contextlib.contextmanager
def preparing(overrides: dict[str, str], say: Callable[[str], None]) -> Iterator[tuple[Supervisor, Settings]]:
    """All that comes before the start, in the order in which it is cheap to find out that it cannot go on."""
    os.environ.update(overrides)
    settings = prepared_secrets()
    with only_one(settings):
        processes.reap(settings.var_dir / "run")
        check_ports(settings)
        ensure_prepared(settings)
        version = Registry(settings).current()
        say(f"models: {version.name}{_behind(settings)}")
        parts = [
            *([services.stores(settings)] if services.runs_stores(settings) else []),
            services.assistant(settings, version.assistant),
            services.app(settings, overrides),
            *([services.demo_wechat(settings, overrides)] if settings.demo_wechat else []),
        ]
        announce(settings, Active(version.name, settings.assistant_url))
        try:
            yield Supervisor(parts, var_dir=settings.var_dir, cwd=settings.home, announce=say), settings
        finally:
            retire(settings)


def _behind(settings: Settings) -> str:
    """Why the data files are ahead of the version that serves; empty when they are not."""
    if not changed(settings):
        return ""
    reasons = last_refusal(settings)
    if reasons is None:
        return "; the data files have changed since: ./kefu train, then ./kefu promote"
    return "\n".join(
        ["; the gate refused what was trained since:", *reasons, "Mend the data, or ./kefu promote --force WHY"]
    )


def prepared_secrets() -> Settings:
    """Settings need their secrets, so these are made first."""
    made = make_secrets(Path(os.environ.get("KEFU_VAR_DIR") or HOME / "var").absolute())
    settings = load_settings()
    if made:
        console.print(f"Made development secrets in {settings.var_dir / 'secrets.env'}")
    return settings


def ensure_prepared(settings: Settings) -> None:
    """In a process of its own, so that what training needs is not held for as long as we serve."""
    if not stale(steps(settings), Stamps(settings.var_dir / "stamps")):
        return
    command = [sys.executable, "-m", "bot.cli", "prepare"]
    with subprocess.Popen(command, cwd=settings.home, preexec_fn=processes.tie(signal.SIGTERM)) as child:
        try:
            code = child.wait()
        except BaseException:  # Ctrl-C or SIGTERM: nothing goes on training alone
            child.terminate()
            raise
    if code != 0:
        raise CannotStart("The set-up did not finish: see above. Run the command again; it goes on where it stopped.")


@contextlib.contextmanager
def only_one(settings: Settings) -> Iterator[None]:
    """One `up` a var folder. The lock dies with its process, so nothing stale is ever in the way."""
    settings.var_dir.mkdir(parents=True, exist_ok=True)
    with _lock_file(settings).open("a+", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise CannotStart(
                f"Kefu already runs from this folder: {running(settings)}\n"
                "Open that address, or stop it (Ctrl-C there, or kill its pid). To run a second one, give it a folder"
                " and ports of its own: KEFU_VAR_DIR=… ./kefu up --port … --assistant-port …"
            ) from None
        lock.truncate(0)
        lock.write(f"http://{settings.host}:{settings.port} (pid {os.getpid()})")
        lock.flush()
        yield


def running(settings: Settings) -> str | None:
    """Address and pid of the Kefu that runs from this var folder, if one does."""
    try:
        with _lock_file(settings).open(encoding="utf-8") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return lock.read() or "just being started"
    except FileNotFoundError:
        pass
    return None


def _lock_file(settings: Settings) -> Path:
    return settings.var_dir / "up.lock"


def check_ports(settings: Settings) -> None:
    """Raises CannotStart when a port that we need is taken."""
    assistant = urlsplit(settings.assistant_url)
    wanted = [(settings.host, settings.port, "--port"), ("127.0.0.1", assistant.port or 5005, "--assistant-port")]
    if settings.demo_wechat:
        wanted.append(("127.0.0.1", settings.demo_wechat_port, "--demo-wechat-port"))
    for host, port, option in wanted:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except PermissionError:
                raise CannotStart(
                    f"Port {port} may not be used by this user; choose one above 1023: {option}"
                ) from None
            except OSError as error:
                raise CannotStart(
                    f"Port {port} on {host} cannot be used: {error.strerror or error}{_holder(port)}.\n"
                    f"Stop what uses it, or choose another: ./kefu up {option} {services.free_port()}"
                ) from None


def _holder(port: int) -> str:
    with contextlib.suppress(psutil.Error):
        for one in psutil.net_connections("tcp"):
            if one.status == psutil.CONN_LISTEN and one.laddr and one.laddr.port == port and one.pid:
                return f" (by {psutil.Process(one.pid).name()}, pid {one.pid})"
    return ""


async def _serve(supervisor: Supervisor, settings: Settings) -> None:
    stopping = asyncio.Event()

    def on_signal() -> None:
        if stopping.is_set():  # a second Ctrl-C
            supervisor.kill()
        stopping.set()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, on_signal)
    work = asyncio.create_task(_run(supervisor, settings))
    stop = asyncio.create_task(stopping.wait())
    try:
        await asyncio.wait({work, stop}, return_when=asyncio.FIRST_COMPLETED)
        if stopping.is_set():
            console.print("\nStopping …")
        work.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await work
    finally:
        stop.cancel()
        await supervisor.stop()


async def _run(supervisor: Supervisor, settings: Settings) -> None:
    began = time.monotonic()
    await supervisor.start()
    _show_addresses(settings, time.monotonic() - began)
    async with listening(settings, {"move": Mover(settings, supervisor).move}):
        await supervisor.watch()


def _say(text: str) -> None:
    console.print(f"[dim]{time.strftime('%H:%M:%S')}[/dim] {text}")


def _show_addresses(settings: Settings, seconds: float) -> None:
    base = (settings.public_url or "").rstrip("/")
    table = Table(title=f"客服已就绪 · Kefu is ready ({seconds:.1f} s)", show_header=False, title_style="bold green")
    table.add_row("聊天页 chat", f"{base}/")
    table.add_row("坐席台 desk", f"{base}/desk")
    table.add_row("接口文档 API docs", f"{base}/docs")
    if settings.demo_wechat:
        table.add_row("微信演示 WeChat demo", f"http://127.0.0.1:{settings.demo_wechat_port}/")
    if settings.demo and settings.demo_agent_password:
        password = settings.demo_agent_password.get_secret_value()
        for username, role in demo_logins(settings):
            table.add_row(f"演示坐席 demo {role}", f"{username} / {password}")
    table.add_row("日志 logs", str(settings.var_dir / "logs"))
    Console().print(table)
    console.print("Ctrl-C stops everything.")


def demo_logins(settings: Settings) -> list[tuple[str, str]]:
    """(username, role) of the demo's desk."""
    accounts = yaml.safe_load((settings.home / "handoff" / "demo_agents.yml").read_text(encoding="utf-8"))
    return [(account["username"], account["role"]) for account in accounts]
