"""The whole product on free ports with a folder of its own: real stores, real trained assistant, real app."""

import asyncio
import secrets
import shutil
import socket
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import httpx
import psutil

from actions.backends.demo_shop.seed import seed
from bot import services
from bot.supervisor import Service
from core import processes
from core.conversation.message import new_id
from core.crypto import new_key
from core.settings import HOME, Settings, load_settings
from core.storage.database import Database
from handoff.agents import ensure_demo_agents
from retrieval.seed import seed_from_folder
from training.registry import Registry
from training.train import trained

AGENT_PASSWORD = "only-for-tests"


class Product:
    """`start()` brings up stores, assistant and app; each can be killed and started again on its own."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        port, self.assistant_port = _free_ports(2)
        self.values = {
            "KEFU_VAR_DIR": str(folder),
            "KEFU_PAGES_DIR": str(HOME / "var" / "pages"),
            "KEFU_PORT": str(port),
            "KEFU_ASSISTANT_URL": f"http://127.0.0.1:{self.assistant_port}",
            "KEFU_SECRET_KEY": secrets.token_hex(16),
            "KEFU_DATA_KEY": new_key(),
            "KEFU_ACTION_TOKEN": secrets.token_hex(16),
            "KEFU_MESSAGES_PER_MINUTE": "0",  # tests write faster than people
            **{f"KEFU_{name.upper()}": str(value) for name, value in settings.items()},
        }
        overrides = {name.removeprefix("KEFU_").lower(): value for name, value in self.values.items()}
        self.settings: Settings = load_settings(**overrides)
        self.url = f"http://127.0.0.1:{port}"
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def prepare(self) -> None:
        """The trained models and the index are those of `./kefu up`; the data is fresh."""
        home = HOME / "var"
        self.settings.var_dir.mkdir(parents=True, exist_ok=True)
        (self.settings.var_dir / "models").symlink_to(home / "models")
        Registry(self.settings).point_to(trained(self.settings), "first")
        if (home / "index").is_dir():
            shutil.copytree(home / "index", self.settings.var_dir / "index")
        asyncio.run(self._fill())

    async def _fill(self) -> None:
        await seed(self.settings.demo_shop_url)
        database = self.database()
        await database.migrate()
        await seed_from_folder(database, HOME / "nlu_data" / "knowledge")
        await ensure_demo_agents(database, AGENT_PASSWORD)
        await database.close()

    def database(self) -> Database:
        return Database(self.settings.database_url, self.settings.data_key.get_secret_value())

    def start(self) -> None:
        if services.runs_stores(self.settings):
            self.run(services.stores(self.settings))
        assistant = services.assistant(self.settings, Registry(self.settings).current().assistant)
        self.run(assistant, wait=False)
        self.run(self.app())
        self.wait(assistant)

    def app(self, command: Sequence[str] | None = None, **environment: str) -> Service:
        """The app as a service; `command` instead of uvicorn's."""
        service = services.app(self.settings, {**self.values, **environment})
        if command is None:
            return service
        return Service(service.name, command, service.environment, service.ready, service.start_seconds)

    def run(self, service: Service, *, wait: bool = True) -> subprocess.Popen[bytes]:
        log = self.settings.var_dir / "logs" / f"{service.name}.log"
        process = processes.start(
            service.command,
            name=service.name,
            environment=service.environment,
            log=log,
            run_dir=self.settings.var_dir / "run",
            cwd=HOME,
        )
        self._running[service.name] = process
        if wait:
            self.wait(service)
        return process

    def wait(self, service: Service) -> None:
        async def ready() -> None:
            async with asyncio.timeout(service.start_seconds):
                while not await service.ready():
                    if self._running[service.name].poll() is not None:
                        raise RuntimeError(f"{service.name} ended:\n{self.log(service.name)}")
                    await asyncio.sleep(0.1)

        asyncio.run(ready())

    def kill(self, name: str) -> None:
        processes.kill_group(self._running.pop(name))

    def listens_on(self, name: str) -> set[str]:
        """The addresses where a part accepts connections."""
        started = psutil.Process(self._running[name].pid)
        connections = [c for p in (started, *started.children(recursive=True)) for c in p.net_connections("inet")]
        return {connection.laddr.ip for connection in connections if connection.status == psutil.CONN_LISTEN}

    def log(self, name: str) -> str:
        return processes.tail(self.settings.var_dir / "logs" / f"{name}.log")

    def stop(self) -> None:
        for name in ("app", "assistant", "stores"):
            if process := self._running.pop(name, None):
                processes.stop(process, 5)


class Visitor:
    """A customer of the chat page's API, who sends again what was not acknowledged and drops repeated messages."""

    def __init__(self, url: str, member_id: str | None = None) -> None:
        self.http = httpx.Client(base_url=url, timeout=40, trust_env=False)
        body = {}
        if member_id:
            body = self.http.post("/api/demo/login", json={"member_id": member_id}).raise_for_status().json()
        session = self.http.post("/api/web/session", json=body).raise_for_status().json()
        self.conversation_id: str = session["conversation_id"]
        self.http.headers["Authorization"] = f"Bearer {session['token']}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.http.close()

    def post(self, text: str, client_id: str | None = None, payload: str | None = None) -> dict[str, Any]:
        body = {"client_id": client_id or new_id(), "text": text, "payload": payload}
        message: dict[str, Any] = self.http.post("/api/web/messages", json=body).raise_for_status().json()["message"]
        return message

    def messages(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.http.get("/api/web/messages").raise_for_status().json()["messages"]
        return found

    def replies_to(self, message: dict[str, Any]) -> list[dict[str, Any]]:
        return [said for said in self.messages() if said["reply_to"] == message["id"]]


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()
