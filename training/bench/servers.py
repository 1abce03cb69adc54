"""What is measured: our product as `./kefu up` starts it, and a stock Rasa project trained on the same data."""

import contextlib
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import orjson
import psutil

from core import processes
from core.errors import KefuError
from core.settings import HOME, load_settings
from core.storage.database import Database
from training.bench.load import Target

FOLDER = HOME / "var" / "bench"
START_SECONDS = 900.0  # the first start of the product trains
STOP_SECONDS = 30.0
LOCAL = "127.0.0.1"


class DidNotStart(KefuError):
    """A server to measure did not come up; the message shows the end of its log."""

    code = "did_not_start"


@dataclass(frozen=True)
class Product:
    """`action_url` with `action_token` runs the actions, for whoever else wants them run."""

    target: Target
    action_url: str
    action_token: str
    var_dir: Path

    def process(self, name: str) -> psutil.Process:
        """One of its parts as it runs now: stores, assistant or app."""
        pid, _, _started = (self.var_dir / "run" / f"{name}.pid").read_text(encoding="utf-8").partition(" ")
        return psutil.Process(int(pid))

    def database(self) -> Database:
        """Its database, beside the running product. Sealed with its own key."""
        settings = load_settings(var_dir=str(self.var_dir), action_token=self.action_token)
        return Database(settings.database_url, settings.data_key.get_secret_value())


@contextlib.contextmanager
def product(**settings: object) -> Iterator[Product]:
    """`./kefu up` on free ports, with databases of its own; every customer is another member of the demo shop."""
    token = secrets.token_urlsafe(24)
    port, assistant_port = free_ports(2)
    var_dir = FOLDER / "product"
    _share(load_settings().var_dir / "models", var_dir / "models")
    environment = {**without_kefu(), "KEFU_VAR_DIR": str(var_dir), "KEFU_ACTION_TOKEN": token}
    environment["KEFU_MESSAGES_PER_MINUTE"] = "0"  # these customers write faster than people
    environment |= {f"KEFU_{name.upper()}": str(value) for name, value in settings.items()}
    command = [sys.executable, "-m", "bot.cli", "up", "--port", str(port), "--assistant-port", str(assistant_port)]
    url = f"http://{LOCAL}:{port}"
    with server("product", command, environment, lambda: answers(f"{url}/health")):
        target = Target("kefu", url, lambda client: {"member_token": _log_in(url, client)})
        yield Product(target, f"{url}/actions/webhook", token, var_dir)


def _share(models: Path, link: Path) -> None:
    """What was trained before is measured, not trained again."""
    models.mkdir(parents=True, exist_ok=True)
    link.parent.mkdir(parents=True, exist_ok=True)
    if not link.is_symlink():
        shutil.rmtree(link, ignore_errors=True)
        link.symlink_to(models)


def _log_in(url: str, client: int) -> str:
    body = orjson.dumps({"member_id": member_id(client)})
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(f"{url}/api/demo/login", body, headers)
    with urllib.request.urlopen(request, timeout=30) as answer:
        token = orjson.loads(answer.read())["member_token"]
    return str(token)


def member_id(client: int) -> str:
    """The demo shop has the members M0001 to M0200."""
    return f"M{client % 200 + 1:04d}"


@contextlib.contextmanager
def server(
    name: str, command: Sequence[str | Path], environment: Mapping[str, str], ready: Callable[[], bool]
) -> Iterator[None]:
    """Raises DidNotStart. The server ends with the block, and with this process."""
    log = FOLDER / "logs" / f"{name}.log"
    processes.rotate(log)
    process = processes.start(command, name=name, environment=environment, log=log, run_dir=FOLDER / "run", cwd=HOME)
    try:
        _wait(name, process, ready, log)
        yield
    finally:
        processes.stop(process, STOP_SECONDS)


def _wait(name: str, process: subprocess.Popen[bytes], ready: Callable[[], bool], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not ready():
        if process.poll() is not None or time.monotonic() > deadline:
            raise DidNotStart(f"{name} did not start. The end of {log}:\n{processes.tail(log)}")
        time.sleep(0.3)


def answers(url: str) -> bool:
    with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=5) as answer:
        return bool(answer.status == 200)
    return False


def free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind((LOCAL, 0))
        return [one.getsockname()[1] for one in sockets]


def without_kefu() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("KEFU_")}
