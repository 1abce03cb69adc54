"""What the vendor's answer to a call means: done, try again, in vain. By the mapping's codes, else by HTTP's."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import httpx
import orjson

from connectors.protocol import TryAgain, Undeliverable
from connectors.webhook.sending import Answers

REFUSED_TOKEN_SECONDS = 60.0
BUSY = frozenset({408, 425, 429})


@dataclass(frozen=True)
class Answered:
    """`retry_after` is in seconds, where the vendor says so."""

    status: int
    content: bytes
    retry_after: float | None = None

    @cached_property
    def body(self) -> Any:
        """What it says as JSON; None for what is none."""
        try:
            return orjson.loads(self.content)
        except orjson.JSONDecodeError:
            return None

    @classmethod
    def of(cls, response: httpx.Response, content: bytes) -> "Answered":
        seconds = response.headers.get("retry-after", "")
        return cls(response.status_code, content, float(seconds) if seconds.isascii() and seconds.isdecimal() else None)


def token_refused(answers: Answers, answered: Answered) -> bool:
    code = _code(answers, answered)
    return code in answers.token_refused if code else answered.status == httpx.codes.UNAUTHORIZED


def check(answers: Answers, answered: Answered, *, is_media: bool = False) -> None:
    """Raises TryAgain or Undeliverable. A code that the mapping does not name is in vain: so would the same call be."""
    code = _code(answers, answered)
    said = f"the vendor answered HTTP {answered.status}, {answered.content[:200]!r}"
    if code in answers.undeliverable:
        raise Undeliverable(answers.undeliverable[code], said)
    if code in answers.try_again or code in answers.busy:
        raise TryAgain(said, everybody=code in answers.try_again, after=answered.retry_after)
    if token_refused(answers, answered):
        raise TryAgain(said, after=answered.retry_after or REFUSED_TOKEN_SECONDS)
    if answered.status in BUSY or answered.status >= 500:
        raise TryAgain(said, after=answered.retry_after)
    if not 200 <= answered.status < 300:
        raise Undeliverable("rejected", said)
    if is_media and answered.body is None:
        return
    if answers.success and answered.body is None:
        raise TryAgain(said)
    if answers.success and not answers.success.holds(answered.body):
        raise Undeliverable("rejected", said)


def _code(answers: Answers, answered: Answered) -> str:
    return answers.code.text(answered.body) if answers.code else ""
