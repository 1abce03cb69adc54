"""The ways in which customers go from one channel to another, and those who only look like the same customer.

Whoever plays a story says lines and hears answers through a `Scene`; each line is written down with who said it where.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import jwt

from core.conversation import identity
from core.storage.database import Database
from training.bench.clients import REFUSED, App, End, Page, Phone
from training.bench.persons import Person, Step, wording
from training.bench.wechat import Customers

ANSWER_SECONDS = 30.0
QUIET_SECONDS = 3.0  # after an answer that is not the one expected
LOOK_SECONDS = 0.1
GUESS = "000000"


@dataclass(frozen=True)
class Line:
    person: int
    channel: str
    sender: str
    text: str


@dataclass(frozen=True)
class World:
    """What all stories share. `codes`: by phone, as the SMS hook got them."""

    url: str
    shop_key: str
    session: aiohttp.ClientSession
    official: Customers
    mini: Customers
    database: Database
    codes: dict[str, str]
    run: str


@dataclass
class Scene:
    world: World
    lines: list[Line] = field(default_factory=list)
    shown: list[tuple[int, str]] = field(default_factory=list)
    """(person, text): what each customer got to see."""
    apps: list[App] = field(default_factory=list)
    trouble: list[str] = field(default_factory=list)

    def token(self, audience: str = "kefu-member", key: str | None = None, life: float = 300, **claims: Any) -> str:
        """As the shop's own server signs it."""
        body = claims | {"aud": audience, "exp": time.time() + life}
        return jwt.encode(body, key or self.world.shop_key, "HS256")

    async def app(self, person: Person, token: str | None = None, **claims: Any) -> App:
        token = token or self.token(sub=person.member_id, **claims)
        app = App(self.world.session, self.world.url, token, person.member_id)
        self.apps.append(app)
        return await app.open()

    async def page(self, **request: str) -> Page:
        return await Page(self.world.session, self.world.url).open(**request)

    def mini(self, person: Person, open_id: str | None = None) -> Phone:
        return Phone(self.world.mini, open_id or f"mini-{self.world.run}-{person.mark}")

    def official(self, person: Person) -> Phone:
        """The account asks WeChat for the unionid."""
        open_id = f"oa-{self.world.run}-{person.mark}"
        self.world.official.platform.customer(open_id).union_id = f"{self.world.run}-{person.union_id}"
        return Phone(self.world.official, open_id)

    async def link(self, end: End, token: str | None = None, **claims: Any) -> int:
        """The shop tells whose a channel's customer is; the status of the answer."""
        channel, sender = end.address
        token = token or self.token("kefu-link", channel=channel, sender=sender, **claims)
        async with self.world.session.post(f"{self.world.url}/api/identity/link", json={"token": token}) as response:
            return response.status

    async def prove_phone(self, page: Page, phone: str) -> None:
        await page.post("/identity/phone", {"phone": phone})
        await page.post("/identity/phone/verify", {"phone": phone, "code": self.world.codes[phone]})

    async def undo_links(self, person: Person, end: End) -> int:
        """As `./kefu links undo` does; how many there were."""
        channel, sender = end.address
        async with self.world.database.begin() as conn:
            here = await identity.find(conn, channel, sender)
            undone = [link for link in await identity.links_of(conn, here) if link.undone_at is None]
            for link in undone:
                await identity.do_unlink(conn, link.id, "bench")
        return len(undone)

    async def play(self, person: Person, end: End, steps: Iterable[Step]) -> bool:
        """Whether every step was answered as it has to be."""
        for step in steps:
            if not await self.says(person, end, step.text, step.response):
                return False
        return True

    async def says(self, person: Person, end: End, text: str, response: str | None = None) -> bool:
        """Whether the answer is `response`; any answer will do for None."""
        before = len(await end.seen())
        self.lines.append(Line(person.number, *end.address, text))
        await end.say(text)
        deadline = time.monotonic() + ANSWER_SECONDS
        answered = False
        while time.monotonic() < deadline:
            await asyncio.sleep(LOOK_SECONDS)
            fresh = (await end.seen())[before:]
            if fresh and not answered:
                answered, deadline = True, min(deadline, time.monotonic() + QUIET_SECONDS)
            if fresh and (response is None or wording(response).search("\n".join(fresh))):
                self.shown += [(person.number, text) for text in fresh]
                return True
        got = (await end.seen())[before:]
        self.shown += [(person.number, text) for text in got]
        self.trouble.append(f"{end.address[0]}: {text} -> {got}, not {response}")
        return False

    async def close(self) -> None:
        for app in self.apps:
            await app.close()


