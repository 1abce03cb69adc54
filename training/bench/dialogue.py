"""`./kefu bench dialogue`: real dialogues played through the whole product, each as a conversation of its own.

The lines carry no speaker, so the customer says them all. Nothing is judged but that each line is taken: no error, and
no answer that keeps the customer waiting.
"""

import asyncio
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import orjson
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from core.errors import InvalidInput
from training.bench.load import HTTP_OK, Connection, percentile
from training.bench.servers import product

STALL_SECONDS = 5.0
LONGEST_LINE = 2000  # characters, as the intake has it
console = Console(stderr=True, highlight=False)


@dataclass(frozen=True)
class Figures:
    """`silent` lines brought no reply: a person had been asked for before. `stalled` ones took over STALL_SECONDS."""

    dialogues: int
    lines: int
    failed: int
    stalled: int
    silent: int
    p50_ms: float
    p95_ms: float
    longest_ms: float


@dataclass
class _Tally:
    latencies: list[float] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    silent: int = 0


def run(contexts: Path, clients: int, *, json: bool) -> None:
    """Prints the figures. Raises InvalidInput for a file of another shape."""
    dialogues = list(read_contexts(contexts))
    with product() as ours:
        figures = asyncio.run(_play(ours.target.url, dialogues, clients))
    if json:
        sys.stdout.write(orjson.dumps(asdict(figures), option=orjson.OPT_INDENT_2).decode() + "\n")
        return
    table = Table("", "", title="Real dialogues, line by line", show_header=False)
    for name, value in asdict(figures).items():
        table.add_row(name.replace("_", " "), str(value))
    Console(highlight=False).print(table)


def read_contexts(path: Path) -> Iterator[list[str]]:
    """JSON lines of `{"context": [line, …]}`; empty lines are nothing to say and are left out."""
    with path.open(encoding="utf-8") as file:
        for number, row in enumerate(file, start=1):
            try:
                yield [line[:LONGEST_LINE] for line in orjson.loads(row)["context"] if line.strip(" /／")]
            except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError) as error:
                raise InvalidInput(f'{path}:{number}: expected {{"context": ["…", …]}} ({error!r})') from error


async def _play(url: str, dialogues: Sequence[Sequence[str]], clients: int) -> Figures:
    tally, rest = _Tally(), iter(enumerate(dialogues))
    with Progress(console=console) as progress:
        task = progress.add_task(f"{clients} customers", total=len(dialogues))

        async def customer() -> None:
            for number, lines in rest:
                await _say(url, f"dialogue-{number}", lines, tally)
                progress.advance(task)

        async with asyncio.TaskGroup() as group:
            for _ in range(clients):
                group.create_task(customer())
    for line in tally.failed[:10]:
        console.print(f"failed: {line}")
    ordered = sorted(tally.latencies)
    return Figures(
        dialogues=len(dialogues),
        lines=sum(map(len, dialogues)),
        failed=len(tally.failed),
        stalled=sum(seconds > STALL_SECONDS for seconds in ordered),
        silent=tally.silent,
        p50_ms=round(percentile(ordered, 0.50) * 1000, 1),
        p95_ms=round(percentile(ordered, 0.95) * 1000, 1),
        longest_ms=round(percentile(ordered, 1.0) * 1000, 1),
    )


async def _say(url: str, sender: str, lines: Sequence[str], tally: _Tally) -> None:
    async with Connection(url) as connection:
        for line in lines:
            began = time.perf_counter()
            try:
                status, replies = await connection.post("/webhooks/rest/webhook", {"sender": sender, "message": line})
            except (OSError, TimeoutError) as error:
                tally.failed.append(f"{line!r}: {error!r}")
                return
            tally.latencies.append(time.perf_counter() - began)
            if status != HTTP_OK:
                tally.failed.append(f"{line!r}: status {status}")
            elif not replies:
                tally.silent += 1
