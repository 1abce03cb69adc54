"""The built pages: chat at `/`, desk at `/desk`, the widget's script; with caching and a tight content policy."""

from collections.abc import Sequence
from pathlib import Path

from fastapi import APIRouter
from fastapi.responses import FileResponse, PlainTextResponse, Response

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data: https:; connect-src 'self'; "
    "font-src 'self'; media-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors {ancestors}"
)
FOREVER = "public, max-age=31536000, immutable"  # names of assets carry a hash of their content
CHECK_FIRST = "no-cache"
MISSING = "pages are not built; run ./kefu up"


def router(folder: Path, widget_origins: Sequence[str] = ()) -> APIRouter:
    """Serve what Vite built into `folder`. Only the widget's chat (`/?embed=1`) may be framed, by our own pages and
    the sites of `widget_origins`."""
    api = APIRouter(include_in_schema=False)
    framed_by = " ".join(("'self'", *widget_origins))

    @api.get("/")
    async def chat(embed: str | None = None) -> Response:
        return _page(folder / "chat" / "index.html", ancestors=framed_by if embed else "'none'")

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
