"""Calls to a shop's own system: one time budget, retries inside it, a breaker around it, its errors as ours."""

import asyncio
import re
from collections.abc import Mapping
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any, TypeVar

import httpx
import stamina
import structlog
from pydantic import BaseModel, Field, ValidationError

from actions.backends.codec import decode
from actions.backends.http.breaker import Breaker
from actions.backends.refusals import KeyReused, NotAllowed, check_key, no_such_member, no_such_order
from core.errors import InvalidInput, Unavailable

T = TypeVar("T")
log = structlog.get_logger(__name__)

_ATTEMPTS = 3
_PASSING = {429, 500, 502, 503, 504}
_SEGMENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.@-]{0,63}")


class _ErrorBody(BaseModel):
    code: str = Field(min_length=1)
    message: str = ""
    details: dict[str, str] = {}


class _Error(BaseModel):
    error: _ErrorBody


class _Passing(Unavailable):
    """A failure that may be over a moment later. Every call is safe to repeat: it reads, or it carries its key."""


class Client:
    """`budget`: seconds for one call with all its attempts. Raises what `protocols` promises, nothing else."""

    def __init__(
        self,
        base_url: str,
        token: str,
        *,
        budget: float,
        breaker: Breaker,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._budget = budget
        self._breaker = breaker
        self._http = httpx.AsyncClient(
            base_url=base_url,
            headers={"Authorization": f"Bearer {token}", "Accept": "application/json"},
            timeout=budget,
            transport=transport,
            # One client serves all members: a session cookie of one must not travel with another.
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
        )

    async def get(self, kind: type[T], path: str, ids: Mapping[str, str], **query: str | int) -> T:
        return await self._call(kind, "GET", path, ids, params=query)

    async def send(
        self, kind: type[T], method: str, path: str, ids: Mapping[str, str], key: str, body: Mapping[str, Any] | None
    ) -> T:
        """A call with an effect, under its idempotency key."""
        return await self._call(kind, method, path, ids, json=body, headers={"Idempotency-Key": check_key(key)})

    async def close(self) -> None:
        await self._http.aclose()

    async def _call(self, kind: type[T], method: str, path: str, ids: Mapping[str, str], **request: Any) -> T:
        """`path` is a template of the contract; only templates are logged, for the ids are personal."""
        missing = no_such_order() if "number" in ids else no_such_member()
        if not all(_SEGMENT.fullmatch(value) for value in ids.values()):
            raise missing  # cannot be anybody's, and must not bend the path
        operation = f"{method} {path}"
        try:
            with self._breaker.watch():
                response = await self._in_time(operation, method, path.format(**ids), request)
                if response.status_code == httpx.codes.NOT_FOUND:
                    raise missing
                return _read(kind, operation, response)
        except Unavailable as error:
            log.warning("backend_unavailable", operation=operation, why=error.message, breaker=self._breaker.state)
            raise

    async def _in_time(self, operation: str, method: str, url: str, request: dict[str, Any]) -> httpx.Response:
        try:
            async with asyncio.timeout(self._budget):
                return await self._attempts(operation, method, url, request)
        except TimeoutError:
            raise Unavailable(f"{operation}: no answer within {self._budget} s") from None

    async def _attempts(self, operation: str, method: str, url: str, request: dict[str, Any]) -> httpx.Response:
        retries = stamina.retry_context(
            on=_Passing, attempts=_ATTEMPTS, timeout=None, wait_initial=0.1, wait_max=0.4, wait_jitter=0.1
        )
        async for attempt in retries:
            with attempt:
                try:
                    response = await self._http.request(method, url, **request)
                except httpx.RequestError as error:
                    raise _Passing(f"{operation}: {type(error).__name__}") from error
                if response.status_code in _PASSING:
                    raise _Passing(f"{operation}: the backend answers {response.status_code}")
                return response
        raise AssertionError("the last attempt returns or raises")


def _read(kind: type[T], operation: str, response: httpx.Response) -> T:
    """The body of an answer, or the error it stands for."""
    try:
        if response.status_code == httpx.codes.OK:
            return decode(kind, response.content)
        if response.status_code == httpx.codes.CONFLICT:
            raise _refusal(_Error.model_validate_json(response.content).error)
    except ValidationError as error:
        # What the fields hold may be personal; where they are and what is wrong with them is not.
        faults = error.errors(include_input=False, include_url=False, include_context=False)
        raise Unavailable(f"{operation}: the answer is not what the contract says: {faults[:3]}") from None
    if response.status_code in (httpx.codes.BAD_REQUEST, httpx.codes.UNPROCESSABLE_ENTITY):
        raise InvalidInput(f"{operation}: the backend cannot use the request")
    raise Unavailable(f"{operation}: the backend answers {response.status_code}; is KEFU_BACKEND_TOKEN right?")


def _refusal(body: _ErrorBody) -> NotAllowed | KeyReused:
    if body.code == KeyReused.code:
        return KeyReused(body.message or "the idempotency key was used for another request")
    return NotAllowed(body.code, body.message, body.details)
