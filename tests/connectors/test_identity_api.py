"""Links over HTTP: tokens that the shop signs, and phone numbers proved by a code."""

from collections.abc import AsyncIterator

import httpx
import jwt
import pytest
from fastapi import FastAPI

from bot import edges
from connectors import identity_api
from connectors.intake import Intake
from connectors.limits import CODES, Limits
from connectors.phone import AGAIN_SECONDS, TRIES, PhoneCodes
from connectors.tokens import Tokens, Visitor
from core.bus import Bus
from core.conversation import identity, inbox
from core.conversation.message import Inbound, Proof
from core.errors import Unavailable
from core.storage.database import Database

PHONE = "13800001111"


class Sms:
    def __init__(self) -> None:
        self.sent: list[tuple[str, str]] = []
        self.is_down = False

    async def __call__(self, content: dict[str, str]) -> None:
        if self.is_down:
            raise Unavailable("短信暂时发不出去")
        self.sent.append((content["phone"], content["code"]))


@pytest.fixture
def sms() -> Sms:
    return Sms()


@pytest.fixture
def tokens() -> Tokens:
    return Tokens("secret", "the member key that only the shop has")


@pytest.fixture
async def client(database: Database, bus: Bus, tokens: Tokens, sms: Sms) -> AsyncIterator[httpx.AsyncClient]:
    await bus.redis.flushdb()
    app = FastAPI()
    edges.install(app)
    codes = PhoneCodes(bus.redis, "secret", sms)
    app.include_router(identity_api.router(Intake(database, bus), tokens, codes, Limits(bus.redis)))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://kefu") as client:
        yield client


def bearer(tokens: Tokens, sender: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {tokens.visitor_token(Visitor(sender, None))}"}


async def conversation(database: Database, channel: str, sender: str) -> str | None:
    async with database.connect() as conn:
        return await identity.find(conn, channel, sender)


async def test_the_shop_links_a_customer_of_wechat_to_a_member(
    client: httpx.AsyncClient, database: Database, tokens: Tokens
) -> None:
    async with database.begin() as conn:
        app = await identity.do_open(conn, "app", "m1", shown=(Proof("member", "m1"),))
        await inbox.do_accept(conn, Inbound("wechat", "1", "openid", "在吗"))
    answer = await client.post("/api/identity/link", json={"token": tokens.link_token("m1", "wechat", "openid")})
    assert answer.json() == {"conversation_id": app}
    assert await conversation(database, "wechat", "openid") == app


def signed(**claims: str) -> str:
    body = {"aud": "kefu-link", "channel": "mini", "sender": "o", "exp": 4102444800, **claims}
    return jwt.encode(body, "the member key that only the shop has", "HS256")


async def test_the_shop_links_by_what_it_has_verified_alone(client: httpx.AsyncClient, database: Database) -> None:
    async with database.begin() as conn:
        official = await identity.do_open(conn, "wechat", "w", shown=(Proof("unionid", "u1"),))
    answer = await client.post("/api/identity/link", json={"token": signed(unionid="u1")})
    assert answer.json() == {"conversation_id": official}
    nothing = await client.post("/api/identity/link", json={"token": signed()})
    assert nothing.status_code == 401


@pytest.mark.parametrize("forged", ["member", "visitor", "other"])
async def test_only_the_shops_own_link_token_links(
    client: httpx.AsyncClient, database: Database, tokens: Tokens, forged: str
) -> None:
    token = {
        "member": tokens.member_token("m1"),
        "visitor": tokens.visitor_token(Visitor("v", None)),
        "other": Tokens("secret", "another key that somebody else made up").link_token("m1", "wechat", "openid"),
    }[forged]
    answer = await client.post("/api/identity/link", json={"token": token})
    assert answer.status_code == 401
    assert await conversation(database, "wechat", "openid") is None


async def test_the_right_code_links_two_visitors_with_one_number(
    client: httpx.AsyncClient, database: Database, tokens: Tokens, sms: Sms, bus: Bus
) -> None:
    found = []
    for sender in ("visitor:1", "visitor:2"):
        headers = bearer(tokens, sender)
        assert (await client.post("/api/identity/phone", json={"phone": PHONE}, headers=headers)).status_code == 202
        body = {"phone": PHONE, "code": sms.sent[-1][1]}
        answer = await client.post("/api/identity/phone/verify", json=body, headers=headers)
        found.append(answer.json()["conversation_id"])
        assert (await client.post("/api/identity/phone/verify", json=body, headers=headers)).status_code == 422
        await bus.redis.flushdb()
    assert found[0] == found[1]


async def test_a_code_is_its_visitors_own(client: httpx.AsyncClient, tokens: Tokens, sms: Sms) -> None:
    await client.post("/api/identity/phone", json={"phone": PHONE}, headers=bearer(tokens, "visitor:1"))
    body = {"phone": PHONE, "code": sms.sent[-1][1]}
    other = await client.post("/api/identity/phone/verify", json=body, headers=bearer(tokens, "visitor:2"))
    assert other.status_code == 422


async def test_guessing_ends_after_a_few_tries(client: httpx.AsyncClient, tokens: Tokens, sms: Sms) -> None:
    headers = bearer(tokens, "visitor:1")
    await client.post("/api/identity/phone", json={"phone": PHONE}, headers=headers)
    code = sms.sent[-1][1]
    wrong = f"{(int(code) + 1) % 10**6:06d}"
    for _ in range(TRIES):
        answer = await client.post("/api/identity/phone/verify", json={"phone": PHONE, "code": wrong}, headers=headers)
        assert answer.status_code == 422
    right = await client.post("/api/identity/phone/verify", json={"phone": PHONE, "code": code}, headers=headers)
    assert right.status_code == 429


async def test_codes_are_not_sent_one_after_the_other(client: httpx.AsyncClient, tokens: Tokens, sms: Sms) -> None:
    headers = bearer(tokens, "visitor:1")
    assert (await client.post("/api/identity/phone", json={"phone": PHONE}, headers=headers)).status_code == 202
    again = await client.post("/api/identity/phone", json={"phone": PHONE}, headers=headers)
    assert (again.status_code, len(sms.sent)) == (429, 1)
    assert AGAIN_SECONDS >= 60


async def test_one_address_does_not_have_codes_sent_to_everybody(
    client: httpx.AsyncClient, tokens: Tokens, sms: Sms
) -> None:
    answers = [
        (
            await client.post(
                "/api/identity/phone", json={"phone": f"138{n:08d}"}, headers=bearer(tokens, f"visitor:{n}")
            )
        )
        for n in range(CODES + 3)
    ]
    assert [answer.status_code for answer in answers] == [202] * CODES + [429] * 3
    assert len(sms.sent) == CODES


async def test_a_code_that_could_not_be_sent_may_be_asked_for_again(
    client: httpx.AsyncClient, tokens: Tokens, sms: Sms
) -> None:
    headers = bearer(tokens, "visitor:1")
    sms.is_down = True
    assert (await client.post("/api/identity/phone", json={"phone": PHONE}, headers=headers)).status_code == 503
    sms.is_down = False
    assert (await client.post("/api/identity/phone", json={"phone": PHONE}, headers=headers)).status_code == 202


@pytest.mark.parametrize("phone", ["", "123", "1380000111a", "23800001111", "138000011112"])
async def test_what_is_no_phone_number_is_refused(client: httpx.AsyncClient, tokens: Tokens, phone: str) -> None:
    answer = await client.post("/api/identity/phone", json={"phone": phone}, headers=bearer(tokens, "visitor:1"))
    assert answer.status_code == 422
