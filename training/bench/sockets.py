"""`./kefu bench sockets`: apps that hold their WebSocket open while some of their customers write.

Memory is the app's resident set with all sockets open and idle, less what it was before, by socket. The customers offer
compression, as browsers and the usual libraries do. Open loop: turns come at their rate, each of the next customer.
"""

import asyncio
import resource
import secrets
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import jwt
import orjson
import psutil
from rich.console import Console
from rich.progress import Progress

from training.bench.figures import show
from training.bench.load import percentile, read_dialogues
from training.bench.servers import Product, product
from training.bench.shop import BenchShop

LINES = Path(__file__).with_name("dialogues.yml")
WARM_UP = 100  # sockets that come and go before memory is first read
OPENING_AT_ONCE = 20
SETTLE_SECONDS = 10.0
ANSWER_SECONDS = 30.0
WINDOW_BITS = 15
SPARE_FILES = 500
console = Console(stderr=True, highlight=False)


@dataclass(frozen=True)
class Figures:
    """`open_at_end`: sockets that are still open after the turns. CPU is the app's, in percent of one core."""

    sockets: int
    app_mb_before: float
    app_mb_idle: float
    kb_per_socket: float
    idle_cpu_percent: float
    rate: float
    turns: int
    failed: int
    p50_ms: float
    p95_ms: float
    busy_cpu_percent: float
    open_at_end: int


class App:
    """One customer's app: an open socket, and one line at a time."""

    def __init__(self, session: aiohttp.ClientSession, url: str, token: str) -> None:
        self._session = session
        self._url = url
        self._token = token
        self._socket: aiohttp.ClientWebSocketResponse
        self._reader: asyncio.Task[None]
        self._ready = asyncio.get_running_loop().create_future()
        self._said: dict[str, str] = {}
        self._answers: dict[str, asyncio.Future[None]] = {}

    @property
    def is_open(self) -> bool:
        return not self._reader.done()

    async def open(self) -> None:
        """Raises aiohttp.ClientError or TimeoutError."""
        self._socket = await self._session.ws_connect(self._url, compress=WINDOW_BITS)
        self._reader = asyncio.create_task(self._read())
        await self._send({"type": "hello", "token": self._token})
        async with asyncio.timeout(ANSWER_SECONDS):
            await self._ready

    async def close(self) -> None:
        await self._socket.close()
        await self._reader

    async def say(self, text: str) -> float:
        """Seconds until the first answer is there. Raises TimeoutError or ConnectionError."""
        client_id = secrets.token_hex(8)
        answer = self._answers[client_id] = asyncio.get_running_loop().create_future()
        began = time.perf_counter()
        await self._send({"type": "say", "id": client_id, "text": text})
        async with asyncio.timeout(ANSWER_SECONDS):
            await answer
        return time.perf_counter() - began

    async def _send(self, frame: dict[str, Any]) -> None:
        await self._socket.send_str(orjson.dumps(frame).decode())

    async def _read(self) -> None:
        async for received in self._socket:
            frame = orjson.loads(received.data)
            match frame["type"]:
                case "ready":
                    self._ready.set_result(None)
                case "accepted":
                    self._said[frame["message"]["id"]] = frame["id"]
                case "message":
                    self._hear(frame["message"])

    def _hear(self, message: dict[str, Any]) -> None:
        answer = self._answers.get(self._said.get(message["reply_to"] or "", ""))
        if answer and not answer.done():
            answer.set_result(None)


def run(sockets: int, rate: float, seconds: float, *, as_json: bool) -> None:
    """Prints the figures."""
    _allow_files(sockets + SPARE_FILES)
    key = secrets.token_hex(24)
    with product(member_key=key) as ours:
        figures = asyncio.run(_measure(ours, key, sockets, rate, seconds))
    show("Open sockets, and turns in the midst", figures, as_json=as_json)


def _allow_files(count: int) -> None:
    """For this process and those that it starts."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < count:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(count, hard) if hard > 0 else count, hard))


async def _measure(ours: Product, key: str, count: int, rate: float, seconds: float) -> Figures:
    lines = [line.text for dialogue in read_dialogues(LINES) for line in dialogue if not line.pick]
    shop = BenchShop(ours.var_dir)
    shoppers = shop.new_shoppers(["return"] * (count + WARM_UP))
    shop.close()
    url = f"{ours.target.url}/channels/app/socket"
    process = ours.process("app")
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        apps = [App(session, url, _token(shopper.member_id, key)) for shopper in shoppers]
        early, apps = apps[:WARM_UP], apps[WARM_UP:]
        await _open(early)
        await asyncio.gather(*(app.say(line) for app, line in zip(early, lines, strict=False)))
        await asyncio.gather(*(app.close() for app in early))
        await asyncio.sleep(SETTLE_SECONDS)
        before = _megabytes(process)
        await _open(apps)
        await asyncio.sleep(SETTLE_SECONDS)
        idle = _megabytes(process)
        idle_cpu = await _cpu(process, asyncio.sleep(SETTLE_SECONDS * 3))
        console.print(f"{count} sockets are open; {rate:g} turns a second for {seconds:g} s …")
        took: list[float] = []
        busy_cpu = await _cpu(process, _turns(apps, lines, rate, int(rate * seconds), took))
        still_open = sum(app.is_open for app in apps)
        await asyncio.gather(*(app.close() for app in apps))
    ordered = sorted(took)
    return Figures(
        sockets=count,
        app_mb_before=round(before, 1),
        app_mb_idle=round(idle, 1),
        kb_per_socket=round((idle - before) * 1024 / count, 1),
        idle_cpu_percent=idle_cpu,
        rate=rate,
        turns=len(took),
        failed=int(rate * seconds) - len(took),
        p50_ms=round(percentile(ordered, 0.50) * 1000, 1),
        p95_ms=round(percentile(ordered, 0.95) * 1000, 1),
        busy_cpu_percent=busy_cpu,
        open_at_end=still_open,
    )


def _token(member_id: str, key: str) -> str:
    return jwt.encode({"sub": member_id, "aud": "kefu-member", "exp": time.time() + 3600}, key, "HS256")


async def _open(apps: list[App]) -> None:
    places = asyncio.Semaphore(OPENING_AT_ONCE)
    with Progress(console=console) as progress:
        task = progress.add_task("sockets", total=len(apps))

        async def open_one(app: App) -> None:
            async with places:
                await app.open()
            progress.advance(task)

        await asyncio.gather(*map(open_one, apps))


async def _turns(apps: list[App], lines: list[str], rate: float, count: int, took: list[float]) -> None:
    """`took` gets the seconds of each turn that was answered."""

    async def turn(number: int) -> None:
        try:
            took.append(await apps[number % len(apps)].say(lines[number % len(lines)]))
        except (TimeoutError, ConnectionError):
            return

    async with asyncio.TaskGroup() as group:
        began = time.perf_counter()
        for number in range(count):
            await asyncio.sleep(began + number / rate - time.perf_counter())
            group.create_task(turn(number))


async def _cpu(process: psutil.Process, work: Any) -> float:
    """Percent of one core while `work` runs."""
    began, used = time.perf_counter(), sum(process.cpu_times()[:2])
    await work
    return round(100 * (sum(process.cpu_times()[:2]) - used) / (time.perf_counter() - began), 1)


def _megabytes(process: psutil.Process) -> float:
    return float(process.memory_info().rss) / 2**20
