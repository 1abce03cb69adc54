"""The vendor's calls as the mapping describes them. All raise TryAgain or Undeliverable (`outcomes`), nothing else."""

from collections.abc import Callable, Mapping
from typing import Any

import httpx
import orjson
from redis.asyncio import Redis

from connectors.access_token import SharedToken
from connectors.protocol import TryAgain, Undeliverable
from connectors.webhook.outcomes import Answered, check, token_refused
from connectors.webhook.sending import Encoding, Method
from connectors.webhook.settings import WebhookSettings
from connectors.webhook.templates import SECRETS, Body, CannotFill, Template, Values

TIMEOUT_SECONDS = 8.0
MAX_BYTES = 10 * 1024 * 1024
WRONG_SETTINGS_SECONDS = 300.0
BAD_MEDIA = "bad_media"
REJECTED = "rejected"

Build = Callable[[Values], httpx.Request]


class WebhookApi:
    """One channel's calls. `transport` is for tests; addresses stand in the mapping."""

    def __init__(
        self, channel: str, settings: WebhookSettings, redis: Redis, transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        self._mapping = settings.mapping
        self._secrets = settings.plain_secrets
        self._http = httpx.AsyncClient(timeout=TIMEOUT_SECONDS, transport=transport)
        self._token = SharedToken(redis, f"webhook:{channel}", self._fetch_token) if self._mapping.token else None

    async def aclose(self) -> None:
        await self._http.aclose()

    async def send(self, shape: Body, values: Values) -> None:
        """A message: the body that all have, and over it what is particular to this one."""
        send = self._mapping.send

        def build(more: Values) -> httpx.Request:
            known = {**values, **more}
            body = send.body.fill(known) | shape.fill(known)
            headers = _filled(send.headers, known)
            return self._request(send.method, send.url.fill(known), headers, send.encoding, body)

        await self._call(build)

    async def upload(self, content: bytes, filename: str, content_type: str) -> str:
        """The vendor's id of an image."""
        upload = self._mapping.upload
        assert upload, "a mapping whose image names image_id has an upload"

        def build(more: Values) -> httpx.Request:
            return self._http.build_request(
                "POST",
                upload.url.fill(more),
                headers=_filled(upload.headers, more),
                data=_filled(upload.fields, more),
                files={upload.file: (filename, content, content_type)},
            )

        image_id = upload.path.text((await self._call(build)).body)
        if not image_id:
            raise Undeliverable(BAD_MEDIA, f"the vendor's answer has no id of the image at {upload.path.source!r}")
        return image_id

    async def download(self, media_id: str) -> bytes:
        """What a customer sent: `media_id` is made by `Fetching`."""
        wanted = orjson.loads(media_id)
        media = self._mapping.media
        if "url" in wanted:
            request = self._http.build_request("GET", wanted["url"])  # without our headers: they are the vendor's
            answered = await self._fetch(request)
            check(self._mapping.answers, answered, is_media=True)
            return answered.content
        assert media.url, "a mapping with media ids says where they are fetched"
        url = media.url

        def build(more: Values) -> httpx.Request:
            known = {**wanted, **more}
            return self._http.build_request("GET", url.fill(known), headers=_filled(media.headers, known))

        return (await self._call(build, is_media=True)).content

    async def _call(self, build: Build, *, is_media: bool = False) -> Answered:
        """One call, and one more with another token when the vendor refuses the first."""
        answers = self._mapping.answers
        known = {SECRETS: self._secrets}
        if self._token is None:
            answered = await self._fetch(_built(build, known))
        else:
            token = await self._token.get()
            answered = await self._fetch(_built(build, {**known, "token": token}))
            if token_refused(answers, answered):
                answered = await self._fetch(_built(build, {**known, "token": await self._token.renew(token)}))
        check(answers, answered, is_media=is_media)
        return answered

    async def _fetch_token(self) -> tuple[str, float]:
        token = self._mapping.token
        assert token
        build: Build = lambda known: self._request(  # noqa: E731
            token.method,
            token.url.fill(known),
            _filled(token.headers, known),
            token.encoding,
            token.body.fill(known) if token.body else None,
        )
        answered = await self._fetch(_built(build, {SECRETS: self._secrets}))
        try:
            check(self._mapping.answers, answered)
        except Undeliverable as error:  # no message is in vain because the settings are wrong
            raise TryAgain(f"no access token: {error.message}", after=WRONG_SETTINGS_SECONDS) from error
        found = token.path.text(answered.body)
        if not found:
            raise TryAgain(f"the vendor's answer has no token at {token.path.source!r}", after=WRONG_SETTINGS_SECONDS)
        seconds = token.lifetime.find(answered.body) if token.lifetime else None
        return found, float(seconds) if isinstance(seconds, int | float) else token.lifetime_seconds

    def _request(
        self, method: Method, url: str, headers: dict[str, str], encoding: Encoding, body: dict[str, Any] | None
    ) -> httpx.Request:
        if body is None or method == "GET":
            return self._http.build_request(method, url, headers=headers)
        if encoding == "form":
            return self._http.build_request(method, url, headers=headers, data=_form(body))
        headers = {"Content-Type": "application/json; charset=utf-8"} | headers
        return self._http.build_request(method, url, headers=headers, content=orjson.dumps(body))

    async def _fetch(self, request: httpx.Request) -> Answered:
        try:
            response = await self._http.send(request, stream=True)
            try:
                return Answered.of(response, await _limited(response))
            finally:
                await response.aclose()
        except httpx.HTTPError as error:
            raise TryAgain(f"the vendor cannot be reached: {type(error).__name__}") from error


def _built(build: Build, known: Values) -> httpx.Request:
    try:
        return build(known)
    except (CannotFill, httpx.InvalidURL) as error:
        raise Undeliverable(REJECTED, str(error)) from error


def _filled(templates: Mapping[str, Template], values: Values) -> dict[str, str]:
    return {name: template.fill(values) for name, template in templates.items()}


def _form(body: Mapping[str, Any]) -> dict[str, str]:
    return {
        name: value if isinstance(value, str) else orjson.dumps(value).decode()
        for name, value in body.items()
        if value is not None
    }


async def _limited(response: httpx.Response) -> bytes:
    content = bytearray()
    async for chunk in response.aiter_bytes():
        content += chunk
        if len(content) > MAX_BYTES:
            raise Undeliverable(BAD_MEDIA, "the vendor's answer is too big")
    return bytes(content)
