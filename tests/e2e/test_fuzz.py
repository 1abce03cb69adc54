"""Every route of the OpenAPI with whatever it allows, whatever it forbids, and hostile bodies: never a server error.

Real app and stores; the assistant is a stand-in that answers at once. The counts are printed (`pytest -s`).
"""

import contextlib
import json
import os
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
import requests
import schemathesis
import yaml
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import Case, GenerationMode

from bot import services
from core.settings import HOME
from handoff.decision import Signals, decide, load_thresholds
from tests.e2e.product import AGENT_PASSWORD, Product, Visitor

SECONDS = float(os.environ.get("FUZZ_SECONDS", "20"))  # for all routes of one database
EXAMPLES = 400  # a route and kind, if the time is enough
STREAMS = {"/api/web/stream", "/api/desk/stream"}
ENDS_SESSION = {"/api/desk/logout", "/api/desk/login"}
WITH_TOKEN = {GenerationMode.POSITIVE: (True, True, True, False), GenerationMode.NEGATIVE: (True, False)}
HOSTILE = {
    "not json": b"\xff\xfe\x00{",
    "cut off": b'{"text": "',
    "deep": b"[" * 50_000,
    "no object": b"[]",
    "null": b"null",
    "endless number": b'{"client_id": 1e999999, "text": ' + b"9" * 5000 + b"}",
    "surrogate": b'{"client_id": "\\ud800", "text": "\\udfff", "sender": "\\ud800", "message": "\\udc00"}',
    "nul": b'{"client_id": "\\u0000", "text": "\\u0000", "sender": "a\\u0000", "message": "a\\u0000b"}',
    "same key twice": b'{"client_id": "a", "client_id": {}, "text": "a", "text": []}',
    "too big": b" " * (1024 * 1024 + 1),
}


# Every kind of vendor's channel, with keys of nobody's.
KEY = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"
WECOM = {"corp_id": "ww1", "token": "t", "aes_key": KEY, "secret": "s", "api_url": "http://127.0.0.1:9"}
CHANNELS = {
    "wechat": {"kind": "wechat", "app_id": "wx1", "app_secret": "s", "token": "t", "api_url": "http://127.0.0.1:9"},
    "sealed": {"kind": "wechat", "app_id": "wx2", "app_secret": "s", "token": "t", "aes_key": KEY},
    "wecom": {"kind": "wecom", "agent_id": 1, **WECOM},
    "wecom_kf": {"kind": "wecom_kf", **WECOM},
    "shop": {
        "kind": "webhook",
        "mapping": str(HOME / "connectors" / "webhook" / "examples" / "own_system.yml"),
        "secrets": {"signing_key": "s", "api_key": "k"},
    },
}


