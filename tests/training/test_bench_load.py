"""The bench's customers, against a small server of Rasa's REST channel."""

import asyncio
import math
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from training.bench import load
from training.bench.load import Connection, Line, Target, measure, percentile, read_dialogues
from training.bench.turns import DIALOGUES, ratio


class RestServer:
    """Answers every message with one button; keeps what it was sent. `broken` makes it hang up."""

    def __init__(self) -> None:
        self.received: list[dict[str, Any]] = []
        self.chunked = False
        self.broken = False

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
                length = int(head.split("content-length: ")[1].split("\r\n")[0])
                self.received.append(orjson.loads(await reader.readexactly(length)))
                if self.broken:
                    break
                answer = orjson.dumps([{"text": "好的", "buttons": [{"title": "一", "payload": "/affirm"}]}])
                if self.chunked:
                    sizes = b"4\r\n" + answer[:4] + b"\r\n%x\r\n" % len(answer[4:]) + answer[4:] + b"\r\n0\r\n\r\n"
                    writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + sizes)
                else:
                    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(answer) + answer)
        except asyncio.IncompleteReadError:
            pass
        finally:
            writer.close()


@pytest.fixture
def rest() -> RestServer:
    return RestServer()


@pytest.fixture
async def target(rest: RestServer) -> AsyncIterator[Target]:
    server = await asyncio.start_server(rest.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    yield Target("small", f"http://127.0.0.1:{port}", lambda client: {"member": client})
    server.close()


async def test_customers_walk_through_the_dialogues_and_press_buttons(rest: RestServer, target: Target) -> None:
    dialogues = [(Line("在吗"), Line("第一个", pick=True), Line("谢谢"))]
    figures = await measure(target, dialogues, clients=2, seconds=0.3, warm_up=0)
    walk = [body["message"] for body in rest.received if body["sender"] == "bench-1-0"]
    assert walk == ["在吗", "/affirm", "谢谢"]
    assert rest.received[0]["metadata"] == {"member": 0}
    assert figures.turns > 10
    assert figures.turns_per_second == pytest.approx(figures.turns / 0.3, abs=0.1)
    assert 0 < figures.p50_ms <= figures.p95_ms
    assert (figures.failed, figures.silent) == (0, 0)


async def test_a_server_that_hangs_up_counts_as_failed(
    rest: RestServer, target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(load, "RECONNECT_SECONDS", 0.05)
    rest.broken = True
    figures = await measure(target, [(Line("在吗"),)], clients=1, seconds=0.3, warm_up=0)
    assert figures.turns == 0
    assert figures.failed > 1
    assert math.isnan(figures.p50_ms)


async def test_reads_chunked_answers(rest: RestServer, target: Target) -> None:
    rest.chunked = True
    async with Connection(target.url) as connection:
        for _ in range(2):
            status, replies = await connection.post("/webhooks/rest/webhook", {"message": "在吗"})
            assert (status, replies[0]["text"]) == (200, "好的")


def test_percentiles_are_of_the_nearest_rank() -> None:
    hundred = [float(number) for number in range(1, 101)]
    assert (percentile(hundred, 0.5), percentile(hundred, 0.95), percentile([7.0], 0.95)) == (50, 95, 7)


async def test_the_ratio_needs_two(target: Target) -> None:
    figures = await measure(target, [(Line("在吗"),)], clients=1, seconds=0.1, warm_up=0)
    assert ratio([figures]) is None
    assert ratio([figures, figures]) == 1


def test_the_dialogues_are_of_the_form_that_is_read(tmp_path: Path) -> None:
    dialogues = read_dialogues(DIALOGUES)
    lines = [line for dialogue in dialogues for line in dialogue]
    assert len(dialogues) >= 5
    assert all(line.text for line in lines)
    assert any(line.pick for line in lines)
