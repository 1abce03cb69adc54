"""`./kefu talk`: a chat in the terminal, over the same HTTP API as the chat page.

Beside each reply stands what the log says of the turn: intent and scores, knowledge, mood, actions, the decision.
"""

import asyncio
import contextlib
import os
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from typing import Any

import httpx
import orjson
from rich.console import Console
from rich.markup import escape

from bot.commands.up import CannotStart, prepared_secrets, preparing, running
from core.conversation import log
from core.settings import Settings
from core.storage.database import Database

TURN_SECONDS = 40.0
NAMES = {"bot": "小满", "agent": "坐席", "system": "系统"}
console = Console(highlight=False, soft_wrap=True)


def talk(member_id: str | None, overrides: dict[str, str]) -> None:
    """Through the running Kefu of this folder, or one started for the occasion."""
    os.environ.update(overrides)
    settings = prepared_secrets()
    if found := running(settings):
        asyncio.run(_talk(settings, found.split(" ")[0], member_id))
        return
    with preparing(overrides, lambda text: console.print(f"[dim]{escape(text)}[/dim]")) as (supervisor, settings):

        async def started() -> None:
            try:
                await supervisor.start()
                await _talk(settings, f"http://{settings.host}:{settings.port}", member_id)
            finally:
                await supervisor.stop()

        asyncio.run(started())


async def _talk(settings: Settings, address: str, member_id: str | None) -> None:
    database = Database(settings.database_url, settings.data_key.get_secret_value())
    async with httpx.AsyncClient(base_url=address, timeout=TURN_SECONDS, trust_env=False) as client:
        try:
            session = await _open(client, member_id)
            async with contextlib.aclosing(_said(client)) as said:
                await Chat(client, database, session["conversation_id"]).run(said)
        except httpx.HTTPStatusError as error:
            raise CannotStart(f"{error.request.url.path} answered {error.response.status_code}") from None
        finally:
            await database.close()


async def _open(client: httpx.AsyncClient, member_id: str | None) -> dict[str, Any]:
    body = {}
    if member_id:
        body = (await client.post("/api/demo/login", json={"member_id": member_id})).raise_for_status().json()
    session: dict[str, Any] = (await client.post("/api/web/session", json=body)).raise_for_status().json()
    client.headers["Authorization"] = f"Bearer {session['token']}"
    brand, member = session["brand"], session["member"]
    console.print(f"[bold]{escape(brand['name'])}[/bold]  {escape(brand['greeting'])}")
    console.print(f"[dim]{escape(member['name']) if member else '访客 (--member M0001 …)'}；空行或 Ctrl-D 结束[/dim]")
    return session


async def _said(client: httpx.AsyncClient) -> AsyncGenerator[dict[str, Any]]:
    """What the bot, agents and the system say from now on."""
    known = (await client.get("/api/web/messages", params={"limit": 1})).raise_for_status().json()["messages"]
    after = known[-1]["seq"] if known else 0
    async with client.stream("GET", "/api/web/stream", params={"after": after}, timeout=None) as response:
        event = ""
        async for line in response.aiter_lines():
            name, _, value = line.partition(": ")
            if name == "event":
                event = value
            elif name == "data" and event == "message":
                message = orjson.loads(value)
                if message["author"] != "customer":
                    yield message


class Chat:
    """Reads lines from the terminal while what is said is printed as it comes."""

    def __init__(self, client: httpx.AsyncClient, database: Database, conversation_id: str) -> None:
        self._client = client
        self._database = database
        self._conversation_id = conversation_id
        self._buttons: list[dict[str, str]] = []

    async def run(self, said: AsyncIterator[dict[str, Any]]) -> None:
        listening = asyncio.create_task(self._listen(said))
        try:
            while line := await _read_line():
                await self._explain(await self._send(line))
        finally:
            listening.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await listening

    async def _send(self, line: str) -> str:
        """A number presses that button of the last reply. Returns the message's id."""
        body = {"client_id": uuid.uuid4().hex, "text": line}
        if line.isdigit() and 0 < int(line) <= len(self._buttons):
            button = self._buttons[int(line) - 1]
            body |= {"text": button["title"], "payload": button["payload"]}
        self._buttons = []
        answer = (await self._client.post("/api/web/messages", json=body)).raise_for_status().json()
        return str(answer["message"]["id"])

    async def _listen(self, said: AsyncIterator[dict[str, Any]]) -> None:
        async for message in said:
            name = message["author_name"] or NAMES[message["author"]]
            console.print(f"[bold cyan]{escape(name)}[/bold cyan] {escape(message['text'] or '')}")
            if message["image"]:
                console.print(f"  [dim]图片[/dim] {escape(message['image'])}")
            if message["custom"]:
                console.print(f"  [dim]{escape(orjson.dumps(message['custom']).decode())}[/dim]")
            for number, button in enumerate(message["buttons"], start=len(self._buttons) + 1):
                console.print(f"  [bold]{number}[/bold] {escape(button['title'])}")
            self._buttons += message["buttons"]

    async def _explain(self, message_id: str) -> None:
        """Wait for the turn to be logged, and for its replies to be printed; then say what the bot thought."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(TURN_SECONDS):
                while not (event := await self._turn(message_id)):
                    if await self._with_people():
                        return
                    await asyncio.sleep(0.1)
                await asyncio.sleep(0.2)
                for line in explain(event):
                    console.print(f"  [dim]┆ {escape(line)}[/dim]")

    async def _turn(self, message_id: str) -> Mapping[str, Any] | None:
        async with self._database.connect() as conn:
            events = await log.read(conn, self._conversation_id, types=["turn"], limit=5)
        return next((event.data for event in events if event.message_id == message_id), None)

    async def _with_people(self) -> bool:
        from core.conversation import lease

        async with self._database.connect() as conn:
            return (await lease.read(conn, self._conversation_id)).owner != lease.BOT


def explain(turn: Mapping[str, Any]) -> list[str]:
    """The event of a turn, in lines for a developer."""
    lines = []
    understanding = turn.get("understanding") or {}
    if ranking := understanding.get("intent_ranking"):
        intents = " · ".join(f"{one['name']} {one['confidence']:.2f}" for one in ranking[:3])
        lines.append(f"intent   {intents}")
    if entities := understanding.get("entities"):
        lines.append("entities " + " · ".join(f"{one['entity']}={one['value']}" for one in entities))
    if faq := turn.get("faq"):
        candidates = " · ".join(f"{one['question']} {one['probability']:.2f}" for one in faq["candidates"][:3])
        lines.append(f"faq      {faq['outcome']}  {candidates}")
    if mood := turn.get("sentiment"):
        risks = f"  risk words {'、'.join(turn['risk_terms'])}" if turn.get("risk_terms") else ""
        lines.append(f"mood     {mood['degree']} {mood['score']:+.2f}{risks}")
    if actions := turn.get("actions"):
        lines.append("actions  " + " → ".join(actions))
    decision = turn.get("decision")
    if not (decision and decision["handoff"]):
        return [*lines, "decision stays with the bot"]
    lines.append(f"decision hand over: {decision['reason']}")
    for evidence in decision["evidence"]:
        if evidence["fired"]:
            decisive = "decisive" if evidence["decisive"] else "not decisive"
            lines.append(
                f"         {evidence['signal']} {evidence['value']} (limit {evidence['threshold']}, {decisive})"
            )
    return lines


async def _read_line() -> str:
    try:
        return (await asyncio.to_thread(input)).strip()
    except EOFError:
        return ""
