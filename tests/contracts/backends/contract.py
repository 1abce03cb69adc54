"""Holds every HTTP exchange against the contract: path, method, parameters, bodies, statuses."""

import json
import re
from typing import Any

import httpx
import yaml
from jsonschema import Draft202012Validator, FormatChecker

from actions.backends.demo_server import CONTRACT

SPEC: dict[str, Any] = yaml.safe_load(CONTRACT.read_text(encoding="utf-8"))


class ContractTransport(httpx.AsyncHTTPTransport):
    """A real transport that fails the test when one side breaks the contract."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        operation, parameters = _operation(request)
        _check_request(request, operation, parameters)
        response = await super().handle_async_request(request)
        body = await response.aread()
        documented = operation["responses"].get(str(response.status_code)) or operation["responses"]["default"]
        _check(_resolve(documented)["content"]["application/json"]["schema"], json.loads(body))
        return response


def _operation(request: httpx.Request) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    for template, item in SPEC["paths"].items():
        pattern = re.sub(r"\{\w+\}", "[^/]+", template)
        if re.fullmatch(pattern, request.url.path) and request.method.lower() in item:
            operation = item[request.method.lower()]
            return operation, [_resolve(p) for p in item.get("parameters", []) + operation.get("parameters", [])]
    raise AssertionError(f"the contract knows no {request.method} {request.url.path}")


def _check_request(request: httpx.Request, operation: dict[str, Any], parameters: list[dict[str, Any]]) -> None:
    assert request.headers["authorization"].startswith("Bearer ")
    query = [parameter for parameter in parameters if parameter["in"] == "query"]
    assert set(request.url.params) <= {parameter["name"] for parameter in query}
    for parameter in parameters:
        if parameter["in"] == "header":
            _check(parameter["schema"], request.headers[parameter["name"]])
    if "requestBody" in operation:
        # What a customer typed may be wrong; that it comes in the right field may not.
        schema = _resolve(operation["requestBody"])["content"]["application/json"]["schema"]
        assert set(json.loads(request.content)) == set(schema["required"])
    else:
        assert not request.content


def _check(schema: dict[str, Any], value: Any) -> None:
    whole = {**schema, "components": SPEC["components"]}
    Draft202012Validator(whole, format_checker=FormatChecker()).validate(value)


def _resolve(node: dict[str, Any]) -> dict[str, Any]:
    found: Any = node
    while "$ref" in found:
        reference, found = found["$ref"], SPEC
        for key in reference.removeprefix("#/").split("/"):
            found = found[key]
    result: dict[str, Any] = found
    return result
