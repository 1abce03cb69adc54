"""Media: typed by content, stored once, shown by links that nobody forges and that run out."""

import hashlib
import io
import zipfile
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import func, select

from bot import edges
from connectors.limits import Limits
from connectors.media import MediaStore
from connectors.tokens import Tokens, Visitor
from connectors.web import media_api
from connectors.web.media_api import Uploads
from core.bus import Bus
from core.conversation.message import new_id
from core.errors import Forbidden, InvalidInput, NotFound
from core.storage.database import Database
from core.storage.tables import media

PNG = b"\x89PNG\r\n\x1a\n" + b"\0\0\0\rIHDR" + bytes(range(64))


def office(inside: str) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as file:
        file.writestr("[Content_Types].xml", "<Types/>")
        file.writestr(inside, "<x/>")
    return made.getvalue()


TAKEN = {
    "image/png": PNG,
    "image/jpeg": b"\xff\xd8\xff\xe0" + bytes(32),
    "audio/amr": b"#!AMR\n<",
    "audio/silk": b"\x02#!SILK_V3" + bytes(8),
    "audio/mpeg": b"ID3" + bytes(32),
    "audio/ogg": b"OggS" + bytes(32),
    "audio/wav": b"RIFF\x24\0\0\0WAVEfmt " + bytes(16),
    "video/mp4": b"\0\0\0\x20ftypisom\0\0\2\0isomiso2avc1mp41" + bytes(16),
    "application/pdf": b"%PDF-1.7\n",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": office("word/document.xml"),
}
REFUSED = {
    "empty": b"",
    "html": b"<!doctype html><script>alert(1)</script>",
    "svg": b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>',
    "script": b"alert(1)",
    "program": b"MZ" + bytes(64),
    "archive": office("anything/else.txt"),
}


class Clock:
    now = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(database: Database, clock: Clock) -> MediaStore:
    return MediaStore(database, "secret", public_url="https://kefu.example/", max_bytes=4096, clock=clock)


@pytest.fixture
def tokens() -> Tokens:
    return Tokens("secret")


@pytest.fixture
def http(store: MediaStore, bus: Bus, tokens: Tokens) -> httpx.AsyncClient:
    app = FastAPI()
    edges.install(app)
    app.include_router(media_api.router(store, Uploads(store, bus.redis), tokens, Limits(bus.redis)))
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://kefu")


@pytest.mark.parametrize("type", TAKEN)
async def test_content_says_what_it_is(store: MediaStore, type: str) -> None:
    kept = await store.put(TAKEN[type])
    assert kept.type == type
    assert kept.id == hashlib.sha256(TAKEN[type]).hexdigest()
    assert await store.get(kept.id) == (kept, TAKEN[type])


@pytest.mark.parametrize("what", REFUSED)
async def test_what_a_browser_might_run_is_not_taken(store: MediaStore, what: str) -> None:
    with pytest.raises(InvalidInput):
        await store.put(REFUSED[what])


async def test_a_content_that_is_too_big_is_not_taken(store: MediaStore) -> None:
    with pytest.raises(InvalidInput, match="太大"):
        await store.put(PNG + bytes(4096))


async def test_the_same_content_is_stored_once_and_not_in_the_clear(store: MediaStore, database: Database) -> None:
    assert await store.put(PNG) == await store.put(PNG)
    async with database.connect() as conn:
        assert (await conn.execute(select(func.count()).select_from(media))).scalar_one() == 1
        kind = conn.dialect.name
        raw = (await conn.exec_driver_sql("select content from media")).scalar_one()
    assert PNG[:8] not in bytes(raw), kind


async def test_a_link_shows_the_content_and_nothing_runs(store: MediaStore, http: httpx.AsyncClient) -> None:
    picture = await http.get(store.path((await store.put(PNG)).id))
    assert picture.content == PNG
    assert picture.headers["content-type"] == "image/png"
    assert picture.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in picture.headers["content-security-policy"]
    assert picture.headers["cache-control"].startswith("private")
    assert picture.headers["content-disposition"].startswith("inline")
    document = await http.get(store.path((await store.put(TAKEN["application/pdf"])).id))
    assert document.headers["content-disposition"].startswith("attachment")


async def test_players_may_ask_for_parts(store: MediaStore, http: httpx.AsyncClient) -> None:
    path = store.path((await store.put(PNG)).id)
    for asked, status, content in (
        ("bytes=0-7", 206, PNG[:8]),
        ("bytes=8-", 206, PNG[8:]),
        ("bytes=-4", 206, PNG[-4:]),
        ("bytes=0-99999", 206, PNG),
        ("bytes=99999-", 416, b""),
        ("lines=1-2", 200, PNG),
    ):
        answer = await http.get(path, headers={"Range": asked})
        assert (answer.status_code, answer.content) == (status, content), asked
    etag = (await http.get(path)).headers["etag"]
    assert (await http.get(path, headers={"If-None-Match": etag})).status_code == 304


async def test_a_link_runs_out_and_cannot_be_made_longer_or_moved(
    store: MediaStore, http: httpx.AsyncClient, clock: Clock
) -> None:
    kept, other = await store.put(PNG), await store.put(TAKEN["application/pdf"])
    path = store.path(kept.id)
    asked = parse_qs(urlsplit(path).query)
    until, key = int(asked["until"][0]), asked["key"][0]
    assert 1800 <= until - clock.now <= 3600
    for forged in (
        f"/media/{other.id}?until={until}&key={key}",
        f"/media/{kept.id}?until={until + 60}&key={key}",
        f"/media/{kept.id}?until={until}&key={'0' * 64}",
        f"/media/{kept.id}?until={until}&key=%C3%A9",
    ):
        assert (await http.get(forged)).status_code == 403
    clock.now += 3600
    assert (await http.get(path)).status_code == 403
    assert (await http.get(store.path(kept.id))).status_code == 200
    with pytest.raises(Forbidden):
        MediaStore(store._database, "another", clock=clock).check(kept.id, until, key)


async def test_elsewhere_a_link_is_whole(store: MediaStore) -> None:
    kept = await store.put(PNG)
    assert store.link(kept.id) == f"https://kefu.example{store.path(kept.id)}"
    message = {"attachments": [{"media_id": kept.id, "url": None}, {"media_id": None, "url": "https://a.cn"}]}
    shown = store.with_links(message)["attachments"]
    assert [each["url"] for each in shown] == [store.path(kept.id), "https://a.cn"]


async def test_a_visitor_sends_what_the_visitor_uploaded(
    store: MediaStore, http: httpx.AsyncClient, tokens: Tokens, bus: Bus
) -> None:
    mine, theirs = Visitor(f"visitor:{new_id()}", None), Visitor(f"visitor:{new_id()}", None)
    assert (await http.post("/api/web/media", content=PNG, headers={"Authorization": "Bearer no"})).status_code == 401
    asked = {"Authorization": f"Bearer {tokens.visitor_token(mine)}"}
    assert (await http.post("/api/web/media", content=b"<html>", headers=asked)).status_code == 422
    kept = (await http.post("/api/web/media", content=PNG, headers=asked)).json()
    assert kept["kind"] == "image"
    uploads = Uploads(store, bus.redis)
    (attached,) = await uploads.attachments(mine.sender, [kept["media_id"]], "照片.png")
    assert (attached.kind, attached.media_id, attached.title) == ("image", kept["media_id"], "照片.png")
    for sender, media_id in ((theirs.sender, kept["media_id"]), (mine.sender, "0" * 64)):
        with pytest.raises(NotFound):
            await uploads.attachments(sender, [media_id], None)
