"""What stands before every route: bodies of a bounded size, requests of a bounded rate, headers for safety."""

import ipaddress
from collections.abc import Mapping

from fastapi import FastAPI
from fastapi.middleware.cors import CORSMiddleware
from starlette.datastructures import MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from connectors.limits import TOO_MANY_REQUESTS, Limits
from core.errors import KefuError, TooLarge, TooMany
from core.settings import Settings

POLICY = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
SECURITY = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}
LONGEST_LENGTH = 15  # digits of a Content-Length that is read at all
UNCOUNTED = ("/channels/", "/assets/", "/actions/", "/health", "/metrics")


def install(app: FastAPI, settings: Settings) -> None:
    """The outermost comes last: also a refusal has the headers, and scripts of allowed sites may read it."""
    media = settings.media_max_bytes
    # Rasa sends the whole conversation to the actions.
    larger = dict.fromkeys(("/api/web/media", "/channels/app/media", "/actions/"), media)
    app.add_middleware(BodyLimit, limit=settings.body_max_bytes, larger=larger)
    app.add_middleware(AddressLimit)
    if settings.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.cors_origins,
            allow_methods=["GET", "POST"],
            allow_headers=["Authorization", "Content-Type", "Last-Event-ID"],
            expose_headers=["Retry-After"],
        )
    app.add_middleware(SecurityHeaders, https=(settings.public_url or "").startswith("https://"))


class SecurityHeaders:
    """Every answer has these headers; a route's own ones stay. `https`: browsers come back by https only."""

    def __init__(self, app: ASGIApp, *, https: bool) -> None:
        self._app = app
        self._headers = SECURITY | ({"Strict-Transport-Security": "max-age=31536000"} if https else {})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, with_headers)


class BodyLimit:
    """413 for a body over `limit` bytes, by what it says of itself or by what comes; `larger` by path's beginning."""

    def __init__(self, app: ASGIApp, *, limit: int, larger: Mapping[str, int]) -> None:
        self._app = app
        self._limit = limit
        self._larger = larger

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        limit = next((size for path, size in self._larger.items() if scope["path"].startswith(path)), self._limit)
        refusal = TooLarge(f"请求太大了，最大 {limit // 1024} KB")
        said = dict(scope["headers"]).get(b"content-length", b"0")
        if not said.isdigit() or len(said) > LONGEST_LENGTH or int(said) > limit:
            return await _refuse(refusal, scope, receive, send)
        came, started = 0, False

        async def counted() -> Message:
            nonlocal came
            message = await receive()
            came += len(message.get("body", b""))
            if came > limit:
                raise refusal
            return message

        async def unless_refused(message: Message) -> None:
            nonlocal started
            if came <= limit:
                started = True
                await send(message)

        try:
            await self._app(scope, counted, unless_refused)
        except TooLarge:
            if came <= limit:
                raise
        # The routes below may have made something else of the error: whoever sent too much is told just that.
        if came > limit and not started:
            await _refuse(refusal, scope, receive, send)


class AddressLimit:
    """429 for an address that asks too often. This machine, and vendors (who push from few addresses), are not counted.

    The address is the one that uvicorn found: behind a trusted proxy the customer's (`KEFU_TRUSTED_PROXIES`).
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not scope["path"].startswith(UNCOUNTED):
            limits: Limits | None = getattr(scope["app"].state, "limits", None)  # none before the app is up
            address = scope["client"][0] if scope.get("client") else ""
            if limits and not is_local(address) and not await limits.allow_request(_whose(address)):
                return await _refuse(TooMany(TOO_MANY_REQUESTS), scope, receive, send)
        await self._app(scope, receive, send)


def is_local(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False  # a test client, a socket: no address


def _whose(address: str) -> str:
    """Whoever has one IPv6 address has 2^64 of them."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    return address if parsed.version == 4 else str(ipaddress.ip_network((int(parsed), 64), strict=False))


async def _refuse(error: KefuError, scope: Scope, receive: Receive, send: Send) -> None:
    headers = {"Connection": "close"} if isinstance(error, TooLarge) else {"Retry-After": "30"}
    await JSONResponse(error.as_json(), status_code=error.status, headers=headers)(scope, receive, send)
