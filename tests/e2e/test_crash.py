"""SIGKILL the app between any two steps of a turn and start it again: the customer sees exactly one answer."""

import sys
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from bot.supervisor import Service
from core.conversation.message import new_id
from core.settings import HOME
from tests.e2e.product import Product, Visitor

MOST_STEPS = 60
PATIENCE_SECONDS = 60


def crashing(kefu: Product, crash_at: int, steps: Path) -> Service:
    script = HOME / "tests" / "e2e" / "crashing_app.py"
    command = [sys.executable, str(script), kefu.settings.host, str(kefu.settings.port)]
    return kefu.app(command, CRASH_AT=str(crash_at), CRASH_STEPS=str(steps), PYTHONPATH=str(HOME))


def ask_until_acknowledged(kefu: Product, visitor: Visitor, text: str) -> dict[str, Any]:
    """As the chat page does: the same client id again until the server has said that it has the message."""
    client_id = new_id()
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        try:
            return visitor.post(text, client_id)
        except httpx.TransportError:
            kefu.kill("app")
            kefu.run(kefu.app())
    raise AssertionError(f"{text!r} was never acknowledged")


def answers(kefu: Product, visitor: Visitor, message: dict[str, Any]) -> list[dict[str, Any]]:
    """All replies to a message, once there are some and nothing more comes."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        try:
            if visitor.replies_to(message):
                time.sleep(0.5)  # a second answer would come now
                return visitor.replies_to(message)
        except httpx.TransportError:
            kefu.kill("app")
            kefu.run(kefu.app())
        time.sleep(0.1)
    raise AssertionError(f"{message['text']!r} was never answered; the app's log:\n{kefu.log('app')}")


@pytest.mark.timeout(900)
def test_killed_at_each_step_of_a_turn_every_message_is_answered_once(kefu: Product, tmp_path: Path) -> None:
    steps = tmp_path / "steps"
    expected: list[str] | None = None
    killed: list[str] = []
    try:
        for crash_at in range(1, MOST_STEPS):
            steps.unlink(missing_ok=True)
            kefu.kill("app")
            app = kefu.run(crashing(kefu, crash_at, steps))
            visitor = Visitor(kefu.url, "M0001")  # another conversation each time would need another member
            said = ask_until_acknowledged(kefu, visitor, "积分还有多少")
            replies = answers(kefu, visitor, said)
            assert [reply["author"] for reply in replies] == ["bot"] * len(replies)
            texts = [reply["text"] for reply in replies]
            assert len(set(texts)) == len(texts), f"answered twice when killed {steps.read_text().splitlines()[-1]}"
            if app.poll() is None:
                expected = texts
                break
            killed.append(steps.read_text(encoding="utf-8").splitlines()[-1])
    finally:
        kefu.kill("app")
        kefu.run(kefu.app())
    assert expected, f"never got through a turn; killed at {killed}"
    assert len(killed) >= 10
    assert {"before commit", "after commit", "before take_turn", "after take_turn"} <= set(killed)
