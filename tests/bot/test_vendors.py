"""A channels file, from its text to a message that comes in; and the command that reads it for people."""

import json
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from typer.testing import CliRunner

from bot import vendors
from bot.cli import cli
from connectors.fakes.webhook import ShopMessages
from connectors.intake import Intake
from connectors.limits import Limits
from connectors.media import MediaStore
from core.bus import Bus
from core.conversation import identity
from core.errors import KefuError, SettingsError
from core.storage.database import Database

ROOT = Path(__file__).parents[2]
PAYLOADS = ROOT / "tests" / "connectors" / "webhook" / "payloads"
CHANNELS = """
shop:
  kind: webhook
  mapping: own_system.yml
  secrets: {signing_key: "${SHOP_KEY}", api_key: k}
"""
FEISHU = """
feishu:
  kind: webhook
  mapping: feishu.yml
  secrets: {app_id: a, app_secret: b, encrypt_key: c, verification_token: d}
"""


@pytest.fixture
def channels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SHOP_KEY", "a-key")
    for name in ("own_system.yml", "feishu.yml"):
        (tmp_path / name).write_bytes((ROOT / "connectors" / "webhook" / "examples" / name).read_bytes())
    path = tmp_path / "channels.yml"
    path.write_text(CHANNELS + FEISHU, encoding="utf-8")
    return path


def test_a_kind_that_there_is_not_is_named(tmp_path: Path) -> None:
    path = tmp_path / "channels.yml"
    path.write_text("shop:\n  kind: pigeon\n", encoding="utf-8")
    with pytest.raises(SettingsError, match=r"shop: .*'pigeon'.*'webhook'"):
        vendors.read(path)


async def test_what_is_pushed_to_an_opened_channel_is_stored(
    channels: Path, tmp_path: Path, data_key: str, bus: Bus
) -> None:
    database = Database(f"sqlite:///{tmp_path}/kefu.db", data_key)
    await database.migrate()
    await bus.redis.flushdb()
    limits, media = Limits(bus.redis), MediaStore(database, "secret")
    tools = vendors.Tools(database, bus, Intake(database, bus), limits, media)
    async with vendors.opened(vendors.read(channels), tools) as opened:
        app = FastAPI()
        for router in opened.routers:
            app.include_router(router)
        body = (PAYLOADS / "own_system.json").read_bytes()
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://kefu") as client:
            with pytest.raises(KefuError, match="signed too long ago"):
                await client.post("/channels/shop/callback", content=body)
            headers = ShopMessages(signing_key="a-key").signed(body)
            assert (await client.post("/channels/shop/callback", content=body, headers=headers)).json() == {"ok": True}
            with pytest.raises(KefuError, match="not encrypted"):
                await client.post("/channels/feishu/callback", json={"type": "url_verification", "token": "d"})
    async with database.connect() as conn:
        assert await identity.find(conn, "shop", "c-77")
        assert await identity.find(conn, "shop", "a-3") is None  # an agent's echo
    await database.close()


def run(*arguments: str) -> tuple[int, str, BaseException | None]:
    result = CliRunner().invoke(cli, ["channels", "check", *arguments])
    return result.exit_code, result.output, result.exception


def test_check_shows_how_a_captured_push_is_read(channels: Path) -> None:
    code, said, _error = run(str(channels), "--payload", str(PAYLOADS / "own_system.json"), "--channel", "shop")
    assert code == 0
    assert "shop (webhook)" in said and "/channels/feishu/callback" in said
    assert "'text': '我的订单到哪了'" in said
    assert said.count("'sender'") == 3
    assert said.count("ignored") == 1  # what an agent wrote


def test_check_reads_an_encrypted_push_as_it_came_or_in_clear(channels: Path, tmp_path: Path) -> None:
    clear = PAYLOADS / "feishu_text.json"
    _code, said, _error = run(str(channels), "--payload", str(clear), "--channel", "feishu")
    assert "这双鞋能退吗" in said
    sealed = tmp_path / "sealed.json"
    sealed.write_text(json.dumps({"encrypt": "AAAA"}), encoding="utf-8")
    _code, _said, error = run(str(channels), "--payload", str(sealed), "--channel", "feishu")
    assert isinstance(error, KefuError)


def test_check_asks_whose_push_it_is_and_names_what_is_wrong(channels: Path) -> None:
    _code, _said, error = run(str(channels), "--payload", str(PAYLOADS / "feishu_text.json"))
    assert isinstance(error, KefuError)
    assert "--channel, one of shop, feishu" in error.message
    channels.with_name("feishu.yml").write_text("verfy: []", encoding="utf-8")
    code, _said, error = run(str(channels))
    assert code == 1
    assert isinstance(error, SettingsError)
    assert "verfy is no key that is known; is it verify?" in error.message
