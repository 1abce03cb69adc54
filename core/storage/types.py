"""Column types of our own: sealed JSON, sealed bytes and points in time in UTC."""

from datetime import UTC, datetime
from typing import Any

import orjson
from sqlalchemy import DateTime, Dialect, LargeBinary
from sqlalchemy.types import TypeDecorator

from core.crypto import Cipher


class Sealed(TypeDecorator[Any]):
    """JSON, encrypted at rest. The cipher is the engine's own (see `Database`), so two databases may have two keys."""

    impl = LargeBinary
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> bytes | None:
        return None if value is None else _cipher(dialect).encrypt(orjson.dumps(value))

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:
        return None if value is None else orjson.loads(_cipher(dialect).decrypt(value))


class SealedBytes(TypeDecorator[bytes]):
    """Bytes, encrypted at rest."""

    impl = LargeBinary
    cache_ok = True

    def process_bind_param(self, value: bytes | None, dialect: Dialect) -> bytes | None:
        return None if value is None else _cipher(dialect).encrypt(value)

    def process_result_value(self, value: bytes | None, dialect: Dialect) -> bytes | None:
        return None if value is None else _cipher(dialect).decrypt(value)


class UtcDateTime(TypeDecorator[datetime]):
    """An aware datetime in UTC. SQLite forgets the zone; here it is given back."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is not None and value.tzinfo is None:
            raise ValueError("a naive datetime cannot be stored; give it a zone")
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return value.replace(tzinfo=UTC) if value is not None and value.tzinfo is None else value


def fingerprint(dialect: Dialect, text: str) -> str:
    """A keyed hash (hex, 64 characters): finds what is not stored in the clear."""
    return _cipher(dialect).fingerprint(text)


def _cipher(dialect: Dialect) -> Cipher:
    cipher: Cipher = dialect.kefu_cipher  # type: ignore[attr-defined]  # set by Database
    return cipher