Story = Callable[[Scene, Sequence[Person]], Awaitable[bool]]
"""Whether all went as it has to, as far as the customers see it."""


def _cut(person: Person) -> tuple[Sequence[Step], Sequence[Step]]:
    """The form in two parts, cut at one of its questions."""
    at = 1 + person.number // 7 % (len(person.steps) - 1)
    return person.steps[:at], person.steps[at:]


async def app_to_mini(scene: Scene, persons: Sequence[Person]) -> bool:
    (person,) = persons
    first, rest = _cut(person)
    app, mini = await scene.app(person), scene.mini(person)
    began = await scene.play(person, app, first)
    await scene.link(mini, sub=person.member_id)
    return began and await scene.play(person, mini, rest)


async def app_to_mini_known_before(scene: Scene, persons: Sequence[Person]) -> bool:
    """The customer spoke in the mini-program before logging in there."""
    (person,) = persons
    first, rest = _cut(person)
    app, mini = await scene.app(person), scene.mini(person)
    spoke = await scene.says(person, mini, f"在吗{person.mark}")
    began = await scene.play(person, app, first)
    await scene.link(mini, sub=person.member_id)
    return spoke and began and await scene.play(person, mini, rest)


async def app_to_mini_by_unionid(scene: Scene, persons: Sequence[Person]) -> bool:
    """The shop knows the unionid from the app's login with WeChat, and from the mini-program's."""
    (person,) = persons
    first, rest = _cut(person)
    union_id = f"{scene.world.run}-{person.union_id}"
    app, mini = await scene.app(person, unionid=union_id), scene.mini(person)
    began = await scene.play(person, app, first)
    await scene.link(mini, unionid=union_id)
    return began and await scene.play(person, mini, rest)


async def official_to_mini(scene: Scene, persons: Sequence[Person]) -> bool:
    """By the unionid alone; a member has logged in from the Official Account."""
    (person,) = persons
    first, rest = _cut(person)
    official, mini = scene.official(person), scene.mini(person)
    if person.shopper:
        await scene.link(official, sub=person.member_id)
    began = await scene.play(person, official, first)
    await scene.link(mini, unionid=f"{scene.world.run}-{person.union_id}")
    return began and await scene.play(person, mini, rest)


async def page_to_official(scene: Scene, persons: Sequence[Person]) -> bool:
    """A visitor proves a phone number on the page in the middle of the form, then follows the Official Account."""
    (person,) = persons
    first, rest = _cut(person)
    page, official = await scene.page(), scene.official(person)
    began = await scene.play(person, page, first)
    await scene.prove_phone(page, person.phone)
    await scene.link(official, phone_number=person.phone)
    return began and await scene.play(person, official, rest)


async def page_to_official_known_before(scene: Scene, persons: Sequence[Person]) -> bool:
    """The Official Account knew the number before the page did."""
    (person,) = persons
    first, rest = _cut(person)
    page, official = await scene.page(), scene.official(person)
    await scene.link(official, phone_number=person.phone)
    spoke = await scene.says(person, official, f"在吗{person.mark}")
    began = await scene.play(person, page, first)
    await scene.prove_phone(page, person.phone)
    return spoke and began and await scene.play(person, official, rest)


async def page_to_app(scene: Scene, persons: Sequence[Person]) -> bool:
    (person,) = persons
    first, rest = _cut(person)
    page = await scene.page(member_token=scene.token(sub=person.member_id))
    began = await scene.play(person, page, first)
    return began and await scene.play(person, await scene.app(person), rest)


async def mini_to_page(scene: Scene, persons: Sequence[Person]) -> bool:
    (person,) = persons
    first, rest = _cut(person)
    mini = scene.mini(person)
    await scene.link(mini, sub=person.member_id)
    began = await scene.play(person, mini, first)
    page = await scene.page(member_token=scene.token(sub=person.member_id))
    return began and await scene.play(person, page, rest)


async def same_name(scene: Scene, persons: Sequence[Person]) -> bool:
    """The other one's openid is this member's id, and what they say is the same."""
    one, other = persons
    first, rest = _cut(one)
    app, mini = await scene.app(one), scene.mini(other, open_id=one.member_id)
    began = await scene.play(one, app, first)
    met = await scene.says(other, mini, f"我是会员{other.mark}，接着刚才的办")
    return began and met and await scene.play(one, app, rest)


