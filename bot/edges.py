"""What every HTTP answer has in common: errors in one form, a health check, logging of what broke."""

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse

from core.errors import InvalidInput, KefuError

logger = structlog.get_logger()


def install(app: FastAPI) -> None:
    """Errors answer `{"error": {"code", "message"}}`; `/health` answers once the app is up."""

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
