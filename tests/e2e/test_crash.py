"""SIGKILL the app between any two steps of a turn and start it again: the customer sees exactly one answer."""

import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from core.conversation.message import new_id
from core.settings import HOME
from tests.e2e.product import Product, Visitor

PATIENCE_SECONDS = 60
AGAIN_SECONDS = 0.2


class Customer(Visitor):
    """Goes on through crashes: sends the same client id until it is acknowledged, reads until there is an answer."""

    def ask(self, text: str) -> dict[str, Any]:
        client_id = new_id()
        for _ in patiently():
            try:
                return self.post(text, client_id)
            except httpx.TransportError:
                pass
        raise AssertionError(f"{text!r} was never acknowledged")

    def answers(self, message: dict[str, Any]) -> list[str]:
        """The texts of all replies to a message, once there are some and nothing more comes."""
        for _ in patiently():
            try:
                if self.replies_to(message):
                    time.sleep(AGAIN_SECONDS)  # a second answer would come now
                    return [reply["text"] for reply in self.replies_to(message)]
            except httpx.TransportError:
                pass
        raise AssertionError(f"{message['text']!r} was never answered")


def patiently() -> Iterator[None]:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        yield
        time.sleep(AGAIN_SECONDS)


@pytest.fixture
def lives(kefu: Product, tmp_path: Path) -> Iterator[Path]:
    """The product, its app replaced by one that crashes; a file for each of its lives."""
    command = [sys.executable, str(HOME / "tests" / "e2e" / "crashing_app.py")]
    command += [kefu.settings.host, str(kefu.settings.port), str(tmp_path)]
    kefu.kill("app")
    kefu.run(kefu.app(command, PYTHONPATH=str(HOME)))
    yield tmp_path
    kefu.kill("app")
    kefu.run(kefu.app())


@pytest.mark.timeout(900)
def test_killed_at_each_step_of_a_turn_every_message_is_answered_once(kefu: Product, lives: Path) -> None:
    asked = 0
    survived = False
    with Customer(kefu.url, "M0123") as customer:  # nobody else talks as this member
        while not survived:
            before = len(list(lives.iterdir()))
            message = customer.ask("积分还有多少")
            asked += 1
            texts = customer.answers(message)
            assert len(texts) == 1, f"answered {len(texts)} times"
            assert "积分" in texts[0]
            survived = len(list(lives.iterdir())) == before
        said = customer.messages()

    assert [line["author"] for line in said] == ["customer", "bot"] * asked, "one answer each, and nothing else"
    deaths = [(lives / str(n)).read_text(encoding="utf-8").splitlines()[-1] for n in range(1, before)]
    kinds = {death.rpartition(" ")[0] for death in deaths}
    assert kinds == {"before commit", "after commit", "after take_turn", "after publish"}
