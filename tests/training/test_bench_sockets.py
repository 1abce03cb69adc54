"""The bench's app, against a small server of the app channel's frames."""

from collections.abc import AsyncIterator

import aiohttp
import orjson
import pytest
from aiohttp import web

from training.bench.sockets import App


class AppChannel:
    """Says back what it is told, first to somebody else's message and then to this one."""

    def __init__(self) -> None:
        self.tokens: list[str] = []

    async def serve(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        async for received in socket:
            frame = orjson.loads(received.data)
            if frame["type"] == "hello":
                self.tokens.append(frame["token"])
                await socket.send_json({"type": "ready", "conversation_id": "c"})
                continue
            said = {"id": f"m-{frame['id']}", "author": "customer", "reply_to": None}
            await socket.send_json({"type": "accepted", "id": frame["id"], "message": said})
            for reply_to in ("m-other", said["id"]) if frame["text"] != "没人理" else ("m-other",):
                answer = {"id": f"a-{reply_to}", "author": "bot", "reply_to": reply_to}
                await socket.send_json({"type": "message", "message": answer})
        return socket


@pytest.fixture
async def served() -> AsyncIterator[tuple[AppChannel, App]]:
    channel = AppChannel()
    application = web.Application()
    application.router.add_get("/", channel.serve)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    async with aiohttp.ClientSession() as session:
        yield channel, App(session, f"http://127.0.0.1:{runner.addresses[0][1]}/", "the token")
    await runner.cleanup()


async def test_a_turn_ends_with_the_answer_to_its_own_line(
    served: tuple[AppChannel, App], monkeypatch: pytest.MonkeyPatch
) -> None:
    channel, app = served
    await app.open()
    assert channel.tokens == ["the token"]
    assert await app.say("在吗") > 0
    monkeypatch.setattr("training.bench.sockets.ANSWER_SECONDS", 0.05)
    with pytest.raises(TimeoutError):
        await app.say("没人理")
    assert app.is_open
    await app.close()
    assert not app.is_open
