"""The control channel: orders to a running Kefu, its words on the way, and what it answers when it cannot."""

import asyncio
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bot import control
from bot.control import Refused, Say, give, is_open, listening, socket_path
from core.errors import Conflict, Unavailable
from core.settings import Settings
from tests.assistant.conftest import settings_of


@pytest.fixture
def settings() -> Iterator[Settings]:
    folder = tempfile.mkdtemp(prefix="kefu-")  # a socket's path must be short
    yield settings_of(var_dir=Path(folder))
    shutil.rmtree(folder)


async def move(order: dict[str, Any], say: Say) -> str:
    say(f"moving to {order['version']}")
    if order["version"] == "busy":
        raise Conflict("another version is just being moved to")
    return "moved"


async def test_an_order_is_carried_out_and_told_about(settings: Settings) -> None:
    said: list[str] = []
    async with listening(settings, {"move": move}):
        assert socket_path(settings).stat().st_mode & 0o777 == 0o600
        assert await asyncio.to_thread(is_open, settings)
        assert await asyncio.to_thread(give, settings, "move", said.append, version="v1") == "moved"
        with pytest.raises(Refused, match="just being moved"):
            await asyncio.to_thread(give, settings, "move", said.append, version="busy")
        with pytest.raises(Refused, match="not an order"):
            await asyncio.to_thread(give, settings, "dance", said.append)
    assert said == ["moving to v1", "moving to busy"]


def test_nobody_listens(settings: Settings) -> None:
    assert not is_open(settings)
    with pytest.raises(Unavailable, match="no running Kefu"):
        give(settings, "move", print, version="v1")
    socket_path(settings).parent.mkdir()
    socket_path(settings).touch()  # left behind by one that was killed
    assert not is_open(settings)
    assert os.path.lexists(control.socket_path(settings))
