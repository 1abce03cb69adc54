"""`./kefu bench outage`: a vendor is down while messages pile up; what arrives afterwards, in what order, how often.

In the midst of it the app is killed, twice: while the vendor is down and while the backlog goes out. The messages are
put into the outbox as a turn puts them there; delivery is the product's own, and the vendor is the fake of WeChat's
server, which checks tokens, windows and quotas.
"""

import asyncio
import re
import time
from dataclasses import dataclass

from rich.console import Console
from rich.progress import Progress

from connectors.fakes.wechat_rules import Platform
from core.conversation import inbox, lease, outbox
from core.conversation.message import Allowance, Inbound, Reply
from core.storage.database import Database
from training.bench.figures import show
from training.bench.wechat import NAME, Wechat, product_with_wechat, serving

EACH = 4  # messages a customer: within the vendor's quota of five
BATCH = 100  # customers in one transaction
QUIET_SECONDS = 90.0  # nothing more arrives for so long: the rest is lost
_MARK = re.compile(r"#(\d+)-(\d+)#")
console = Console(stderr=True, highlight=False)


@dataclass(frozen=True)
class Figures:
    """Of `messages`: how many arrived, arrived more than once, and for how many customers the order was kept.

    `calls_while_down`: tries of a vendor that does not answer. `seconds`: from the vendor being back to the last one.
    """

    messages: int
    customers: int
    down_seconds: float
    kills: int
    calls_while_down: int
    arrived: int
    lost: int
    repeated: int
    customers_in_order: int
    seconds: float
    per_second: float


def run(messages: int, down_seconds: float, *, as_json: bool) -> None:
    """Prints the figures."""
    with product_with_wechat() as wechat:
        figures = asyncio.run(_measure(wechat, -(-messages // EACH), down_seconds))
    show("A vendor down, and back", figures, as_json=as_json)


async def _measure(wechat: Wechat, customers: int, down_seconds: float) -> Figures:
    run_id = f"{time.time():.0f}"
    open_ids = [f"outage-{run_id}-{number}" for number in range(customers)]
    database = wechat.product.database()
    async with serving(wechat) as platform:
        platform.state = "down"
        for open_id in open_ids:
            platform.wrote(open_id)
        await _fill(database, open_ids)
        await database.close()
        console.print(f"{customers * EACH} messages wait, the vendor is down for {down_seconds:g} s …")
        await asyncio.sleep(down_seconds / 2)
        wechat.product.process("app").kill()
        await asyncio.sleep(down_seconds / 2)
        calls = platform.calls_while_down
        platform.state = "up"
        back = time.perf_counter()
        last = await _arrivals(wechat, platform, open_ids)
        got = [_numbers(platform, open_id) for open_id in open_ids]
    arrived = sum(len(set(numbers)) for numbers in got)
    seconds = last - back
    return Figures(
        messages=customers * EACH,
        customers=customers,
        down_seconds=down_seconds,
        kills=2,
        calls_while_down=calls,
        arrived=arrived,
        lost=customers * EACH - arrived,
        repeated=sum(len(numbers) - len(set(numbers)) for numbers in got),
        customers_in_order=sum(_in_order(numbers) for numbers in got),
        seconds=round(seconds, 1),
        per_second=round(arrived / seconds, 1),
    )


async def _fill(database: Database, open_ids: list[str]) -> None:
    with Progress(console=console) as progress:
        task = progress.add_task("messages", total=len(open_ids) * EACH)
        for start in range(0, len(open_ids), BATCH):
            async with database.begin() as conn:
                for number, open_id in enumerate(open_ids[start : start + BATCH], start):
                    said = Inbound(NAME, f"{open_id}:1", open_id, "在吗", allowance=Allowance(5, 48 * 3600))
                    asked = (await inbox.do_accept(conn, said)).message
                    await inbox.do_finish(conn, asked.id)
                    held = await lease.read(conn, asked.conversation_id)
                    # Far apart in length, so that no two share a parcel.
                    replies = [Reply(f"#{number}-{place}# " + "您的包裹已经到了。" * 60) for place in range(EACH)]
                    await outbox.do_send(conn, asked.conversation_id, replies, fence=held.fence, reply_to=asked.id)
            progress.advance(task, BATCH * EACH)


async def _arrivals(wechat: Wechat, platform: Platform, open_ids: list[str]) -> float:
    """When the last message arrived. Kills the app once, when half of them have."""
    count = len(open_ids) * EACH
    before, last, is_killed = 0, time.perf_counter(), False
    with Progress(console=console) as progress:
        task = progress.add_task("arrived", total=count)
        while before < count and time.perf_counter() < last + QUIET_SECONDS:
            await asyncio.sleep(0.5)
            now = sum(len(set(_numbers(platform, open_id))) for open_id in open_ids)
            if now > before:
                before, last = now, time.perf_counter()
                progress.update(task, completed=now)
            if now > count / 2 and not is_killed:
                is_killed = True
                wechat.product.process("app").kill()
    await asyncio.sleep(5)  # a repeat would come now
    return last


def _numbers(platform: Platform, open_id: str) -> list[int]:
    """The places of the messages that came, in the order in which they came."""
    bubbles = platform.customer(open_id).bubbles
    return [int(place) for bubble in bubbles for _number, place in _MARK.findall(bubble.text)]


def _in_order(numbers: list[int]) -> bool:
    firsts = list(dict.fromkeys(numbers))
    return firsts == sorted(firsts)
