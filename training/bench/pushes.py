"""`./kefu bench pushes`: WeChat pushes while the assistant stands still; how soon each is acknowledged, and that all
are answered once it works again.

Open loop: pushes come at their rate, whatever became of those before. Each is of another customer.
"""

import asyncio
import time
from dataclasses import dataclass
from pathlib import Path

import aiohttp
from rich.console import Console
from rich.progress import Progress

from connectors.fakes.wechat_rules import Platform
from training.bench.figures import show
from training.bench.load import percentile, read_dialogues
from training.bench.wechat import Customers, Wechat, product_with_wechat, serving

LINES = Path(__file__).with_name("dialogues.yml")
ANSWERED_WITHIN_SECONDS = 900.0
QUIET_SECONDS = 60.0  # no new answer for so long: the rest is lost
console = Console(stderr=True, highlight=False)


@dataclass(frozen=True)
class Figures:
    """`acknowledged`: of `pushes`; times from the push to its acknowledgement. `answered` after the assistant is back,
    `until_answered_seconds` after it; `answered_twice`: customers who got the answer to their one message again."""

    rate: float
    pushes: int
    acknowledged: int
    p50_ms: float
    p95_ms: float
    p99_ms: float
    longest_ms: float
    answered: int
    answered_twice: int
    until_answered_seconds: float


def run(rate: float, seconds: float, *, as_json: bool) -> None:
    """Prints the figures."""
    with product_with_wechat() as wechat:
        figures = asyncio.run(_measure(wechat, rate, int(rate * seconds)))
    show("Pushes while the assistant stands still", figures, as_json=as_json)


async def _measure(wechat: Wechat, rate: float, count: int) -> Figures:
    lines = [line.text for dialogue in read_dialogues(LINES) for line in dialogue[:1]]
    run_id = f"{time.time():.0f}"
    took: list[float] = []
    acknowledged = 0
    async with serving(wechat) as platform, aiohttp.ClientSession() as session:
        customers = Customers(wechat, platform, session)
        await customers.write(f"bench-{run_id}-warm", "在吗")
        assistant = wechat.product.process("assistant")

        async def push(number: int) -> None:
            nonlocal acknowledged
            began = time.perf_counter()
            is_taken = await customers.write(f"bench-{run_id}-{number}", lines[number % len(lines)])
            acknowledged += is_taken
            took.append(time.perf_counter() - began)

        console.print(f"{count} pushes at {rate:g} a second, the assistant stopped …")
        assistant.suspend()
        try:
            async with asyncio.TaskGroup() as group:
                began = time.perf_counter()
                for number in range(count):
                    await asyncio.sleep(began + number / rate - time.perf_counter())
                    group.create_task(push(number))
        finally:
            assistant.resume()
        back = time.perf_counter()
        waiting = {f"bench-{run_id}-{number}" for number in range(count)}
        last = await _answers(platform, waiting)
        said = {customer.open_id: customer.bubbles for customer in platform.customers()}
    ordered = sorted(took)
    texts = [[bubble.text for bubble in said.get(open_id, []) if bubble.who == "account"] for open_id in waiting]
    return Figures(
        rate=rate,
        pushes=count,
        acknowledged=acknowledged,
        p50_ms=round(percentile(ordered, 0.50) * 1000, 1),
        p95_ms=round(percentile(ordered, 0.95) * 1000, 1),
        p99_ms=round(percentile(ordered, 0.99) * 1000, 1),
        longest_ms=round(percentile(ordered, 1.0) * 1000, 1),
        answered=sum(bool(got) for got in texts),
        answered_twice=sum(len(set(got)) < len(got) for got in texts),
        until_answered_seconds=round(last - back, 1),
    )


async def _answers(platform: Platform, open_ids: set[str]) -> float:
    """When the last answer came; gives up on what does not come."""
    deadline = time.perf_counter() + ANSWERED_WITHIN_SECONDS
    left, last = set(open_ids), time.perf_counter()
    with Progress(console=console) as progress:
        task = progress.add_task("answers", total=len(open_ids))
        while left and time.perf_counter() < min(deadline, last + QUIET_SECONDS):
            await asyncio.sleep(0.5)
            got = {open_id for open_id in left if _is_answered(platform, open_id)}
            if got:
                left, last = left - got, time.perf_counter()
                progress.update(task, completed=len(open_ids) - len(left))
    return last


def _is_answered(platform: Platform, open_id: str) -> bool:
    return any(bubble.who == "account" for bubble in platform.customer(open_id).bubbles)
