"""The way from WeChat to us: what a customer does is signed, encrypted and pushed, up to three times."""

import asyncio
import secrets
from dataclasses import dataclass
from typing import Any, Literal

import httpx

from connectors.bodies import Malformed
from connectors.fakes.wechat_rules import Bubble, Platform
from connectors.wechat.crypto import Envelope, sign
from connectors.wechat.pushes import Format, Push, parse
from connectors.wechat.replies import render

TRIES = 3
TRY_SECONDS = 5.0
ACCOUNT = "gh_7f083739789a"
OUT_OF_ORDER = "该公众号提供的服务出现故障，请稍后再试"
AT_PLATFORM = "已为您转接到微信客服工作台"

Flaw = Literal["wrong_signature", "unsigned", "tampered", "stale", "future"]
SKEWED = {"stale": -600, "future": 600}


@dataclass(frozen=True)
class Request:
    """One push, ready to go."""

    query: dict[str, str]
    body: bytes


class Pushes:
    """Pushes to `callback_url`. `format`: mini-programs may choose JSON."""

    def __init__(self, platform: Platform, callback_url: str, http: httpx.AsyncClient, format: Format = "xml") -> None:
        self._platform = platform
        self._url = callback_url
        self._http = http
        self._format = format
        key = platform.account.aes_key
        self._envelope = Envelope(key.get_secret_value(), platform.account.app_id) if key else None

    def fields(self, open_id: str, kind: str, **more: Any) -> dict[str, Any]:
        """What all pushes have in common. `MsgId` is made for messages; events have none."""
        common = {"ToUserName": ACCOUNT, "FromUserName": open_id, "CreateTime": int(self._platform.clock())}
        number = {} if kind == "event" else {"MsgId": secrets.randbelow(10**16) + 10**16}
        return common | {"MsgType": kind} | number | more

    async def deliver(self, open_id: str, fields: dict[str, Any]) -> None:
        """As WeChat does: again after 5 s without an answer, three times in all; then the customer is told."""
        body = render(fields, self._format)
        for _try in range(TRIES):
            try:
                response = await self.post(self.request(body), TRY_SECONDS)
            except httpx.TimeoutException:
                continue
            except httpx.HTTPError:
                await asyncio.sleep(1)
                continue
            self.show(open_id, response)
            return
        self._platform.show(open_id, Bubble(0, "platform", "", OUT_OF_ORDER))

    def request(self, body: bytes, flaw: Flaw | None = None) -> Request:
        """`body` as it goes over the wire, and what stands in the address."""
        token = self._platform.account.token.get_secret_value()
        moved = SKEWED.get(flaw or "", 0)
        timestamp, nonce = str(int(self._platform.clock()) + moved), str(secrets.randbelow(10**10))
        query = {"signature": sign(token, timestamp, nonce), "timestamp": timestamp, "nonce": nonce}
        if self._envelope:
            sealed = self._envelope.seal(body)
            query |= {"encrypt_type": "aes", "msg_signature": sign(token, timestamp, nonce, sealed)}
            if flaw == "tampered":
                sealed = self._envelope.seal(body)
            body = render({"ToUserName": ACCOUNT, "Encrypt": sealed}, self._format)
        for name in ("signature", "msg_signature"):
            if flaw == "wrong_signature" and name in query:
                query[name] = sign("another token", timestamp, nonce)
            if flaw == "unsigned":
                query.pop(name, None)
        return Request(query, body)

    async def post(self, request: Request, seconds: float = TRY_SECONDS) -> httpx.Response:
        kind = {"Content-Type": "text/xml" if self._format == "xml" else "application/json"}
        return await self._http.post(
            self._url, params=request.query, content=request.body, headers=kind, timeout=seconds
        )

    def show(self, open_id: str, response: httpx.Response) -> None:
        """What our answer to a push brings to the customer's phone."""
        if response.is_success and response.content in (b"", b"success"):
            return
        try:
            answer = self.opened(response)
        except Malformed:
            answer = None
        if answer is None or answer.get("ToUserName") != open_id or answer.get("FromUserName") != ACCOUNT:
            self._platform.show(open_id, Bubble(0, "platform", "", OUT_OF_ORDER))
        elif answer.get("MsgType") == "transfer_customer_service":
            self._platform.show(open_id, Bubble(0, "platform", "passive", AT_PLATFORM))
        else:
            self._platform.show(open_id, Bubble(0, "account", "passive", answer.get("Content")))

    def opened(self, response: httpx.Response) -> Push | None:
        """None when WeChat would not take it."""
        if not response.is_success:
            return None
        answer = parse(response.content)
        if self._envelope:
            token = self._platform.account.token.get_secret_value()
            parts = (answer.get("TimeStamp"), answer.get("Nonce"), answer.get("Encrypt"))
            if sign(token, *parts) != answer.get("MsgSignature"):
                return None
            answer = parse(self._envelope.open(answer.get("Encrypt")))
        kind, text = answer.get("MsgType"), answer.get("Content")
        is_text = kind == "text" and bool(text) and len(text.encode()) <= 2048
        official = self._platform.account.variant == "official"
        return answer if kind == "transfer_customer_service" or (is_text and official) else None
