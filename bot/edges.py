"""What every HTTP answer has in common: errors in one form, a health check, counts, logging of what broke."""

import hmac

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response

from bot import guards
from connectors import metrics
from core.errors import Forbidden, InvalidInput, KefuError

FORWARDED = ("forwarded", "x-forwarded-for", "x-real-ip")

logger = structlog.get_logger()


def install(app: FastAPI, metrics_token: str | None = None) -> None:
    """Errors answer `{"error": {"code", "message"}}`; `/health` answers once the app is up; `/metrics` counts.

    The counts are for this machine only, or for whoever has `metrics_token` (`Authorization: Bearer …`) where it is
    set.
    """

    @app.exception_handler(KefuError)
    async def ours(request: Request, error: KefuError) -> JSONResponse:
        if error.status >= 500:
            logger.error("request failed", path=request.url.path, code=error.code, error=error.message)
        return JSONResponse(error.as_json(), status_code=error.status)

    @app.exception_handler(RequestValidationError)
    async def malformed(request: Request, error: RequestValidationError) -> JSONResponse:
        faults = "; ".join(
            f"{'.'.join(str(part) for part in fault['loc'])}: {fault['msg']}" for fault in error.errors()
        )
        return JSONResponse(InvalidInput(f"请求格式不对: {faults}").as_json(), status_code=InvalidInput.status)

    @app.get("/health", tags=["Health"])
    async def health() -> dict[str, str]:
        return {"status": "ok"}

    @app.get("/metrics", tags=["Health"], response_class=Response)
    async def counts(request: Request) -> Response:
        """Prometheus' text format. A process counts for itself: scrape each one."""
        if not _may_read_counts(request, metrics_token):
            raise Forbidden("统计只对本机开放;从别处读取请设置 KEFU_METRICS_TOKEN")
        return Response(metrics.exposition(), headers={"Content-Type": metrics.CONTENT_TYPE})


def _may_read_counts(request: Request, token: str | None) -> bool:
    """Behind a proxy of this machine everybody would look local, so a request that was passed on never is."""
    if token:
        given = request.headers.get("authorization", "")
        return hmac.compare_digest(given.encode(), f"Bearer {token}".encode())
    if request.client is None or any(name in request.headers for name in FORWARDED):
        return False
    return guards.is_local(request.client.host)
