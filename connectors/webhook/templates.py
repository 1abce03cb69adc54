"""Texts, addresses, headers and bodies with `{{ … }}` in them: written by the deployment, filled with what came.

The template is the deployment's own; what fills it may be a customer's words, so it is always a value and never read as
a template, JSON, address or header: a body is a structure whose leaves are filled and then written as JSON; what stands
in an address is quoted; control characters do not get into headers.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import quote

import httpx
from jinja2 import StrictUndefined, TemplateError, meta, nodes
from jinja2 import Template as Jinja
from jinja2.environment import TemplateExpression
from jinja2.runtime import Undefined
from jinja2.sandbox import ImmutableSandboxedEnvironment

Values = Mapping[str, Any]
Kind = Literal["text", "url", "header"]

SECRETS = "secrets"
JSON = "$json"
EACH, AS = "$each", "$as"
ITEM, NUMBER = "item", "number"
VISIBLE = "".join(map(chr, range(0x20, 0x7F)))

_ONE_EXPRESSION = re.compile(r"\A\{\{(.*)\}\}\Z", re.DOTALL)
_HOST = re.compile(r"\Ahttps?://[^/?#{}\s]+(?:[/?#]|\Z)")


def _has_host(source: str) -> bool:
    host = _HOST.match(source)
    try:
        return bool(host and httpx.URL(host[0]).host)
    except httpx.InvalidURL:
        return False


def _text(value: object) -> object:
    return "" if value is None else value


def _quoted(value: object) -> object:
    return value if isinstance(value, Undefined) else quote(str(_text(value)), safe="")


def _visible(value: object) -> object:
    return value if isinstance(value, Undefined) else quote(str(_text(value)), safe=VISIBLE)


def _environment(finalize: Callable[[object], object]) -> ImmutableSandboxedEnvironment:
    return ImmutableSandboxedEnvironment(undefined=StrictUndefined, keep_trailing_newline=True, finalize=finalize)


_ENVIRONMENTS = {"text": _environment(_text), "url": _environment(_quoted), "header": _environment(_visible)}


class CannotFill(Exception):
    """A template needs something that is not there: a header that did not come, a part of the body."""


@dataclass(frozen=True)
class Template:
    """`names`: what it takes from the values, the channel's secrets as `secrets.…`."""

    source: str
    names: frozenset[str]
    _jinja: Jinja

    @classmethod
    def parse(cls, source: object, known: frozenset[str], kind: Kind = "text") -> "Template":
        """`known`: what may stand in it. Raises ValueError saying what is wrong with it."""
        if not isinstance(source, str):
            raise ValueError("this is written as text, in quotes")
        if kind == "url" and not _has_host(source):
            raise ValueError("an address begins with https:// (or http://) and the host itself, without {{ }}")
        environment = _ENVIRONMENTS[kind]
        try:
            tree = environment.parse(source)
            jinja = environment.from_string(source)
        except TemplateError as error:
            raise ValueError(f"{source!r} is no template: {error}") from None
        names = meta.find_undeclared_variables(tree)
        if unknown := sorted(names - known):
            raise ValueError(f"{source!r} names {unknown[0]}; here are {', '.join(sorted(known))}")
        return cls(source, frozenset(names - {SECRETS} | _secrets(tree)), jinja)

    def fill(self, values: Values) -> str:
        """Raises CannotFill."""
        try:
            return self._jinja.render(values)
        except (TemplateError, TypeError, ValueError) as error:
            raise CannotFill(f"{self.source!r} cannot be filled: {error}") from error


@dataclass(frozen=True)
class Body:
    """A structure of YAML, with templates in its texts.

    A text that is one `{{ … }}` and nothing else becomes the value itself, whatever its type. `{$json: …}` becomes a
    text that holds JSON. `{$each: name, $as: …}` becomes a list, with `item` and `number` (from 1) in it.
    """

    names: frozenset[str]
    _fill: Callable[[Values], Any]

    @classmethod
    def parse(cls, source: object, known: frozenset[str]) -> "Body":
        """`known`: what may stand in it. Raises ValueError saying what is wrong with it."""
        names: set[str] = set()
        fill = _compile(source, known, names)
        return cls(frozenset(names), fill)

    def fill(self, values: Values) -> Any:
        """What JSON can hold. Raises CannotFill."""
        try:
            return self._fill(values)
        except (TemplateError, TypeError, ValueError) as error:
            raise CannotFill(f"a body cannot be filled: {error}") from error


def _compile(source: object, known: frozenset[str], names: set[str]) -> Callable[[Values], Any]:
    """How to fill one part of a body; what it names is added."""
    match source:
        case str():
            return _leaf(source, known, names)
        case list():
            parts = [_compile(part, known, names) for part in source]
            return lambda values: [fill(values) for fill in parts]
        case dict() if JSON in source:
            inner = _compile(_alone(source, JSON)[JSON], known, names)
            return lambda values: json.dumps(inner(values), ensure_ascii=False)
        case dict() if EACH in source:
            return _each(_alone(source, EACH, AS), known, names)
        case dict():
            fields = {str(name): _compile(part, known, names) for name, part in source.items()}
            return lambda values: {name: fill(values) for name, fill in fields.items()}
        case None | bool() | int() | float():
            return lambda values: source
    raise ValueError(f"{source!r} is nothing that JSON can hold; put it in quotes")


def _leaf(source: str, known: frozenset[str], names: set[str]) -> Callable[[Values], Any]:
    template = Template.parse(source, known)
    names |= template.names
    environment = _ENVIRONMENTS["text"]
    expression = _ONE_EXPRESSION.match(source)
    if expression is None or not _is_one_expression(environment.parse(source)):
        return template.fill
    return _value(environment.compile_expression(expression[1], undefined_to_none=False))


def _value(expression: TemplateExpression) -> Callable[[Values], Any]:
    def fill(values: Values) -> Any:
        value = expression(values)
        if isinstance(value, Undefined):
            str(value)  # raises, saying what is not there
        return value

    return fill


def _is_one_expression(tree: nodes.Template) -> bool:
    match tree.body:
        case [nodes.Output(nodes=[node])]:
            return not isinstance(node, nodes.TemplateData)
    return False


def _each(source: Mapping[str, object], known: frozenset[str], names: set[str]) -> Callable[[Values], Any]:
    name = source[EACH]
    if name not in known:
        raise ValueError(f"{EACH} takes the name of a list, e.g. buttons, and not {name!r}")
    names.add(str(name))
    fill = _compile(source[AS], known | {ITEM, NUMBER}, names)
    return lambda values: [
        fill({**values, ITEM: item, NUMBER: number}) for number, item in enumerate(values[str(name)], start=1)
    ]


def _alone(source: Mapping[str, object], *names: str) -> Mapping[str, object]:
    if set(source) != set(names):
        raise ValueError(f"{' and '.join(names)} stand together and with nothing else beside them")
    return source


def _secrets(tree: nodes.Template) -> set[str]:
    attributes = [node.attr for node in tree.find_all(nodes.Getattr) if _is_secrets(node.node)]
    items = [node.arg.as_const() for node in tree.find_all(nodes.Getitem) if _is_secrets(node.node)]
    return {f"{SECRETS}.{name}" for name in (*attributes, *items)}


def _is_secrets(node: nodes.Node) -> bool:
    return isinstance(node, nodes.Name) and node.name == SECRETS
