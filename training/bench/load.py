"""Customers at once: each says a line, waits for the answer, says the next. Kept light, for it shares the machine.

Plain HTTP/1.1 over asyncio streams, one connection a customer: about a tenth of the CPU of a client library.
"""

import asyncio
import itertools
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

import orjson
import yaml

ANSWER_SECONDS = 60.0
RECONNECT_SECONDS = 0.2
HTTP_OK = 200


@dataclass(frozen=True)
class Line:
    """Says `text`; or, with `pick`, presses the first button it was offered."""

    text: str
    pick: bool = False


Dialogue = tuple[Line, ...]


def read_dialogues(path: Path) -> list[Dialogue]:
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    return [
        tuple(Line(line.get("text") or line["else"], bool(line.get("pick"))) for line in dialogue)
        for dialogue in content["dialogues"]
    ]


@dataclass(frozen=True)
class Target:
    """A server of Rasa's REST channel. `metadata(client)` goes with every message of that customer."""

    name: str
    url: str
    metadata: Callable[[int], Mapping[str, Any]]


@dataclass
class Tally:
    """Seconds of each answered turn, turns that brought no reply, and turns that failed."""

    latencies: list[float] = field(default_factory=list)
    silent: int = 0
    failed: int = 0


@dataclass(frozen=True)
class Figures:
    name: str
    clients: int
    seconds: float
    turns: int
    turns_per_second: float
    p50_ms: float
    p95_ms: float
    silent: int
    failed: int


async def measure(
    target: Target, dialogues: Sequence[Dialogue], clients: int, seconds: float, warm_up: float
) -> Figures:
    """Run the customers for `warm_up` + `seconds`; turns that end in the latter count."""
    tally = Tally()
    begin = time.perf_counter() + warm_up
    end = begin + seconds
    async with asyncio.TaskGroup() as group:
        for client in range(clients):
            group.create_task(_customer(target, dialogues, client, tally, begin, end))
    ordered = sorted(tally.latencies)
    return Figures(
        name=target.name,
        clients=clients,
        seconds=seconds,
        turns=len(ordered),
        turns_per_second=round(len(ordered) / seconds, 1),
        p50_ms=round(percentile(ordered, 0.50) * 1000, 1),
        p95_ms=round(percentile(ordered, 0.95) * 1000, 1),
        silent=tally.silent,
        failed=tally.failed,
    )


def percentile(ordered: Sequence[float], share: float) -> float:
    """The nearest-rank percentile; nan of nothing."""
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else math.nan


async def _customer(
    target: Target, dialogues: Sequence[Dialogue], client: int, tally: Tally, begin: float, end: float
) -> None:
    """Walks through the dialogues, each as a new conversation, beginning at another one than the neighbour."""
    metadata = dict(target.metadata(client))
    for walk in itertools.count():
        dialogue = dialogues[(client + walk) % len(dialogues)]
        try:
            await _walk(target, dialogue, f"bench-{client}-{walk}", metadata, tally, begin, end)
        except (OSError, TimeoutError):
            tally.failed += begin <= time.perf_counter() < end
            await asyncio.sleep(RECONNECT_SECONDS)
        if time.perf_counter() >= end:
            return


async def _walk(
    target: Target, dialogue: Dialogue, sender: str, metadata: Mapping[str, Any], tally: Tally, begin: float, end: float
) -> None:
    button: str | None = None
    async with Connection(target.url) as connection:
        for line in dialogue:
            began = time.perf_counter()
            if began >= end:
                return
            text = button if line.pick and button else line.text
            body = {"sender": sender, "message": text, "metadata": metadata}
            status, replies = await connection.post("/webhooks/rest/webhook", body)
            now = time.perf_counter()
            button = _first_button(replies) if status == HTTP_OK else None
            if not begin <= now < end:
                continue
            if status != HTTP_OK:
                tally.failed += 1
                continue
            tally.latencies.append(now - began)
            tally.silent += not replies


def _first_button(replies: Sequence[Mapping[str, Any]]) -> str | None:
    return next((reply["buttons"][0]["payload"] for reply in replies if reply.get("buttons")), None)


class Connection:
    """One kept-alive HTTP/1.1 connection that posts JSON."""

    def __init__(self, url: str) -> None:
        address = urlsplit(url)
        self._host, self._port = address.hostname or "127.0.0.1", address.port or 80
        self._reader: asyncio.StreamReader
        self._writer: asyncio.StreamWriter

    async def __aenter__(self) -> Self:
        self._reader, self._writer = await asyncio.open_connection(self._host, self._port)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._writer.close()

    async def post(self, path: str, body: Mapping[str, Any]) -> tuple[int, Any]:
        """Status and decoded JSON. Raises ConnectionError when the server hangs up, TimeoutError after a minute."""
        content = orjson.dumps(body)
        head = f"POST {path} HTTP/1.1\r\nHost: {self._host}\r\nContent-Type: application/json\r\n"
        self._writer.write(f"{head}Content-Length: {len(content)}\r\n\r\n".encode() + content)
        async with asyncio.timeout(ANSWER_SECONDS):
            status, headers = await self._head()
            if "content-length" in headers:
                answer = await self._reader.readexactly(int(headers["content-length"]))
            else:
                answer = await self._chunks()
        return status, orjson.loads(answer) if answer else None

    async def _head(self) -> tuple[int, dict[str, str]]:
        try:
            head = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        except asyncio.IncompleteReadError as error:
            raise ConnectionError(f"{self._host}:{self._port} hung up") from error
        fields = (line.partition(":") for line in head[1:] if line)
        return int(head[0].split(" ")[1]), {name.strip().lower(): value.strip() for name, _, value in fields}

    async def _chunks(self) -> bytes:
        parts = []
        while size := int(await self._reader.readuntil(b"\r\n"), 16):
            parts.append(await self._reader.readexactly(size))
            await self._reader.readexactly(2)
        await self._reader.readexactly(2)
        return b"".join(parts)
