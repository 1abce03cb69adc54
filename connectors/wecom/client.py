"""Calls to WeCom's API, for applications and for 微信客服."""

from typing import Any

import httpx
from redis.asyncio import Redis

from connectors.access_token import SharedToken
from connectors.protocol import TryAgain
from connectors.wecom.errors import TOKEN, check

TIMEOUT = httpx.Timeout(10.0, connect=3.0)

Json = dict[str, Any]


class WeComClient:
    """`name` tells the token of this secret from others. Every method raises TryAgain or Refused."""

    def __init__(
        self,
        redis: Redis,
        name: str,
        *,
        corp_id: str,
        secret: str,
        api_url: str,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._corp_id = corp_id
        self._secret = secret
        self._http = httpx.AsyncClient(base_url=api_url, timeout=TIMEOUT, transport=transport)
        self._token = SharedToken(redis, name, self._fetch_token)

    async def aclose(self) -> None:
        await self._http.aclose()

    async def call(self, path: str, body: Json) -> Json:
        """POST JSON to `/cgi-bin/<path>`; the answer, whose code was success."""
        return _json(await self._authorised("POST", path, json=body))

    async def download(self, media_id: str) -> bytes:
        """A file that a customer sent (media/get); WeCom keeps it for three days."""
        answer = await self._authorised("GET", "media/get", params={"media_id": media_id})
        return answer.content

    async def upload(self, content: bytes, filename: str, content_type: str) -> str:
        """Leave a picture with WeCom for three days; its id there (media/upload)."""
        files = {"media": (filename, content, content_type)}
        answer = await self._authorised("POST", "media/upload", params={"type": "image"}, files=files)
        return str(_json(answer).get("media_id", ""))

    async def _authorised(
        self, method: str, path: str, *, params: Json | None = None, **content: Any
    ) -> httpx.Response:
        """With an access token; once more with another one when it is refused."""
        token = await self._token.get()
        for is_last in (False, True):
            answer = await self._request(method, path, params={**(params or {}), "access_token": token}, **content)
            failure = _failure(answer)
            if failure is None:
                return answer
            if failure[0] not in TOKEN:
                check(*failure)
            if not is_last:
                token = await self._token.renew(token)
        raise TryAgain("WeCom refuses fresh access tokens", after=60)

    async def _fetch_token(self) -> tuple[str, float]:
        asked = {"corpid": self._corp_id, "corpsecret": self._secret}
        answer = await self._request("GET", "gettoken", params=asked)
        if failure := _failure(answer):
            check(*failure)
        given = _json(answer)
        if not isinstance(given.get("access_token"), str):
            raise TryAgain("WeCom's answer holds no access token")
        return given["access_token"], float(given.get("expires_in") or 0)

    async def _request(self, method: str, path: str, **content: Any) -> httpx.Response:
        try:
            answer = await self._http.request(method, f"/cgi-bin/{path}", **content)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            raise TryAgain(f"WeCom cannot be reached: {type(error).__name__}") from error
        except httpx.HTTPError as error:
            raise Unanswered(f"WeCom did not answer: {type(error).__name__}") from error
        if answer.status_code != httpx.codes.OK:
            raise Unanswered(f"WeCom answered with status {answer.status_code}")
        return answer


class Unanswered(TryAgain):
    """The request went out, and nobody knows what became of it."""


def _failure(answer: httpx.Response) -> tuple[int, str] | None:
    """Error code and message, None for success. A file comes without any."""
    if "content-disposition" in answer.headers:
        return None
    body = _json(answer)
    code = body.get("errcode", 0)
    if not isinstance(code, int):
        raise TryAgain("WeCom's answer has no error code that can be read")
    return (code, str(body.get("errmsg", ""))) if code else None


def _json(answer: httpx.Response) -> Json:
    try:
        body = answer.json()
    except ValueError as error:
        raise TryAgain("WeCom answered something else than JSON") from error
    if not isinstance(body, dict):
        raise TryAgain("WeCom answered JSON that is no object")
    return body
