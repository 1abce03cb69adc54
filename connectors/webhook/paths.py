"""Paths into what a vendor pushes or answers: JMESPath, and `parse_json` for JSON that stands inside a text."""

import json
from dataclasses import dataclass
from typing import Any

import jmespath
import orjson
from jmespath.exceptions import JMESPathError
from jmespath.functions import Functions, signature
from jmespath.parser import ParsedResult
from jmespath.visitor import Options


class _Functions(Functions):
    @signature({"types": ["string", "null"]})
    def _func_parse_json(self, text: str | None) -> Any:
        """What the text says as JSON; null for what is none."""
        try:
            return orjson.loads(text) if text else None
        except orjson.JSONDecodeError:
            return None


_OPTIONS = Options(custom_functions=_Functions())


@dataclass(frozen=True)
class Path:
    source: str
    _compiled: ParsedResult

    @classmethod
    def parse(cls, source: object) -> "Path":
        """Raises ValueError saying what is wrong with it."""
        if not isinstance(source, str):
            raise ValueError("a path is written as text, e.g. data.user.id")
        try:
            compiled = jmespath.compile(source)
        except JMESPathError as error:
            reason = getattr(error, "msg", str(error))
            raise ValueError(f"{source!r} is no JMESPath ({reason}); see https://jmespath.org") from None
        if unknown := sorted(_functions(compiled.parsed) - set(_Functions.FUNCTION_TABLE)):
            raise ValueError(f"{source!r} calls {unknown[0]}(), which JMESPath does not have")
        if _denies_less(compiled.parsed):
            raise ValueError(f"{source!r}: JMESPath reads !a.b as (!a).b, which is nothing; write !(a.b)")
        return cls(source, compiled)

    def find(self, data: object) -> Any:
        """What stands there; None where there is nothing, or nothing of the type that a function needs."""
        try:
            return self._compiled.search(data, _OPTIONS)
        except (JMESPathError, RecursionError):
            return None

    def holds(self, data: object) -> bool:
        """As a condition: true unless nothing, false or empty. (Zero is true, as JMESPath has it.)"""
        found = self.find(data)
        return found is not None and found is not False and found not in ("", [], {})

    def text(self, data: object) -> str:
        """A text or number that stands there; empty for anything else. Without zero bytes, which no database takes."""
        found = self.find(data)
        if isinstance(found, bool) or not isinstance(found, str | int | float):
            return ""
        return found.replace("\0", "") if isinstance(found, str) else json.dumps(found)


def _denies_less(node: Any) -> bool:
    """Whether a path goes on behind what is denied: nobody means that."""
    if node["type"] == "subexpression" and node["children"][0]["type"] == "not_expression":
        return True
    return any(map(_denies_less, node["children"]))


def _functions(node: Any) -> set[str]:
    """The functions that a parsed path calls."""
    called = {node["value"]} if node["type"] == "function_expression" else set()
    return called.union(*(_functions(child) for child in node["children"]))
