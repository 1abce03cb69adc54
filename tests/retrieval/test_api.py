import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI, Request

from bot import edges
from core.bus import Bus
from core.errors import Unauthorized
from core.storage.database import Database
from retrieval import api
from retrieval.encoder.embedded import EmbeddedEncoder
from retrieval.search import KnowledgeSearch
from retrieval.seed import seed_from_folder
from tests.retrieval.conftest import KNOWLEDGE

ENTRY = {
    "question": "会员日是哪天",
    "similar": ["几号是会员日"],
    "answer": "每月 18 日。",
    "category": "会员",
    "owner": "会员组",
    "valid_from": "2026-01-01",
}


async def require_editor(request: Request) -> None:
    if request.headers.get("authorization") != "Bearer editor":
        raise Unauthorized("请先登录")


@pytest.fixture
async def client(
    bus: Bus, encoder: EmbeddedEncoder, index_dir: Path, tmp_path: Path, data_key: str
) -> AsyncIterator[httpx.AsyncClient]:
    database = Database(f"sqlite:///{tmp_path}/kefu.db", data_key)
    await database.migrate()
    await seed_from_folder(database, KNOWLEDGE)
    search = await KnowledgeSearch.open(database, encoder, index_dir / "small", bus=bus)
    app = FastAPI()
    edges.install(app)
    app.include_router(api.router(search, database, bus, require_editor))
    transport, headers = httpx.ASGITransport(app), {"Authorization": "Bearer editor"}
    async with httpx.AsyncClient(transport=transport, base_url="http://kefu", headers=headers) as client:
        yield client
    await search.close()
    await database.close()


async def test_an_entry_from_its_making_to_its_end(client: httpx.AsyncClient) -> None:
    made = await client.post("/api/knowledge", json=ENTRY)
    assert made.status_code == 201
    entry = made.json()
    assert (entry["version"], entry["status"]) == (1, "active")
    assert entry["valid_from"] == "2025-12-31T16:00:00Z"
    assert (await client.get(f"/api/knowledge/{entry['id']}")).json() == entry

    change = ENTRY | {"answer": "每月 8 日。", "version": 1}
    assert (await client.put(f"/api/knowledge/{entry['id']}", json=change)).json()["version"] == 2
    stale = await client.put(f"/api/knowledge/{entry['id']}", json=change)
    assert (stale.status_code, stale.json()["error"]["code"]) == (409, "conflict")

    assert (await client.delete(f"/api/knowledge/{entry['id']}")).json()["status"] == "retired"
    listed = (await client.get("/api/knowledge", params={"status": "retired"})).json()
    assert [one["id"] for one in listed["entries"]] == [entry["id"]]


async def test_listing_pages_and_filters(client: httpx.AsyncClient) -> None:
    page = (await client.get("/api/knowledge", params={"limit": 2, "offset": 1})).json()
    assert page["total"] == 6
    assert [entry["id"] for entry in page["entries"]] == ["kb-fee", "kb-invoice"]
    found = (await client.get("/api/knowledge", params={"category": "物流", "containing": "春节"})).json()
    assert [entry["id"] for entry in found["entries"]] == ["kb-spring"]


async def test_search_shows_what_the_bot_would_say(client: httpx.AsyncClient) -> None:
    async def search(text: str) -> Any:
        return (await client.post("/api/knowledge/search", json={"text": text})).json()

    found = await search("积分会过期吗")
    assert found["outcome"] == "answer"
    assert found["candidates"][0]["answer"] == "积分自获得起 12 个月有效。"
    assert (await search("春节期间发货吗"))["outcome"] == "none"  # its window is over

    assert (await search("会员日是哪天"))["outcome"] != "answer"
    await client.post("/api/knowledge", json=ENTRY)
    for _ in range(100):
        if (found := await search("会员日是哪天"))["outcome"] == "answer":
            break
        await asyncio.sleep(0.05)
    assert found["candidates"][0]["answer"] == "每月 18 日。"


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code"),
    [
        ("GET", "/api/knowledge/kb-nothing", None, 404, "not_found"),
        ("DELETE", "/api/knowledge/kb-nothing", None, 404, "not_found"),
        ("PUT", "/api/knowledge/kb-nothing", ENTRY, 404, "not_found"),
        ("POST", "/api/knowledge", ENTRY | {"id": "kb-fee"}, 409, "conflict"),
        ("POST", "/api/knowledge", ENTRY | {"similar": ["退货运费谁承担"]}, 409, "conflict"),
        ("POST", "/api/knowledge", ENTRY | {"answer": ""}, 422, "invalid_input"),
        ("POST", "/api/knowledge", ENTRY | {"valid_until": "2025-01-01"}, 422, "invalid_input"),
        ("POST", "/api/knowledge/search", {"text": ""}, 422, "invalid_input"),
    ],
)
async def test_errors_are_ours(
    client: httpx.AsyncClient, method: str, path: str, body: Any, status: int, code: str
) -> None:
    answer = await client.request(method, path, json=body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", ""), ("POST", ""), ("GET", "/kb-fee"), ("PUT", "/kb-fee"), ("DELETE", "/kb-fee"), ("POST", "/search")],
)
async def test_every_route_asks_who_it_is(client: httpx.AsyncClient, method: str, path: str) -> None:
    answer = await client.request(method, f"/api/knowledge{path}", json=ENTRY, headers={"Authorization": ""})
    assert answer.status_code == 401
