"""What WeChat pushes, decoded: XML or JSON into flat fields, by WeChat's own names."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal
from xml.etree.ElementTree import Element, ParseError

import orjson
from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring

from connectors.bodies import Malformed

Format = Literal["xml", "json"]


@dataclass(frozen=True, slots=True)
class Push:
    """`fields` holds texts only; what is nested (scan results, picture lists) is left out, nobody reads it."""

    fields: Mapping[str, str]
    format: Format

    def get(self, name: str) -> str:
        return self.fields.get(name, "")


def parse(body: bytes) -> Push:
    """Raises Malformed. Entities and document types are refused, whatever they say."""
    if body.lstrip()[:1] == b"{":
        return Push(_json_fields(body), "json")
    return Push(_xml_fields(body), "xml")


def _json_fields(body: bytes) -> dict[str, str]:
    try:
        values: Any = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Malformed("the body is not JSON") from error
    fields = {}
    for name, value in values.items():
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            continue
        fields[name] = str(value)
    return fields


def _xml_fields(body: bytes) -> dict[str, str]:
    try:
        root: Element = fromstring(body, forbid_dtd=True)
    # LookupError, ValueError: an encoding that is not there, or no encoding of bytes at all.
    except (ParseError, DefusedXmlException, LookupError, ValueError) as error:
        raise Malformed("the body is not plain XML") from error
    if root.tag != "xml":
        raise Malformed("the XML is not a WeChat push")
    return {child.tag: child.text or "" for child in root if len(child) == 0}
