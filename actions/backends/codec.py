"""The plain data of the Protocols as JSON and back: the bodies of the HTTP contract.

Money is a string ("129.00"), a point in time RFC 3339 with its zone, an enum its value. Unknown fields are ignored, so
that a shop may send more than we know.
"""

from collections.abc import Callable
from functools import cache
from typing import Any, TypeVar

from pydantic import TypeAdapter

T = TypeVar("T")
_adapter: Callable[[Any], TypeAdapter[Any]] = cache(TypeAdapter)


def encode(kind: type[T], value: T) -> bytes:
    return _adapter(kind).dump_json(value)


def decode(kind: type[T], data: bytes | str) -> T:
    """Raises pydantic.ValidationError (a ValueError) when the data is not what the contract says."""
    result: T = _adapter(kind).validate_json(data)
    return result
