"""A fake of WeChat's API server (api.weixin.qq.com), as strict as the real one in what we use."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx
from fastapi import APIRouter, FastAPI, Request, UploadFile
from fastapi.responses import JSONResponse, Response
from starlette.types import Lifespan

from connectors.fakes.wechat_logins import DemoLogins
from connectors.fakes.wechat_phone import Phones
from connectors.fakes.wechat_pushes import Pushes
from connectors.fakes.wechat_rules import Platform, Refused
from connectors.wechat.settings import WechatSettings
from core.errors import KefuError

OK = {"errcode": 0, "errmsg": "ok"}


def api(platform: Platform) -> APIRouter:
    """The calls of the API. Refusals are HTTP 200 with an `errcode`, as WeChat's are."""
    routes = APIRouter(prefix="/cgi-bin")

    @routes.post("/stable_token")
    async def stable_token(request: Request) -> dict[str, Any]:
        return platform.stable_token(await _json(request))

    @routes.post("/message/custom/send")
    async def send(request: Request, access_token: str = "") -> dict[str, Any]:
        platform.check(access_token)
        platform.send(await _json(request))
        return OK

    @routes.post("/message/custom/typing")
    async def typing(request: Request, access_token: str = "") -> dict[str, Any]:
        platform.check(access_token)
        platform.typing(await _json(request))
        return OK

    @routes.get("/media/get")
    async def download(access_token: str = "", media_id: str = "") -> Response:
        platform.check(access_token)
        content, content_type = platform.download(media_id)
        headers = {"Content-Disposition": f'attachment; filename="{media_id}"'}
        return Response(content, media_type=content_type, headers=headers)

    @routes.post("/media/upload")
    async def upload(media: UploadFile, access_token: str = "", type: str = "") -> dict[str, Any]:
        platform.check(access_token)
        media_id = platform.upload(type, await media.read())
        return {"type": type, "media_id": media_id, "created_at": int(platform.clock())}

    @routes.get("/user/info")
    async def user_info(access_token: str = "", openid: str = "") -> dict[str, Any]:
        platform.check(access_token)
        return platform.user_info(openid)

    return routes


def create(platform: Platform, lifespan: Lifespan[FastAPI] | None = None) -> FastAPI:
    app = FastAPI(title="微信接口（仿真）", docs_url=None, redoc_url=None, openapi_url=None, lifespan=lifespan)

    @app.exception_handler(Refused)
    async def refused(_request: Request, error: Refused) -> JSONResponse:
        return JSONResponse({"errcode": error.code, "errmsg": error.message})

    @app.exception_handler(KefuError)
    async def ours(_request: Request, error: KefuError) -> JSONResponse:
        return JSONResponse(error.as_json(), status_code=error.status)

    @app.middleware("http")
    async def down(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
        if platform.state == "down" and request.url.path.startswith("/cgi-bin"):
            platform.calls_while_down += 1
            return Response("Bad Gateway", status_code=502)
        return await call_next(request)

    app.include_router(api(platform))
    return app


def demo(account: WechatSettings, kefu_url: str, channel: str, name: str) -> FastAPI:
    """The API with a phone in the browser at `/`, which writes to this channel of Kefu; `name` is the account's."""
    platform = Platform(account)
    http = httpx.AsyncClient(trust_env=False)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        async with http:
            yield

    app = create(platform, lifespan)
    pushes = Pushes(platform, f"{kefu_url}/channels/{channel}/callback", http)
    app.include_router(Phones(platform, pushes, DemoLogins(kefu_url, channel, http), name).router())
    return app


async def _json(request: Request) -> dict[str, Any]:
    try:
        body = json.loads(await request.body())
    except ValueError as error:
        raise Refused(47001, "data format error") from error
    if not isinstance(body, dict):
        raise Refused(47001, "data format error")
    return body
