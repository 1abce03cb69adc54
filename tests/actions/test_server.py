"""The webhook that Rasa calls, and that code, domain and rules name the same things."""

import re
from typing import Any

import httpx
import pytest
import yaml
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from pydantic import SecretStr

from actions.forms.form import FORMS
from actions.guesses import TITLES
from actions.server import build_executor, router
from actions.services import Services
from core.errors import KefuError
from tests.actions.call import DOMAIN, HOME, responses
from tests.actions.fake_shop import FakeShop, services_of

TOKEN = "action-token"


@pytest.fixture
def services(shop: FakeShop, knowledge, tickets) -> Services:
    return services_of(shop, knowledge, tickets)


@pytest.fixture
async def client(services: Services):
    app = FastAPI()

    @app.exception_handler(KefuError)
    async def _(_: Request, error: KefuError) -> JSONResponse:
        return JSONResponse(error.as_json(), error.status)

    app.include_router(router(build_executor(services), SecretStr(TOKEN)))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://app") as client:
        yield client


def call(action: str) -> dict[str, Any]:
    """Without the domain, as Rasa sends it under `enable_selective_domain`."""
    message = {"text": "投诉", "intent": {"name": "complain"}, "entities": [], "metadata": {"message_id": "m1"}}
    tracker = {"sender_id": "c1", "slots": {}, "latest_message": message, "events": [], "active_loop": {}}
    return {"next_action": action, "sender_id": "c1", "tracker": tracker, "version": "3.6.21"}


async def test_an_action_runs(client: httpx.AsyncClient):
    answer = await client.post("/actions/webhook", params={"token": TOKEN}, json=call("action_complain"))
    assert answer.status_code == 200
    assert answer.json()["responses"] == [{"response": "utter_complain"}]


@pytest.mark.parametrize("token", ["", "wrong", "密码"])
async def test_without_the_token_nothing_runs(client: httpx.AsyncClient, token: str):
    answer = await client.post("/actions/webhook", params={"token": token}, json=call("action_complain"))
    assert answer.status_code == 401


async def test_an_unknown_action_is_named(client: httpx.AsyncClient):
    answer = await client.post("/actions/webhook", params={"token": TOKEN}, json=call("action_dance"))
    assert answer.status_code == 404
    assert answer.json()["action_name"] == "action_dance"


def test_the_domain_lists_exactly_the_actions_there_are(services: Services):
    listed = yaml.safe_load((DOMAIN / "actions.yml").read_text(encoding="utf-8"))["actions"]
    assert sorted(listed) == sorted(build_executor(services).actions)


def test_every_response_named_in_the_code_exists():
    code = "\n".join(path.read_text(encoding="utf-8") for path in (HOME / "actions").rglob("*.py"))
    named = set(re.findall(r'"(utter_[a-z_]+)"', code))
    assert named
    assert not named - responses().keys()


def test_no_response_is_idle():
    """Families that the code names by a status, a refusal, a reason or a form end in an underscore."""
    sources = [*(HOME / "actions").rglob("*.py"), *(HOME / "bot" / "assistant" / "dialogues").glob("*.yml")]
    text = "\n".join(path.read_text(encoding="utf-8") for path in sources)
    families = (*re.findall(r"(utter_[a-z_]+_)\{", text), "utter_ask_", "utter_default")
    idle = {name for name in responses() if name not in text and not name.startswith(families)}
    assert not idle


def test_every_question_has_two_ways_to_be_put():
    asked_often = ("utter_which_", "utter_ask_", "utter_login_needed", "utter_backend_down")
    once = {name for name, ways in responses().items() if name.startswith(asked_often) and len(ways) < 2}
    assert not once


def test_the_assistant_and_the_actions_know_the_same_forms():
    """A form that waits for an order (bot/assistant/turn.py) is opened by actions/flow.py."""
    wishes = yaml.safe_load((DOMAIN.parent / "wishes.yml").read_text(encoding="utf-8"))
    intents = yaml.safe_load((DOMAIN / "intents.yml").read_text(encoding="utf-8"))["intents"]
    assert wishes["forms"] == FORMS
    assert {*wishes["queries"], *wishes["people"], *wishes["forms"], *TITLES} <= set(intents)
