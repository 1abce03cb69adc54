"""The way from WeCom to us: signed, encrypted, pushed; three times in all until the answer is 200 within 5 s."""

import asyncio
import secrets
from collections.abc import Callable
from typing import Any

import httpx

from connectors.bodies import Malformed
from connectors.fakes.wechat_pushes import SKEWED, TRIES, TRY_SECONDS, Flaw, Request
from connectors.wechat.crypto import Envelope, sign
from connectors.wechat.pushes import Push, parse
from connectors.wechat.replies import render
from connectors.wecom.settings import CallbackSettings

PAUSE_SECONDS = 1.0


class Pushes:
    """Pushes to `callback_url`."""

    def __init__(
        self, settings: CallbackSettings, callback_url: str, http: httpx.AsyncClient, clock: Callable[[], float]
    ) -> None:
        self._corp_id = settings.corp_id
        self._token = settings.token.get_secret_value()
        self._envelope = Envelope(settings.aes_key.get_secret_value(), settings.corp_id)
        self._url = callback_url
        self._http = http
        self._clock = clock

    def fields(self, user_id: str, kind: str, agent_id: int, **more: Any) -> dict[str, Any]:
        """A push of an application. `MsgId` is made for messages; events have none."""
        common = {"ToUserName": self._corp_id, "FromUserName": user_id, "CreateTime": int(self._clock())}
        number = {} if kind == "event" else {"MsgId": secrets.randbelow(10**16) + 10**16}
        return common | {"MsgType": kind} | number | {"AgentID": agent_id} | more

    def happened(self, account: str, token: str) -> dict[str, Any]:
        """The callback of 微信客服, which says nothing else."""
        common = {"ToUserName": self._corp_id, "CreateTime": int(self._clock()), "MsgType": "event"}
        return common | {"Event": "kf_msg_or_event", "Token": token, "OpenKfId": account}

    def request(self, body: bytes, flaw: Flaw | None = None) -> Request:
        """`body` as it goes over the wire, and what stands in the address."""
        sealed = self._envelope.seal(body)
        query = self._query(sealed, flaw)
        if flaw == "tampered":
            sealed = self._envelope.seal(body)
        return Request(query, render({"ToUserName": self._corp_id, "Encrypt": sealed, "AgentID": "1"}, "xml"))

    def echo(self, text: str, flaw: Flaw | None = None) -> dict[str, str]:
        """What stands in the address when WeCom checks it."""
        sealed = self._envelope.seal(text.encode())
        return self._query(sealed, flaw) | {"echostr": self._envelope.seal(b"1") if flaw == "tampered" else sealed}

    async def deliver(self, fields: dict[str, Any]) -> httpx.Response | None:
        """As WeCom does. None when nobody took it."""
        body = render(fields, "xml")
        for _try in range(TRIES):
            try:
                response = await self.post(self.request(body))
            except httpx.HTTPError:
                response = None
            if response is not None and response.status_code == httpx.codes.OK:
                return response
            await asyncio.sleep(PAUSE_SECONDS)
        return None

    async def post(self, request: Request) -> httpx.Response:
        kind = {"Content-Type": "text/xml"}
        return await self._http.post(
            self._url, params=request.query, content=request.body, headers=kind, timeout=TRY_SECONDS
        )

    def opened(self, response: httpx.Response) -> Push | None:
        """Our answer to a push, where it holds one that WeCom takes."""
        if not response.content:
            return None
        try:
            answer = parse(response.content)
            parts = (answer.get("TimeStamp"), answer.get("Nonce"), answer.get("Encrypt"))
            is_signed = sign(self._token, *parts) == answer.get("MsgSignature")
            return parse(self._envelope.open(answer.get("Encrypt"))) if is_signed else None
        except Malformed:
            return None

    def _query(self, sealed: str, flaw: Flaw | None) -> dict[str, str]:
        timestamp, nonce = str(int(self._clock()) + SKEWED.get(flaw or "", 0)), str(secrets.randbelow(10**10))
        token = "another token" if flaw == "wrong_signature" else self._token
        query = {"msg_signature": sign(token, timestamp, nonce, sealed), "timestamp": timestamp, "nonce": nonce}
        if flaw == "unsigned":
            del query["msg_signature"]
        return query
