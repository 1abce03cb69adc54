"""`./kefu bench turns`: turns a second over the whole durable way of a message, and against a stock Rasa project.

Both are measured one after the other in one run, on the same machine, by the same customers saying the same lines.
Servers and customers share the machine's cores.
"""

import asyncio
import sys
from dataclasses import asdict
from pathlib import Path

import orjson
from rich.console import Console
from rich.table import Table

from training.bench.load import Figures, Target, measure, read_dialogues
from training.bench.servers import product
from training.bench.stock.server import stock, trained

DIALOGUES = Path(__file__).with_name("dialogues.yml")
WARM_UP_SECONDS = 5.0
console = Console(stderr=True, highlight=False)


def bench(clients: int, seconds: float, *, against_stock: bool, as_json: bool) -> None:
    """Prints a table, or JSON. Raises DidNotStart, StockNotTrained."""
    model = None
    if against_stock:
        console.print("stock Rasa: training, unless this data was trained on before …")
        model = trained()
    with product() as ours:
        figures = [_measured(ours.target, clients, seconds)]
        if model:  # the product stays up, idle, to run the actions
            with stock(model, ours.action_url, ours.action_token) as target:
                figures.append(_measured(target, clients, seconds))
    if as_json:
        result = {"figures": [asdict(one) for one in figures], "ratio": ratio(figures)}
        sys.stdout.write(orjson.dumps(result, option=orjson.OPT_INDENT_2).decode() + "\n")
    else:
        _show(figures)


def ratio(figures: list[Figures]) -> float | None:
    """Turns a second of the first over those of the second."""
    if len(figures) < 2 or not figures[1].turns_per_second:
        return None
    return round(figures[0].turns_per_second / figures[1].turns_per_second, 2)


def _measured(target: Target, clients: int, seconds: float) -> Figures:
    console.print(f"{target.name}: {clients} customers, {WARM_UP_SECONDS:.0f} s to warm up, then {seconds:.0f} s …")
    return asyncio.run(measure(target, read_dialogues(DIALOGUES), clients, seconds, WARM_UP_SECONDS))


def _show(figures: list[Figures]) -> None:
    table = Table(title="Turns: a message in, stored, understood, acted on, answered")
    for column in ("", "clients", "turns", "turns/s", "p50 ms", "p95 ms", "no reply", "failed"):
        table.add_column(column, justify="left" if not column else "right", no_wrap=True)
    for one in figures:
        row = (one.clients, one.turns, one.turns_per_second, one.p50_ms, one.p95_ms, one.silent, one.failed)
        table.add_row(one.name, *map(str, row))
    out = Console(highlight=False)
    out.print(table)
    if (times := ratio(figures)) is not None:
        out.print(f"{figures[0].name} / {figures[1].name} = {times} x turns/s")
