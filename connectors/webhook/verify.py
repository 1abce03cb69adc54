"""Whether a push is the vendor's own: signed with our secret, and lately. Compares in constant time."""

import base64
import hashlib
import hmac
from collections.abc import Mapping

from connectors.webhook.pushes import Push
from connectors.webhook.receiving import Checks, HashCheck, HmacCheck, TokenCheck
from connectors.webhook.templates import SECRETS, CannotFill, Values
from core.errors import Unauthorized

MILLISECONDS = 1e11  # as seconds this would be the year 5138


def verify(checks: Checks, push: Push, secrets: Mapping[str, str], now: float) -> None:
    """Raises Unauthorized unless all of them hold. `now`: seconds since 1970."""
    values = push.values(secrets)
    for check in checks:
        try:
            holds = _token(check, push, values) if isinstance(check, TokenCheck) else _signed(check, push, values, now)
        except CannotFill as error:
            raise Unauthorized("what is signed did not come") from error
        if not holds:
            raise Unauthorized("the signature is wrong")


def _token(check: TokenCheck, push: Push, values: Values) -> bool:
    expected = check.equals.fill({SECRETS: values[SECRETS]})
    return bool(expected) and _same(expected, push.at(check.given))


def _signed(check: HashCheck | HmacCheck, push: Push, values: Values, now: float) -> bool:
    timestamp = push.at(check.timestamp) if check.timestamp else ""
    if check.timestamp and not _is_near(timestamp, now, check.max_skew_seconds):
        raise Unauthorized("the push was signed too long ago, or a clock is wrong")
    message = check.message.fill({**values, "timestamp": timestamp}).encode(errors="surrogateescape")
    given = push.at(check.signature)
    if not given.startswith(check.prefix):
        return False
    given = given.removeprefix(check.prefix)
    digest = _digest(check, message, values)
    if check.encoding == "hex":
        return _same(digest.hex(), given.lower())
    return _same(base64.b64encode(digest).decode(), given)


def _digest(check: HashCheck | HmacCheck, message: bytes, values: Values) -> bytes:
    if isinstance(check, HmacCheck):
        return hmac.digest(check.key.fill({SECRETS: values[SECRETS]}).encode(), message, check.hash)
    return hashlib.new(check.hash, message).digest()


def _is_near(timestamp: str, now: float, seconds: float) -> bool:
    if not (timestamp.isascii() and timestamp.isdecimal() and len(timestamp) <= 16):
        return False
    signed = float(timestamp)
    return abs(now - (signed / 1000 if signed > MILLISECONDS else signed)) <= seconds


def _same(expected: str, given: str) -> bool:
    return hmac.compare_digest(expected.encode(errors="surrogatepass"), given.encode(errors="surrogatepass"))
