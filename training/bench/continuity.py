"""`./kefu bench continuity`: customers who go on in another channel in the middle of a form, and such as only look like
one another. How many resumed rightly, and whether anybody was taken for somebody else.

Right is what the customer sees (the next answer is taken by the same form and leads to its next question or its end),
what the shop's database has (the order of this member and no other), and the transcript (one conversation, both
channels, in order). Nothing of one person's may stand in another one's transcript or on their screen.
"""

import asyncio
import contextlib
import secrets
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import Any

import aiohttp
from aiohttp import web
from rich.console import Console
from rich.progress import Progress
from sqlalchemy import select

from core.storage.database import Database
from core.storage.tables import messages
from training.bench.figures import show
from training.bench.persons import MARK, Form, Person, new_run
from training.bench.servers import LOCAL, free_ports
from training.bench.shop import BenchShop, FormName
from training.bench.switching import STRANGERS, SWITCHES, Line, Scene, Story, World
from training.bench.wechat import NAME, Customers, Wechat, product_with, serving

MINI = "mini"
MEMBERS_FORMS: tuple[FormName, ...] = ("invoice", "return", "address")
WITHOUT_MEMBER = {"page_to_official", "page_to_official_known_before"}
PAIRS = 0.2  # of people who only look like one another, per switching customer
AT_ONCE = 12
STORY_SECONDS = 240.0
SHOWN = 20  # of what went wrong
console = Console(stderr=True, highlight=False)

ChangedBy = Callable[[str], list[tuple[str, str]]]
"""(member, order) of what in the shop bears a mark."""


@dataclass(frozen=True)
class Figures:
    """`resumed` of `customers` who switched; `kept_apart` of `pairs` who must not be taken for one another.

    `wrong_merges`: conversations that hold lines of several persons. `foreign_texts`: texts in a transcript or on a
    customer's screen that bear somebody else's mark. `failed`: by way of switching, how often it went wrong.
    """

    customers: int
    resumed: int
    resumed_percent: float
    pairs: int
    kept_apart: int
    wrong_merges: int
    foreign_texts: int
    seconds: float
    failed: dict[str, int]


@dataclass
class Played:
    """A story that was played. `went_well`: as far as the customers saw."""

    story: Story
    persons: Sequence[Person]
    scene: Scene
    went_well: bool


@dataclass(frozen=True)
class Said:
    """One message as the product stored it."""

    conversation_id: str
    direction: str
    channel: str
    sender: str
    text: str


def run(customers: int, *, as_json: bool) -> None:
    """Prints the figures."""
    key = secrets.token_hex(24)
    (sms_port,) = free_ports(1)
    accounts: dict[str, dict[str, Any]] = {NAME: {"ask_unionid": True}, MINI: {"variant": "mini"}}
    with product_with(accounts, member_key=key, sms_url=f"http://{LOCAL}:{sms_port}/sms") as wechat:
        shop = BenchShop(wechat[NAME].product.var_dir)
        database = wechat[NAME].product.database()
        figures = asyncio.run(_measure(wechat, database, shop, customers, key, sms_port))
        shop.close()
    show("Customers who switch channels in the middle of a form", figures, as_json=as_json)


async def _measure(
    wechat: dict[str, Wechat], database: Database, shop: BenchShop, customers: int, key: str, sms_port: int
) -> Figures:
    cast = _cast(shop, customers)
    codes: dict[str, str] = {}
    began = time.monotonic()
    async with (
        serving(wechat[NAME]) as official,
        serving(wechat[MINI]) as mini,
        _sms(sms_port, codes),
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session,
    ):
        world = World(
            wechat[NAME].product.target.url,
            key,
            session,
            Customers(wechat[NAME], official, session),
            Customers(wechat[MINI], mini, session),
            database,
            codes,
            cast[0][1][0].run,
        )
        played = await _play(world, cast)
    stored = await _stored(database, {line.sender for one in played for line in one.scene.lines})
    await database.close()
    return judge(played, stored, shop.changed_by, time.monotonic() - began)