async def shared_phone(scene: Scene, persons: Sequence[Person]) -> bool:
    one, other = persons
    first, rest = _cut(one)
    app, second = await scene.app(one, phone_number=one.phone), await scene.app(other, phone_number=one.phone)
    began = await scene.play(one, app, first)
    went = await scene.play(other, second, other.steps)
    return began and went and await scene.play(one, app, rest)


async def shared_phone_after_page(scene: Scene, persons: Sequence[Person]) -> bool:
    """A visitor proves the number that two members have: at most one of them may be meant, and never both joined."""
    one, other = persons
    app, second = await scene.app(one, phone_number=one.phone), await scene.app(other, phone_number=one.phone)
    page = await scene.page()
    await scene.prove_phone(page, one.phone)
    went = await scene.play(other, second, other.steps)
    return went and await scene.play(one, app, one.steps)


async def shared_mini(scene: Scene, persons: Sequence[Person]) -> bool:
    """One logs out in the mini-program in the middle of a form, another one logs in there."""
    one, other = persons
    first, rest = _cut(one)
    mini = scene.mini(one)
    app = await scene.app(one)
    await scene.link(mini, sub=one.member_id)
    began = await scene.play(one, mini, first)
    await scene.link(mini, sub=other.member_id)
    went = await scene.play(other, mini, other.steps)
    return began and went and await scene.play(one, app, rest)


async def shared_browser(scene: Scene, persons: Sequence[Person]) -> bool:
    """Two members log in at one browser, one after the other, and it is a visitor's in between."""
    one, other = persons
    first, rest = _cut(one)
    visitor = await scene.page()
    page = await scene.page(token=visitor.token, member_token=scene.token(sub=one.member_id))
    began = await scene.play(one, page, first)
    between = await scene.page(token=visitor.token)
    is_empty = await between.seen() == []
    second = await scene.page(token=visitor.token, member_token=scene.token(sub=other.member_id))
    went = await scene.play(other, second, other.steps)
    return began and is_empty and went and await scene.play(one, await scene.app(one), rest)


async def undone(scene: Scene, persons: Sequence[Person]) -> bool:
    """The shop linked the wrong customer; an agent undoes it, and the shop's second try changes nothing."""
    one, other = persons
    first, rest = _cut(one)
    app, mini = await scene.app(one), scene.mini(other)
    spoke = await scene.says(other, mini, f"在吗{other.mark}")
    began = await scene.play(one, app, first)
    await scene.link(mini, sub=one.member_id)
    was_linked = await scene.undo_links(one, mini) == 1
    await scene.link(mini, sub=one.member_id)
    met = await scene.says(other, mini, other.steps[1].text)
    return spoke and began and was_linked and met and await scene.play(one, app, rest)


async def forged(scene: Scene, persons: Sequence[Person]) -> bool:
    """Tokens of another key, run out, or meant for something else; a code that is guessed."""
    one, other = persons
    first, rest = _cut(one)
    app, mini, page = await scene.app(one, phone_number=one.phone), scene.mini(other), await scene.page()
    began = await scene.play(one, app, first)
    claims: dict[str, Any] = {"sub": one.member_id, "channel": mini.address[0], "sender": mini.address[1]}
    false_tokens = [
        scene.token("kefu-link", key="x" * 32, **claims),
        scene.token("kefu-link", life=-60, **claims),
        scene.token("kefu-member", **claims),
    ]
    refused = [await scene.link(mini, token) == 401 for token in false_tokens]
    stranger = await scene.app(one, token=scene.token(key="x" * 32, sub=one.member_id))
    refused.append(stranger.closed_with == REFUSED)
    try:
        await page.post("/identity/phone", {"phone": one.phone})
        await page.post("/identity/phone/verify", {"phone": one.phone, "code": GUESS})
        refused.append(False)
    except aiohttp.ClientResponseError as error:
        refused.append(error.status == 422)
    met = await scene.says(other, mini, other.steps[1].text)
    asked = await scene.says(other, page, f"在吗{other.mark}")
    return began and all(refused) and met and asked and await scene.play(one, app, rest)


SWITCHES: tuple[Story, ...] = (
    app_to_mini,
    app_to_mini_known_before,
    app_to_mini_by_unionid,
    official_to_mini,
    page_to_official,
    page_to_official_known_before,
    page_to_app,
    mini_to_page,
)
STRANGERS: tuple[Story, ...] = (
    same_name,
    shared_phone,
    shared_phone_after_page,
    shared_mini,
    shared_browser,
    undone,
    forged,
)
