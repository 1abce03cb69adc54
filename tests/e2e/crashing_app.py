"""The app, killed at the n-th step (CRASH_AT) of its first turn, as a power cut would: SIGKILL, nothing is cleaned up.

A step is a moment at which something outside the process has just changed or is about to: before and after each commit
of a write, before and after each word on the bus, before and after the assistant is asked and each action it calls.
"""

import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import uvicorn
from sqlalchemy.ext.asyncio import AsyncConnection

import bot.app
from bot.rasa_client import Assistant
from connectors.intake import Intake
from core.bus import Bus
from core.storage.database import Database

CRASH_AT = int(os.environ["CRASH_AT"])
STEPS = Path(os.environ["CRASH_STEPS"])
steps: list[str] = []
armed = False


def step(name: str) -> None:
    if not armed:
        return
    steps.append(name)
    STEPS.write_text("\n".join(steps), encoding="utf-8")
    if len(steps) == CRASH_AT:
        os.kill(os.getpid(), signal.SIGKILL)


def around(owner: type, name: str) -> None:
    original = getattr(owner, name)

    async def watched(*args: Any, **kwargs: Any) -> Any:
        step(f"before {name}")
        result = await original(*args, **kwargs)
        step(f"after {name}")
        return result

    setattr(owner, name, watched)


original_begin = Database.begin
original_accept = Intake.accept


@asynccontextmanager
async def begin(self: Database) -> AsyncIterator[AsyncConnection]:
    async with original_begin(self) as conn:
        yield conn
        step("before commit")
    step("after commit")


async def accept(self: Intake, *args: Any) -> Any:
    global armed
    armed = True
    return await original_accept(self, *args)


around(Bus, "publish")
around(Assistant, "take_turn")
Database.begin = begin
Intake.accept = accept

if __name__ == "__main__":
    host, port = sys.argv[1:]
    uvicorn.run(bot.app.create_app(), host=host, port=int(port), access_log=False)
