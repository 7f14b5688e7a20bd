"""The web page, the files that it needs, and the API's own documentation."""

import functools
from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.staticfiles import StaticFiles
from starlette.responses import FileResponse, Response

from api import openapi
from api.off_loop import off_loop

WEB = Path(__file__).parents[1] / "web"
PAGE_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; img-src 'self' blob: data:; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}


def add_page(app: FastAPI) -> None:
    @app.get("/", include_in_schema=False)
    async def page() -> Response:
        return FileResponse(WEB / "index.html", headers=PAGE_HEADERS)

    written = functools.cache(lambda: openapi.written(app))

    async def described(_: Request) -> Response:
        schema = await off_loop(written, if_long=not written.cache_info().currsize)
        return Response(
            schema, media_type="application/json", headers={"Cache-Control": "no-cache"}
        )

    app.add_route("/openapi.json", described, include_in_schema=False)

    @app.get("/docs", include_in_schema=False)
    async def docs() -> Response:
        return FileResponse(WEB / "docs.html", headers=PAGE_HEADERS)

    app.mount("/web", StaticFiles(directory=WEB), name="web")
