"""Conversations with the real trained assistant: Rasa in its own process, the actions in this one.

Only the gateway is left out: a test says what the knowledge search and the mood were, so that it tests the dialogue.
"""

import asyncio
import contextlib
import socket
import threading
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Self

import httpx
import uvicorn
from fastapi import FastAPI

from actions.server import build_executor, router
from actions.services import FaqHint, LeftTicket, Services
from bot.services import assistant
from bot.supervisor import Service
from core import processes
from core.settings import HOME, Settings


@dataclass(frozen=True)
class Said:
    """What the bot answered in one turn."""

    replies: tuple[Mapping[str, Any], ...]
    intent: str
    actions: tuple[str, ...]
    raw: Mapping[str, Any] = field(repr=False)

    @property
    def text(self) -> str:
        return "\n".join(reply["text"] for reply in self.replies if reply["text"])

    @property
    def buttons(self) -> dict[str, str]:
        """Payloads by title."""
        return {button["title"]: button["payload"] for reply in self.replies for button in reply["buttons"]}

    @property
    def handoff(self) -> Mapping[str, Any] | None:
        effects = (reply["custom"] or {} for reply in self.replies)
        return next((effect for effect in effects if effect.get("kefu") == "handoff"), None)

    @property
    def asks_to_log_in(self) -> bool:
        return any((reply["custom"] or {}).get("kefu") == "login" for reply in self.replies)


class Customer:
    def __init__(self, address: str, member_id: str | None) -> None:
        self.member_id = member_id
        self.conversation_id = uuid.uuid4().hex
        self._address = address
        self._offered: dict[str, str] = {}

    def say(self, text: str, **metadata: Any) -> Said:
        """`metadata` as the gateway sends it: faq, sentiment, risk_terms."""
        message_id = uuid.uuid4().hex
        body = {
            "sender": self.conversation_id,
            "message_id": message_id,
            "text": text,
            "metadata": {"message_id": message_id, "channel": "web", "member_id": self.member_id, **metadata},
        }
        response = httpx.post(f"{self._address}/webhooks/kefu/turn", json=body, timeout=30)
        response.raise_for_status()
        answer = response.json()
        said = Said(
            replies=tuple(answer["replies"]),
            intent=answer["understanding"]["intent"]["name"],
            actions=tuple(answer["actions"]),
            raw=answer,
        )
        self._offered.update(said.buttons)
        return said

    def press(self, title: str) -> Said:
        """A button offered before, by the beginning of its title."""
        return self.say(next(payload for offered, payload in self._offered.items() if offered.startswith(title)))


class Talk:
    """A running assistant, with its actions served from a thread of this process.

    `use` exchanges what the actions reach between conversations: a backend that is down, one that refuses.
    """

    def __init__(self, settings: Settings, model: Path, services: Services) -> None:
        self._settings = settings
        self._model = model
        self._app = FastAPI()
        self.use(services)

    def use(self, services: Services) -> None:
        self.services = services
        self._app.router.routes.clear()
        self._app.include_router(router(build_executor(services), self._settings.action_token))

    def customer(self, member_id: str | None = None) -> Customer:
        return Customer(self._settings.assistant_url, member_id)

    def __enter__(self) -> Self:
        config = uvicorn.Config(self._app, port=self._settings.port, log_level="warning", lifespan="off")
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, daemon=True)
        self._thread.start()
        service = assistant(self._settings, self._model)
        logs = self._settings.var_dir / "logs"
        self._process = processes.start(
            service.command,
            name=service.name,
            environment=service.environment,
            log=logs / "assistant.log",
            run_dir=self._settings.var_dir / "run",
            cwd=HOME,
        )
        asyncio.run(self._ready(service, logs / "assistant.log"))
        return self

    def __exit__(self, *_: object) -> None:
        processes.stop(self._process, 5)
        self._server.should_exit = True
        self._thread.join(timeout=10)

    async def _ready(self, service: Service, log: Path) -> None:
        async with asyncio.timeout(service.start_seconds):
            while not await service.ready():
                if self._process.poll() is not None:
                    raise RuntimeError(f"the assistant ended:\n{processes.tail(log)}")
                await asyncio.sleep(0.2)


class KnowledgeInMemory:
    def __init__(self, answers: Mapping[str, str]) -> None:
        self.answers = dict(answers)
        self.hints: dict[str, FaqHint] = {}
        """What a search for the text finds."""

    async def find(self, text: str) -> FaqHint:
        return self.hints.get(text, FaqHint())

    async def answer(self, entry_id: str, at: datetime) -> str | None:
        return self.answers.get(entry_id)


class TicketsInMemory:
    def __init__(self) -> None:
        self.bodies: dict[str, str] = {}
        self.left: tuple[LeftTicket, ...] = ()

    async def create(self, conversation_id: str, body: str, idempotency_key: str) -> str:
        self.bodies.setdefault(idempotency_key, body)
        return "T20261122000001"

    async def of_customer(self, conversation_id: str) -> tuple[LeftTicket, ...]:
        return self.left


class RatingsInMemory:
    def __init__(self) -> None:
        self.marks: dict[str, int] = {}

    async def record(self, conversation_id: str, message_id: str, mark: int) -> None:
        self.marks.setdefault(message_id, mark)


def free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


def found(outcome: str, *candidates: tuple[str, str]) -> dict[str, Any]:
    """`faq` metadata: what the knowledge search found, best first (entry id, question)."""
    probabilities: Sequence[float] = (0.95, 0.5, 0.4)
    listed = [
        {"entry_id": entry_id, "question": question, "probability": probability}
        for (entry_id, question), probability in zip(candidates, probabilities, strict=False)
    ]
    return {"outcome": outcome, "candidates": listed}