class StandIn(BaseHTTPRequestHandler):
    """Speaks as `bot/assistant/channel.py` does."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        said = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        replies: list[dict[str, Any]] = [{"text": "好的"}]
        if said["text"] == "转人工":
            decision = decide(Signals(explicit_wish=1.0), load_thresholds())
            replies = [{"custom": {"kefu": "handoff", "reason": decision.reason, "decision": decision.as_json()}}]
        turn = {"replies": replies, "understanding": {}, "actions": [], "responses": [], "decision": None}
        answer = json.dumps(turn).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def app(request: pytest.FixtureRequest, prepared: None) -> Iterator[Product]:
    """The app alone, on stores of its own."""
    more = {} if request.param == "sqlite" else {"database_url": request.getfixturevalue("postgres_url")}
    with tempfile.TemporaryDirectory(prefix="kefu-") as folder:
        channels = Path(folder) / "channels.yml"
        channels.write_text(yaml.safe_dump(CHANNELS), encoding="utf-8")
        product = Product(Path(folder) / "var", channels=channels, **more)
        product.prepare()
        server = ThreadingHTTPServer(("127.0.0.1", product.assistant_port), StandIn)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            product.run(services.stores(product.settings))
            product.run(product.app())
            yield product
        finally:
            product.stop()
            server.shutdown()
            server.server_close()


@dataclass
class Fuzz:
    """Sends cases and counts answers. `known` ids stand for random ones, so that requests come further than «404»."""

    url: str
    credentials: dict[str, dict[str, str]]
    known: dict[str, str]
    answers: Counter[int] = field(default_factory=Counter)
    broken: list[str] = field(default_factory=list)
    http: requests.Session = field(default_factory=requests.Session)

    def headers(self, path: str) -> dict[str, str]:
        return next((headers for prefix, headers in self.credentials.items() if path.startswith(prefix)), {})

    def send(self, case: Case, *, signed_in: bool, known: bool) -> None:
        path = case.operation.path
        if known:
            case.path_parameters = {name: self.known.get(name, value) for name, value in case.path_parameters.items()}
        call = case.as_transport_kwargs(base_url=self.url)
        if signed_in:
            call["headers"] = {**call["headers"], **self.headers(path)}
        self.count(f"{case.method} {path}", call)

    def count(self, what: str, call: dict[str, Any]) -> None:
        try:
            # A stream ends when we go; of everything else the whole answer is read.
            with self.http.request(**{**call, "timeout": 15, "stream": True, "cookies": None}) as answer:
                self.answers[answer.status_code] += 1
                if answer.status_code >= 500:
                    self.broken.append(f"{answer.status_code} {what} {str(call)[:2000]}")
        except (requests.exceptions.InvalidHeader, requests.exceptions.InvalidURL, UnicodeError):
            self.answers[0] += 1  # no HTTP client can say this


def test_no_route_breaks(app: Product, record_property: Any) -> None:
    fuzz = ready(app)
    with httpx.Client(base_url=app.url, trust_env=False) as http:
        schema = schemathesis.openapi.from_dict(http.get("/openapi.json").raise_for_status().json())
    operations = [result.ok() for result in schema.get_all_operations()]
    until = time.monotonic()
    for operation in operations:
        body_expected = bool(operation.body)
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
            until += SECONDS / len(operations) / 2
            play(fuzz, operation, mode, until)
        if body_expected or operation.path.startswith("/channels/"):
            hostile(fuzz, operation)
    counts = {"routes": len(operations), "examples": fuzz.answers.total(), "answers": dict(fuzz.answers)}
    record_property("fuzz", counts)
    sys.stdout.write(f"\nfuzzed: {counts}\n")
    assert not fuzz.broken, "\n".join(fuzz.broken[:20]) + "\n" + app.log("app")
    assert fuzz.answers[200] > len(operations), "hardly anything was understood: the fuzz stays outside"


def play(fuzz: Fuzz, operation: Any, mode: GenerationMode, until: float) -> None:
    """Examples of one route until its time is over; the first one always."""
    number = 0
    try:
        cases = operation.as_strategy(generation_mode=mode)
    except schemathesis.errors.SchemathesisError:
        return

    @given(case=cases)
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def run(case: Case) -> None:
        nonlocal number
        if number and time.monotonic() > until:
            raise TimeIsOver
        signed = WITH_TOKEN[mode]
        may = operation.path not in ENDS_SESSION
        fuzz.send(case, signed_in=may and signed[number % len(signed)], known=number % 2 == 0)
        number += 1

    with contextlib.suppress(TimeIsOver, Unsatisfiable):  # where nothing can be asked, nothing wrong can be asked
        run()


class TimeIsOver(BaseException):
    """Not an error of the example: hypothesis lets it pass."""


def hostile(fuzz: Fuzz, operation: Any) -> None:
    path = operation.path
    for name, value in fuzz.known.items():
        path = path.replace("{" + name + "}", value)
    for what, body in HOSTILE.items():
        for media_type in ("application/json", "multipart/form-data; boundary=x"):
            headers = fuzz.headers(path) | {"Content-Type": media_type}
            call = {"method": operation.method, "url": fuzz.url + path, "data": body, "headers": headers}
            fuzz.count(f"{operation.method} {path} ({what})", call)


def ready(app: Product) -> Fuzz:
    """A visitor who waits for a person, and an agent who took the conversation and wrote a ticket."""
    with Visitor(app.url, "M0001") as visitor, httpx.Client(base_url=app.url, trust_env=False) as desk:
        desk.headers["X-Kefu-Desk"] = "1"
        who = {"username": "xiaowang", "password": AGENT_PASSWORD}
        cookie = desk.post("/api/desk/login", json=who).raise_for_status().cookies["kefu_desk"]
        visitor.post("转人工")
        handoff_id = waiting(desk)
        desk.post(f"/api/desk/handoffs/{handoff_id}/take").raise_for_status()
        ticket = {"subject": "问题", "body": "内容", "priority": "normal"}
        made = desk.post(f"/api/desk/handoffs/{handoff_id}/ticket", json=ticket).raise_for_status().json()
        entries = desk.get("/api/knowledge").raise_for_status().json()["entries"]
        agent = {"Cookie": f"kefu_desk={cookie}", "X-Kefu-Desk": "1"}
        token = visitor.http.headers["Authorization"]
        login = desk.post("/api/demo/login", json={"member_id": "M0002"})
        member_token = login.raise_for_status().json()["member_token"]
        return Fuzz(
            app.url,
            {
                "/api/web": {"Authorization": token},
                "/api/identity": {"Authorization": token},
                "/channels/app": {"Authorization": f"Bearer {member_token}"},
                "/api/desk": agent,
                "/api/knowledge": agent,
            },
            {"handoff_id": handoff_id, "ticket_id": made["ticket"]["id"], "entry_id": entries[0]["id"]},
        )


def waiting(desk: httpx.Client) -> str:
    for _ in range(100):
        if found := desk.get("/api/desk/queue").raise_for_status().json()["waiting"]:
            return str(found[0]["id"])
        time.sleep(0.1)
    raise AssertionError("the conversation was not handed over")
