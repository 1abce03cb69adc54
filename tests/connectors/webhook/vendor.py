"""Small mapping files for tests, and a vendor that answers as told."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import yaml
from pydantic import SecretStr

from connectors.webhook.mapping import Mapping, read
from connectors.webhook.settings import WebhookSettings

EXAMPLES = Path(__file__).parents[3] / "connectors" / "webhook" / "examples"
PAYLOADS = Path(__file__).parent / "payloads"

SMALL = """
verify:
  - {scheme: token, given: {header: X-Token}, equals: "{{ secrets.token }}"}
receive:
  - {id: id, sender: sender, text: text}
send:
  url: https://vendor.example/send
  body: {to: "{{ recipient }}", id: "{{ id }}"}
  text: {text: "{{ text }}"}
"""


def small(**changes: Any) -> dict[str, Any]:
    return yaml.safe_load(SMALL) | changes


def mapping(**changes: Any) -> Mapping:
    return Mapping.model_validate(small(**changes))


def settings(mapped: Mapping) -> WebhookSettings:
    return WebhookSettings(mapping=mapped, secrets={name: SecretStr(f"the {name}") for name in mapped.secrets})


def example(name: str) -> Mapping:
    return read(EXAMPLES / f"{name}.yml")


def payload(name: str) -> Any:
    return json.loads((PAYLOADS / f"{name}.json").read_text(encoding="utf-8"))


class Vendor(httpx.AsyncBaseTransport):
    """Notes what it is asked, and answers by a function of the request."""

    def __init__(self, answer: Callable[[httpx.Request], httpx.Response]) -> None:
        self.asked: list[httpx.Request] = []
        self._answer = answer

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await request.aread()
        self.asked.append(request)
        return self._answer(request)
