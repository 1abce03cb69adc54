"""The trained assistant, served as `up` serves it, with a scripted action server behind it."""

import json
import secrets
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
import redis

from bot import services
from core import processes
from core.crypto import new_key
from core.settings import HOME, Settings, load_settings
from tests.conftest import missing
from training.registry import Version
from training.sources import encoder_folder
from training.train import train

Answer = dict[str, Any]
Script = Callable[[dict[str, Any]], Answer]


def says(text: str, *events: dict[str, Any]) -> Script:
    return lambda _call: {"events": list(events), "responses": [{"text": text}]}


def sets(name: str, value: Any) -> dict[str, Any]:
    return {"event": "slot", "name": name, "value": value}


class ActionServer:
    """Answers each action by its script; what has none says its own name. `calls` are the bodies, in order."""

    def __init__(self) -> None:
        self.scripts: dict[str, Script] = {}
        self.calls: list[dict[str, Any]] = []
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                server.calls.append(body)
                action = body["next_action"]
                answer = server.scripts.get(action, says(action))(body)
                content = json.dumps(answer).encode()
                self.send_response(answer.get("status", 200))
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, format: str, *args: Any) -> None:
                """Quiet."""

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request: Any, client_address: Any) -> None:
                """A killed assistant does not read its answer."""

        self._server = Server(("127.0.0.1", 0), Handler)
        self.port: int = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def called(self) -> list[str]:
        return [call["next_action"] for call in self.calls]

    def forget(self) -> None:
        self.scripts.clear()
        self.calls.clear()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class Served:
    """One assistant process."""

    def __init__(self, settings: Settings, model: Path, folder: Path) -> None:
        self.service = services.assistant(settings, model)
        self.url = settings.assistant_url
        self.store = redis.Redis.from_url(settings.redis_url, decode_responses=True)
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        log = self._folder / "assistant.log"
        self._process = processes.start(
            self.service.command,
            name="assistant",
            environment=self.service.environment,
            log=log,
            run_dir=self._folder,
            cwd=HOME,
        )
        until = time.monotonic() + self.service.start_seconds
        while True:
            try:
                httpx.get(f"{self.url}/webhooks/kefu/health").raise_for_status()
                return
            except httpx.TransportError:
                assert self._process.poll() is None, processes.tail(log)
                assert time.monotonic() < until, "the assistant does not come up"
                time.sleep(0.2)

    def kill(self) -> None:
        assert self._process is not None
        processes.kill_group(self._process)

    def close(self) -> None:
        self.kill()
        self.store.close()

    def post(self, sender: str, text: str, message_id: str | None = None, **metadata: Any) -> httpx.Response:
        body = {"sender": sender, "message_id": message_id or secrets.token_hex(8), "text": text, "metadata": metadata}
        return httpx.post(f"{self.url}/webhooks/kefu/turn", json=body, timeout=60)

    def turn(self, sender: str, text: str, message_id: str | None = None, **metadata: Any) -> dict[str, Any]:
        response = self.post(sender, text, message_id, **metadata)
        assert response.status_code == 200, response.text
        answer: dict[str, Any] = response.json()
        return answer

    def events(self, sender: str) -> list[dict[str, Any]]:
        """What is stored of the dialogue."""
        return [json.loads(row) for row in self.store.lrange(f"kefu:tracker:{sender}", 0, -1)]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def settings_of(**values: Any) -> Settings:
    return load_settings(
        secret_key=secrets.token_hex(16), data_key=new_key(), action_token=secrets.token_hex(16), **values
    )


@pytest.fixture(scope="session")
def trained() -> Version:
    """The models of this checkout, trained if they are not there."""
    settings = settings_of()
    if not encoder_folder(settings).is_dir() or not (HOME / ".venv-assistant").is_dir():
        missing("the assistant is not set up: ./kefu test does it")
    return train(settings)


@pytest.fixture(scope="session")
def action_server() -> Iterator[ActionServer]:
    server = ActionServer()
    yield server
    server.close()


@pytest.fixture(scope="session")
def served(
    trained: Version, action_server: ActionServer, redis_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Served]:
    port = free_port()
    settings = settings_of(port=action_server.port, assistant_url=f"http://127.0.0.1:{port}", redis_url=redis_url)
    served = Served(settings, trained.assistant, tmp_path_factory.mktemp("assistant"))
    served.start()
    yield served
    served.close()


@pytest.fixture
def actions(action_server: ActionServer) -> ActionServer:
    action_server.forget()
    return action_server


@pytest.fixture
def sender() -> str:
    return secrets.token_hex(8)
