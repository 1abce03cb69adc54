"""What the supervisor's promise rests on: a broken app ends instead of accepting what it cannot answer."""

import asyncio
import os
import signal

import pytest

from bot import app


async def test_a_broken_part_ends_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[tuple[int, int]] = []
    monkeypatch.setattr(os, "kill", lambda pid, number: sent.append((pid, number)))

    async def breaks() -> None:
        raise RuntimeError("the database is gone")

    task = asyncio.create_task(breaks())
    task.add_done_callback(app._end_process)
    with pytest.raises(RuntimeError):
        await task
    await asyncio.sleep(0)
    assert sent == [(os.getpid(), signal.SIGTERM)]
