"""The few calls of WeChat's API that we need. All raise TryAgain or Undeliverable (`failures`), nothing else."""

from dataclasses import dataclass, field
from typing import Any

import httpx
import orjson
import structlog
from redis.asyncio import Redis

from connectors.access_token import SharedToken
from connectors.protocol import TryAgain, Undeliverable
from connectors.wechat.failures import BAD_MEDIA, BAD_TOKEN, failure
from connectors.wechat.settings import WechatSettings

TIMEOUT_SECONDS = 8.0
TOKEN_SECONDS = 7200.0
MAX_MEDIA_BYTES = 10 * 1024 * 1024

Answer = dict[str, Any] | bytes
"""JSON, or the content of a media."""

logger = structlog.get_logger()


class WechatApi:
    """One account's calls. `transport` is for tests; the base URL is a setting."""

    def __init__(
        self, settings: WechatSettings, redis: Redis, transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        self._settings = settings
        self._http = httpx.AsyncClient(base_url=settings.api_url, timeout=TIMEOUT_SECONDS, transport=transport)
        self._token = SharedToken(redis, f"wechat:{settings.app_id}", self._fetch_token)
        self._refused: str | None = None

    async def aclose(self) -> None:
        await self._http.aclose()

    async def send(self, body: dict[str, object]) -> None:
        """A customer-service message (客服消息): `touser`, `msgtype` and its content."""
        await self._json(_Call("POST", "/cgi-bin/message/custom/send", body=body))

    async def typing(self, open_id: str) -> None:
        """Shows 对方正在输入 for 15 s."""
        body: dict[str, object] = {"touser": open_id, "command": "Typing"}
        await self._json(_Call("POST", "/cgi-bin/message/custom/typing", body=body))

    async def union_id(self, open_id: str) -> str | None:
        """None for who does not follow, and for an account that is not bound to the open platform."""
        answer = await self._json(_Call("GET", "/cgi-bin/user/info", {"openid": open_id, "lang": "zh_CN"}))
        return str(answer.get("unionid") or "") or None

    async def download(self, media_id: str) -> bytes:
        """The content of what a customer sent, within three days. Undeliverable (bad_media) when it is gone."""
        answer = await self._request(_Call("GET", "/cgi-bin/media/get", {"media_id": media_id}))
        if isinstance(answer, dict) and "video_url" in answer:
            answer = await self._fetch(self._http.build_request("GET", str(answer["video_url"])), is_media=True)
        if not isinstance(answer, bytes):
            raise Undeliverable(BAD_MEDIA, "WeChat has no content for this media")
        return answer

    async def upload(self, content: bytes, filename: str, content_type: str) -> str:
        """WeChat's id of an image, good for three days."""
        files = {"media": (filename, content, content_type)}
        answer = await self._json(_Call("POST", "/cgi-bin/media/upload", {"type": "image"}, files=files))
        return str(answer.get("media_id", ""))

    async def _json(self, call: "_Call") -> dict[str, Any]:
        answer = await self._request(call)
        if isinstance(answer, bytes):
            raise TryAgain("WeChat's answer is not JSON")
        return answer

    async def _request(self, call: "_Call") -> Answer:
        """One call, and one more with another token when WeChat refuses the first."""
        token = await self._token.get()
        answer = await self._fetch(self._with_token(call, token))
        if _code(answer) in BAD_TOKEN:
            self._refused = token
            answer = await self._fetch(self._with_token(call, await self._token.renew(token)))
        return _checked(answer)

    def _with_token(self, call: "_Call", token: str) -> httpx.Request:
        # JSON is written as UTF-8: WeChat shows escaped characters as they are escaped.
        content = None if call.body is None else orjson.dumps(call.body)
        headers = {"Content-Type": "application/json; charset=utf-8"} if content else None
        params = {"access_token": token} | call.query
        return self._http.build_request(
            call.method, call.path, params=params, content=content, files=call.files, headers=headers
        )

    async def _fetch(self, request: httpx.Request, *, is_media: bool = False) -> Answer:
        try:
            response = await self._http.send(request, stream=True)
            try:
                content = await _limited(response)
            finally:
                await response.aclose()
        except httpx.HTTPError as error:
            raise TryAgain(f"WeChat cannot be reached: {type(error).__name__}") from error
        if response.status_code != httpx.codes.OK:
            raise TryAgain(f"WeChat answered HTTP {response.status_code}")
        if is_media or "content-disposition" in response.headers:
            return content
        try:
            answer = orjson.loads(content)  # whatever its type says: much of WeChat's JSON is called text/plain
        except orjson.JSONDecodeError as error:
            raise TryAgain("WeChat's answer is not JSON") from error
        if not isinstance(answer, dict):
            raise TryAgain("WeChat's answer is no JSON object")
        return answer

    async def _fetch_token(self) -> tuple[str, float]:
        """By stable_token, whose calls do not make each other's tokens invalid; forced only when ours is refused."""
        token, seconds = await self._stable_token(force=False)
        if token == self._refused:
            logger.warning("WeChat refuses its own access token; asking for another", app_id=self._settings.app_id)
            token, seconds = await self._stable_token(force=True)
        return token, seconds

    async def _stable_token(self, *, force: bool) -> tuple[str, float]:
        body = {
            "grant_type": "client_credential",
            "appid": self._settings.app_id,
            "secret": self._settings.app_secret.get_secret_value(),
            "force_refresh": force,
        }
        answer = _checked(await self._fetch(self._http.build_request("POST", "/cgi-bin/stable_token", json=body)))
        if isinstance(answer, bytes) or not isinstance(answer.get("access_token"), str):
            raise TryAgain("WeChat's answer holds no access token")
        seconds = answer.get("expires_in")
        return answer["access_token"], float(seconds) if isinstance(seconds, int) else TOKEN_SECONDS


@dataclass(frozen=True, slots=True)
class _Call:
    method: str
    path: str
    query: dict[str, str] = field(default_factory=dict)
    body: dict[str, object] | None = None
    files: Any = None


async def _limited(response: httpx.Response) -> bytes:
    content = bytearray()
    async for chunk in response.aiter_bytes():
        content += chunk
        if len(content) > MAX_MEDIA_BYTES:
            raise Undeliverable(BAD_MEDIA, "the media is too big")
    return bytes(content)


def _code(answer: Answer) -> int:
    code = answer.get("errcode", 0) if isinstance(answer, dict) else 0
    return code if isinstance(code, int) else -1


def _checked(answer: Answer) -> Answer:
    if code := _code(answer):
        assert isinstance(answer, dict)
        raise failure(code, str(answer.get("errmsg", "")))
    return answer
