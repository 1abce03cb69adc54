"""What other people's clients see: Rasa's REST and socket.io shapes, true OpenAPI, and nobody else's data."""

import asyncio
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import socketio
import yaml
from openapi_spec_validator import validate

from bot.setup.pages import node_environment
from core.conversation.message import new_id
from core.settings import HOME
from tests.e2e.product import Product, Visitor


@pytest.fixture
def http(kefu: Product) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=kefu.url, timeout=40, trust_env=False) as client:
        yield client


def rest(http: httpx.Client, sender: str, text: str, **metadata: Any) -> list[dict[str, Any]]:
    body = {"sender": sender, "message": text, "metadata": metadata}
    answer: list[dict[str, Any]] = http.post("/webhooks/rest/webhook", json=body).raise_for_status().json()
    return answer


def member_token(http: httpx.Client, member_id: str) -> str:
    answer = http.post("/api/demo/login", json={"member_id": member_id}).raise_for_status().json()
    return str(answer["member_token"])


def test_rest_answers_as_rasa_does(http: httpx.Client) -> None:
    sender = new_id()
    greeted = rest(http, sender, "你好")
    assert {item["recipient_id"] for item in greeted} == {sender}
    assert set(greeted[0]) <= {"recipient_id", "text", "buttons"}
    assert all(set(button) == {"title", "payload"} for button in greeted[0].get("buttons", []))
    thanked = rest(http, sender, "谢谢")
    assert thanked
    assert thanked != greeted


def test_rest_streams_a_line_a_reply(http: httpx.Client) -> None:
    body = {"sender": new_id(), "message": "你好"}
    lines = http.post("/webhooks/rest/webhook?stream=true", json=body).raise_for_status().text.splitlines()
    assert lines
    assert all(line.startswith("{") for line in lines)


def test_a_repeated_rest_message_is_not_answered_twice(http: httpx.Client) -> None:
    sender, message_id = new_id(), "m" * 500
    assert rest(http, sender, "你好", message_id=message_id)
    assert rest(http, sender, "你好", message_id=message_id) == []


def test_rest_without_a_message_says_what_is_wrong(http: httpx.Client) -> None:
    response = http.post("/webhooks/rest/webhook", json={"sender": "a"})
    assert response.status_code == 422
    assert "message" in response.json()["error"]["message"]


async def test_socket_io_speaks_to_public_widgets(kefu: Product) -> None:
    client = socketio.AsyncClient()
    confirmed: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    uttered: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    client.on("session_confirm", confirmed.set_result)
    client.on("bot_uttered", uttered.put)
    await client.connect(kefu.url, transports=["websocket"])
    async with asyncio.timeout(30):
        await client.emit("session_request", {"session_id": None})
        session_id = await confirmed
        assert isinstance(session_id, str)
        await client.emit("user_uttered", {"message": "你好", "customData": {}, "session_id": session_id})
        greeting = await uttered.get()
    assert set(greeting) == {"text", "quick_replies"}
    assert all(set(item) == {"content_type", "title", "payload"} for item in greeting["quick_replies"])
    await client.disconnect()


@pytest.mark.parametrize("transport", ["polling", "websocket"])
def test_the_socket_io_client_from_npm_works_unmodified(kefu: Product, transport: str) -> None:
    script = Path(__file__).with_name("socketio_client.mjs")
    command = ["node", str(script), kefu.url, transport, "你好", "谢谢", "再见"]
    done = subprocess.run(command, env=node_environment(), capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    got = json.loads(done.stdout)
    assert isinstance(got["sessionId"], str)
    texts = [message["text"] for message in got["uttered"]]
    assert len(set(texts)) == 3, "an answer to each line, and none twice"


def test_somebody_elses_order_looks_like_one_that_does_not_exist(http: httpx.Client) -> None:
    """The same response for another member's order and for a made-up number; and nothing of its content."""
    owner, curious = member_token(http, "M0001"), member_token(http, "M0002")
    for number in (own_order_number(http, owner), "KF202001010000"):
        said = rest(http, new_id(), f"{number}这个订单到哪了", member_token=curious)
        texts = [item["text"] for item in said if "text" in item]
        assert len(texts) == 1
        assert texts[0] in unknown_order(number)


def unknown_order(number: str) -> set[str]:
    """All wordings of the one response."""
    file = HOME / "bot" / "assistant" / "domain" / "responses" / "orders.yml"
    responses = yaml.safe_load(file.read_text(encoding="utf-8"))["responses"]
    return {wording["text"].format(given=number) for wording in responses["utter_order_unknown"]}


def own_order_number(http: httpx.Client, token: str) -> str:
    for text in ("我的订单", "查一下我最近的订单"):
        for item in rest(http, new_id(), text, member_token=token):
            for button in item.get("buttons", []):
                if "KF" in button["payload"]:
                    return "KF" + button["payload"].split("KF", 1)[1][:12]
            if "KF" in item.get("text", ""):
                return "KF" + item["text"].split("KF", 1)[1][:12]
    raise AssertionError("the member's own orders show no number")


def test_a_forged_or_foreign_token_opens_nothing(http: httpx.Client) -> None:
    assert http.post("/api/web/session", json={"member_token": "x.y.z"}).status_code == 401
    visitor_token = http.post("/api/web/session", json={}).json()["token"]
    assert http.post("/api/web/session", json={"member_token": visitor_token}).status_code == 401
    assert http.get("/api/web/messages", headers={"Authorization": "Bearer x.y.z"}).status_code == 401


def test_a_visitor_sees_only_their_own_history(kefu: Product) -> None:
    with Visitor(kefu.url) as one, Visitor(kefu.url) as other:
        one.post("我想问个事")
        assert one.messages()
        assert other.messages() == []


def test_actions_and_desk_are_closed(http: httpx.Client) -> None:
    assert http.post("/actions/webhook?token=wrong", json={"next_action": "action_query_points"}).status_code == 401
    assert http.get("/api/desk/queue").status_code == 401
    assert http.get("/api/knowledge").status_code == 401


def test_the_openapi_is_valid_and_holds_what_is_served(http: httpx.Client) -> None:
    schema = http.get("/openapi.json").raise_for_status().json()
    validate(schema)
    assert {"/webhooks/rest/webhook", "/api/web/messages", "/api/desk/queue", "/api/knowledge/search"} <= set(
        schema["paths"]
    )
    assert "/actions/webhook" not in schema["paths"]


def test_rasa_is_reachable_from_this_machine_only(kefu: Product) -> None:
    assert kefu.listens_on("assistant") == {"127.0.0.1"}
