"""The built pages: chat at `/`, desk at `/desk`, the widget's script; with caching and a tight content policy."""

from pathlib import Path

from fastapi import APIRouter
from fastapi.responses import FileResponse, PlainTextResponse, Response

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: https:; connect-src 'self'; "
    "font-src 'self'; media-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors {ancestors}"
)
FOREVER = "public, max-age=31536000, immutable"  # names of assets carry a hash of their content
CHECK_FIRST = "no-cache"
MISSING = "pages are not built; run ./kefu up"


def router(folder: Path) -> APIRouter:
    """Serve what Vite built into `folder`. The chat may be framed by any site (the widget), the desk by none."""
    api = APIRouter(include_in_schema=False)

    @api.get("/")
    async def chat() -> Response:
        return _page(folder / "chat" / "index.html", ancestors="*")

    @api.get("/desk")
    @api.get("/desk/{_path:path}")
    async def desk(_path: str = "") -> Response:
        return _page(folder / "desk" / "index.html", ancestors="'none'")

    @api.get("/widget.js")
    async def widget() -> Response:
        headers = {"Cache-Control": CHECK_FIRST, "Cross-Origin-Resource-Policy": "cross-origin"}
        return _file(folder / "widget.js", headers)

    @api.get("/assets/{name}")
    async def asset(name: str) -> Response:
        return _file(folder / "assets" / name, {"Cache-Control": FOREVER, "X-Content-Type-Options": "nosniff"})

    return api


def _page(path: Path, *, ancestors: str) -> Response:
    headers = {
        "Cache-Control": CHECK_FIRST,
        "Content-Security-Policy": POLICY.format(ancestors=ancestors),
        "Referrer-Policy": "same-origin",
        "X-Content-Type-Options": "nosniff",
    }
    return _file(path, headers)


def _file(path: Path, headers: dict[str, str]) -> Response:
    if not path.is_file():
        return PlainTextResponse(MISSING, status_code=404)
    return FileResponse(path, headers=headers)
