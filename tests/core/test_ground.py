import asyncio
from pathlib import Path

import pytest

from core.bus import Bus
from core.crypto import Cipher, new_key
from core.errors import SettingsError
from core.masking import mask
from core.settings import load_settings

SECRETS = {"secret_key": "s", "data_key": "d", "action_token": "a"}


def test_an_unknown_setting_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEFU_PROT", "8000")
    with pytest.raises(SettingsError, match="KEFU_PROT"):
        load_settings(**SECRETS)


def test_what_the_tests_are_told_is_no_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEFU_TEST_POSTGRES_URL", "postgresql://elsewhere")
    assert load_settings(**SECRETS).database_url.startswith("sqlite")


def test_a_malformed_setting_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEFU_PORT", "eighty")
    with pytest.raises(SettingsError, match="KEFU_PORT"):
        load_settings(**SECRETS)


def test_secrets_have_no_default(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"KEFU_DATA_KEY.*secrets\.env"):
        load_settings(var_dir=tmp_path)


def test_secrets_are_read_from_their_file_and_never_shown(tmp_path: Path) -> None:
    (tmp_path / "secrets.env").write_text("KEFU_SECRET_KEY=hush\nKEFU_DATA_KEY=d\nKEFU_ACTION_TOKEN=a\n")
    settings = load_settings(var_dir=tmp_path)
    assert settings.secret_key.get_secret_value() == "hush"
    assert "hush" not in repr(settings)
    assert settings.database_url.endswith(f"{tmp_path}/kefu.db")


def test_encryption_needs_the_same_key() -> None:
    sealed = Cipher(new_key()).encrypt("地址".encode())
    with pytest.raises(SettingsError, match="KEFU_DATA_KEY"):
        Cipher(new_key()).decrypt(sealed)
    with pytest.raises(SettingsError, match="32 bytes"):
        Cipher("c2hvcnQ=")


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("我手机13812345678啊", "我手机138****5678啊"),
        ("身份证11010119900307123X", "身份证110101********123X"),
        ("订单KF202611080123到哪了", "订单KF202611080123到哪了"),
        ("寄到张江路88号3栋501,谢谢", "寄到张江路***,谢谢"),
    ],
)
def test_masking(text: str, masked: str) -> None:
    assert mask(text) == masked


async def test_the_bus_tells_only_who_listens(bus: Bus) -> None:
    async with bus.subscribe("desk") as desk, bus.subscribe("conversation.1", "desk") as both:
        await bus.publish("conversation.1", {"n": 1})
        await bus.publish("desk", {"n": 2})
        async with asyncio.timeout(5):
            assert await anext(desk) == ("desk", {"n": 2})
            assert [await anext(both), await anext(both)] == [("conversation.1", {"n": 1}), ("desk", {"n": 2})]


async def test_a_bus_that_is_down_fails_nothing_that_is_stored() -> None:
    bus = Bus("redis://127.0.0.1:1")
    await bus.publish("desk", {})
    await bus.close()