def _cast(shop: BenchShop, customers: int) -> list[tuple[Story, list[Person]]]:
    """Every way in turn, with every form that is possible there."""
    pairs = round(customers * PAIRS)
    ways = [SWITCHES[number % len(SWITCHES)] for number in range(customers)]
    ways += [STRANGERS[number % len(STRANGERS)] for number in range(pairs)]
    wanted = [MEMBERS_FORMS[number % 3] for number in range(customers + 2 * pairs)]
    shoppers = iter(shop.new_shoppers(wanted))
    numbers = iter(range(len(wanted)))
    run, start = new_run(), int(time.time()) % 10**4

    def person(way: Story) -> Person:
        number, shopper = next(numbers), next(shoppers)
        form: Form = wanted[number]
        is_guest = way.__name__ in WITHOUT_MEMBER or (way.__name__ == "official_to_mini" and number // 8 % 2)
        phone = f"139{start:04}{number:04}"
        return Person(run, number, "ticket", None, phone) if is_guest else Person(run, number, form, shopper, phone)

    return [(way, [person(way) for _ in range(1 if way in SWITCHES else 2)]) for way in ways]


async def _play(world: World, cast: list[tuple[Story, list[Person]]]) -> list[Played]:
    places = asyncio.Semaphore(AT_ONCE)
    with Progress(console=console) as progress:
        task = progress.add_task("customers", total=len(cast))

        async def play(story: Story, persons: list[Person]) -> Played:
            scene = Scene(world)
            async with places:
                went_well = False
                with contextlib.suppress(TimeoutError, aiohttp.ClientError):
                    async with asyncio.timeout(STORY_SECONDS):
                        went_well = await story(scene, persons)
                await scene.close()
            progress.advance(task)
            return Played(story, persons, scene, went_well)

        return await asyncio.gather(*(play(story, persons) for story, persons in cast))


@contextlib.asynccontextmanager
async def _sms(port: int, codes: dict[str, str]) -> AsyncIterator[None]:
    """The deployment's own service that sends codes."""

    async def take(request: web.Request) -> web.Response:
        body = await request.json()
        codes[body["phone"]] = body["code"]
        return web.Response()

    app = web.Application()
    app.router.add_post("/sms", take)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, LOCAL, port).start()
    try:
        yield
    finally:
        await runner.cleanup()


async def _stored(database: Database, senders: set[str]) -> list[Said]:
    """All conversations in which one of these spoke, whole and in order."""
    async with database.connect() as conn:
        rows = (await conn.execute(select(messages).order_by(messages.c.conversation_id, messages.c.seq))).all()
    spoken_in = {row.conversation_id for row in rows if row.sender in senders}
    return [
        Said(row.conversation_id, row.direction, row.channel, row.sender, row.body["text"] or "")
        for row in rows
        if row.conversation_id in spoken_in
    ]


def judge(played: Sequence[Played], stored: Sequence[Said], changed_by: ChangedBy, seconds: float) -> Figures:
    persons = [person for one in played for person in one.persons]
    whose = {mark: person.number for person in persons for mark in person.marks}
    lines = [line for one in played for line in one.scene.lines]
    in_conversation = _persons_of(stored, lines)
    foreign = sum(
        whose.get(mark) not in in_conversation[said.conversation_id]
        for said in stored
        for mark in MARK.findall(said.text)
    )
    foreign += sum(
        whose.get(mark) != number for one in played for number, text in one.scene.shown for mark in MARK.findall(text)
    )
    well = {id(one): one.went_well and _is_right(one, stored, changed_by) for one in played}
    for one in [one for one in played if not well[id(one)]][:SHOWN]:
        console.print(
            f"{one.story.__name__}, {one.persons[0].form}: {one.scene.trouble or 'the records are not right'}"
        )
    switched = [one for one in played if one.story in SWITCHES]
    pairs = [one for one in played if one.story in STRANGERS]
    resumed = sum(well[id(one)] for one in switched)
    return Figures(
        customers=len(switched),
        resumed=resumed,
        resumed_percent=round(100 * resumed / len(switched), 2),
        pairs=len(pairs),
        kept_apart=sum(well[id(one)] for one in pairs),
        wrong_merges=sum(len(there) > 1 for there in in_conversation.values()),
        foreign_texts=foreign,
        seconds=round(seconds, 1),
        failed=dict(Counter(one.story.__name__ for one in played if not well[id(one)])),
    )


def _persons_of(stored: Sequence[Said], lines: Sequence[Line]) -> dict[str, set[int]]:
    """Who spoke in each conversation."""
    spoke = {(line.channel, line.sender, line.text): line.person for line in lines}
    found: dict[str, set[int]] = defaultdict(set)
    for said in stored:
        if said.direction == "in" and (who := spoke.get((said.channel, said.sender, said.text))) is not None:
            found[said.conversation_id].add(who)
    return found


def _is_right(one: Played, stored: Sequence[Said], changed_by: ChangedBy) -> bool:
    """Each person's form in one conversation, in order; and in the shop, their own order and nothing else."""
    for person in one.persons:
        steps = {step.text for step in person.steps}
        said = [line for line in one.scene.lines if line.person == person.number and line.text in steps]
        if len(said) < len(steps):
            continue  # this one only met the other
        keys = [(line.channel, line.sender, line.text) for line in said]
        there = [message for message in stored if (message.channel, message.sender, message.text) in set(keys)]
        transcript = [(m.channel, m.sender, m.text) for m in there if m.direction == "in"]
        if len({message.conversation_id for message in there}) != 1 or transcript != keys:
            return False
        mark = person.door if person.form == "address" else person.mark
        if person.shopper and changed_by(mark) != [(person.member_id, person.shopper.order)]:
            return False
    return True
