"""What stays closed: intents by their names, other visitors' history, foreign frames."""

import itertools
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from hypothesis import given
from hypothesis import strategies as st

from bot import docs, edges, pages
from bot.understanding import utterance
from connectors.intake import Intake
from connectors.limits import Limits
from connectors.media import MediaStore
from connectors.tokens import Tokens, Visitor
from connectors.web import pages_api
from connectors.web.media_api import Uploads
from core.bus import Bus
from core.conversation.message import Inbound, new_id
from core.errors import InvalidInput
from core.storage.database import Database

UNSEEN = [
    "",
    " ",
    "\u3000",
    "\t",
    "\u200b",
    "\ufeff",
    "\u00ad",
    "\u2060",
    "\u202e",
    "\ufe0f",
    "\u3164",
    "\u200b \u200b",
]


async def test_a_typed_slash_never_names_an_intent(database: Database, bus: Bus) -> None:
    intake = Intake(database, bus)
    for before, slash in itertools.product(UNSEEN, ("/", "／", "//", "/／ /")):
        for text in (before + slash + "human_agent", slash + before + slash + 'inform{"order_number": "KF1"}'):
            message = await intake.accept(Inbound("web", new_id(), "visitor:1", text))
            assert message.payload is None
            assert not utterance(message.text or "").startswith("/")


@given(st.text(alphabet=st.sampled_from([*"/／⁄ a", *(each for each in UNSEEN if len(each) == 1)])))
def test_what_the_assistant_reads_never_starts_with_a_slash(text: str) -> None:
    assert utterance(text)
    assert not utterance(text).startswith(("/", " "))


async def test_nothing_to_read_is_refused(database: Database, bus: Bus) -> None:
    for text in ("/\u200b/", "\u200b", "／ /", "\u202e"):
        with pytest.raises(InvalidInput, match="空"):
            await Intake(database, bus).accept(Inbound("web", new_id(), "visitor:1", text))


@pytest.fixture
def tokens() -> Tokens:
    return Tokens("secret")


@pytest.fixture
async def web(database: Database, bus: Bus, tokens: Tokens) -> httpx.AsyncClient:
    """The chat page's API."""

    async def bot(conversation_id: str) -> dict[str, Any]:
        return {"kind": "bot"}

    async def nobody(member_id: str) -> None:
        return None

    media = MediaStore(database, "secret")
    app = FastAPI()
    edges.install(app)
    app.include_router(
        pages_api.router(
            database,
            bus,
            Intake(database, bus),
            tokens,
            NoDelivery(),  # type: ignore[arg-type]
            Limits(bus.redis, messages=3),
            media,
            Uploads(media, bus.redis),
            owner_state=bot,
            member_card=nobody,
            brand={"name": "店"},
            phone_codes=False,
        )
    )
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://kefu")


class NoDelivery:
    def mark(self, channel: str, message_ids: Any) -> None:
        list(message_ids)


async def test_no_visitor_reads_anothers_history(web: httpx.AsyncClient, tokens: Tokens) -> None:
    opened = (await web.post("/api/web/session", json={})).json()
    mine = {"Authorization": f"Bearer {opened['token']}"}
    secret = {"client_id": "c1", "text": "我的电话是13812345678"}
    assert (await web.post("/api/web/messages", json=secret, headers=mine)).status_code == 202
    assert (await web.get("/api/web/messages", headers=mine)).json()["messages"]

    other = (await web.post("/api/web/session", json={})).json()
    assert other["conversation_id"] != opened["conversation_id"]
    theirs = {"Authorization": f"Bearer {other['token']}"}
    assert (await web.get("/api/web/messages", headers=theirs)).json()["messages"] == []

    # Knowing the conversation's id, or the visitor's, opens nothing: only the token does, and nobody else signs one.
    sender = tokens.visitor(opened["token"]).sender
    forged = Tokens("a guess").visitor_token(Visitor(sender, None))
    head, body, _signature = opened["token"].split(".")
    unsigned = f"eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.{body}."
    for token in (opened["conversation_id"], sender, forged, f"{head}.{body}.", unsigned, ""):
        for path in ("/api/web/messages", "/api/web/stream"):
            assert (await web.get(path, headers={"Authorization": f"Bearer {token}"})).status_code == 401
        assert (await web.post("/api/web/session", json={"token": token or "x"})).status_code == 401
    as_member = tokens.member_token("M0001")
    assert (await web.get("/api/web/messages", headers={"Authorization": f"Bearer {as_member}"})).status_code == 401


async def test_a_visitor_who_writes_too_fast_is_told_so_and_loses_nothing(web: httpx.AsyncClient) -> None:
    token = (await web.post("/api/web/session", json={})).json()["token"]
    headers = {"Authorization": f"Bearer {token}"}
    said = [
        await web.post("/api/web/messages", json={"client_id": f"c{n}", "text": f"第{n}句"}, headers=headers)
        for n in range(4)
    ]
    assert [answer.status_code for answer in said] == [202, 202, 202, 429]
    assert "稍" in said[-1].json()["error"]["message"]
    kept = (await web.get("/api/web/messages", headers=headers)).json()["messages"]
    assert [message["text"] for message in kept] == ["第0句", "第1句", "第2句"]


@pytest.fixture
def site(tmp_path: Path) -> httpx.AsyncClient:
    for name in ("chat/index.html", "desk/index.html", "widget.js", "assets/a.js"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("<!doctype html>", encoding="utf-8")
    app = FastAPI(docs_url=None)
    app.include_router(pages.router(tmp_path, ("https://shop.example",)))
    app.include_router(docs.router())
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://kefu")


async def test_only_the_widgets_frame_is_framed_and_only_by_named_sites(site: httpx.AsyncClient) -> None:
    async def ancestors(path: str) -> str:
        policy = (await site.get(path)).headers["content-security-policy"]
        return next(part.strip() for part in policy.split(";") if "frame-ancestors" in part)

    assert await ancestors("/?embed=1") == "frame-ancestors 'self' https://shop.example"
    for path in ("/", "/desk", "/desk/x", "/docs"):
        assert await ancestors(path) == "frame-ancestors 'none'"


async def test_no_page_runs_inline_scripts(site: httpx.AsyncClient) -> None:
    for path in ("/", "/?embed=1", "/desk", "/docs"):
        policy = (await site.get(path)).headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "script-src 'self'" in policy
        assert "unsafe" not in policy.split("style-src")[0]


async def test_assets_come_from_their_folder_only(site: httpx.AsyncClient) -> None:
    assert (await site.get("/assets/a.js")).status_code == 200
    for path in ("/assets/..%2fchat%2findex.html", "/assets/%2e%2e%2fwidget.js", "/assets/%00"):
        assert (await site.get(path)).status_code == 404
