"""A fake of WeCom's API server (qyapi.weixin.qq.com), for applications and 微信客服, as strict as the real one."""

import json
from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import APIRouter, FastAPI, Request, UploadFile
from fastapi.responses import JSONResponse, Response

from connectors.fakes.wecom_kf_rules import CustomerService
from connectors.fakes.wecom_rules import Application, Platform, Refused


def api(platform: Platform, application: Application | None, service: CustomerService | None) -> APIRouter:
    """The calls of the API. Refusals are HTTP 200 with an `errcode`, as WeCom's are."""
    routes = APIRouter(prefix="/cgi-bin")

    @routes.get("/gettoken")
    async def gettoken(corpid: str = "", corpsecret: str = "") -> dict[str, Any]:
        return platform.gettoken(corpid, corpsecret)

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
        made = str(int(platform.clock()))
        return {"errcode": 0, "errmsg": "", "type": type, "media_id": media_id, "created_at": made}

    if application:

        @routes.post("/message/send")
        async def send(request: Request, access_token: str = "") -> dict[str, Any]:
            platform.check(access_token, "app")
            return application.send(await _json(request))

    calls: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {}
    if service:
        calls = {
            "sync_msg": service.sync_msg,
            "send_msg": service.send_msg,
            "send_msg_on_event": service.send_msg_on_event,
            "service_state/get": service.state_get,
            "service_state/trans": service.state_trans,
            "customer/batchget": service.batchget,
        }

    @routes.post("/kf/{name:path}")
    async def customer_service(name: str, request: Request, access_token: str = "") -> dict[str, Any]:
        platform.check(access_token, "kf", name)
        if name not in calls:
            raise Refused(40066, "invalid url")
        return calls[name](await _json(request))

    return routes


def create(
    platform: Platform, application: Application | None = None, service: CustomerService | None = None
) -> FastAPI:
    app = FastAPI(title="企业微信接口(仿真)", docs_url=None, redoc_url=None, openapi_url=None)

    @app.exception_handler(Refused)
    async def refused(_request: Request, error: Refused) -> JSONResponse:
        return JSONResponse({"errcode": error.code, "errmsg": error.message})

    @app.middleware("http")
    async def switches(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
        is_spared = request.url.path.rpartition("/")[2] in platform.spared
        if platform.state == "down" and not is_spared:
            return Response("Bad Gateway", status_code=502)
        answer = await call_next(request)
        if platform.lose_answers and "send" in request.url.path:
            platform.lose_answers -= 1
            return Response("Gateway Timeout", status_code=504)
        return answer

    app.include_router(api(platform, application, service))
    return app


async def _json(request: Request) -> dict[str, Any]:
    try:
        body = json.loads(await request.body())
    except ValueError as error:
        raise Refused(47001, "data format error") from error
    if not isinstance(body, dict):
        raise Refused(47001, "data format error")
    return body
