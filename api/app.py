"""The REST application, put together: its routes, what stands before them, how errors are told."""

import contextlib
import functools
import mimetypes
from collections.abc import AsyncIterator

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware

from api import openapi
from api.routes import handlers
from api.routes.catalogue import add_catalogue
from api.routes.health import add_health
from api.routes.page import add_page
from api.routes.search import add_search
from api.routes.windows import add_windows
from api.server.front import Front
from api.server.hosts import AllowedHosts
from api.server.methods import allowed
from api.state import ApiState
from photosearch.settings.settings import Settings
from photosearch.version import CODE_VERSION


def create_app(settings: Settings, state: ApiState | None = None) -> FastAPI:
    """The application for ``settings``; ``state`` replaces what it would make of them."""
    state = state or ApiState.make(settings)
    mimetypes.init()  # reads files; else the first request for a page would

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with state.running():
            yield

    app = FastAPI(
        title="photosearch",
        summary="A photo in, the listings that look like it out.",
        description=openapi.DESCRIPTION,
        version=CODE_VERSION,
        lifespan=lifespan,
        openapi_url=None,  # written once, at the start
        docs_url=None,  # FastAPI's page needs scripts from the Internet; ours does not
        redoc_url=None,
    )
    app.state.photosearch = state
    app.openapi = functools.partial(openapi.describe, app, settings.root_path)  # type: ignore[method-assign]
    handlers.install(app, settings.root_path)
    if settings.allowed_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.allowed_origins,
            allow_methods=["GET", "POST"],
            allow_headers=["Content-Type", "X-Request-Id"],
            expose_headers=["ETag", "Retry-After", "X-Request-Id"],
        )
    app.add_middleware(
        Front,
        hosts=AllowedHosts(settings.allowed_hosts, settings.api_host),
        origins=settings.allowed_origins,
        root_path=settings.root_path,
        allowed=lambda scope: allowed(app.routes, scope),
        logs=settings.request_log != "off",
    )
    add_search(app, state)
    add_windows(app, state)
    add_catalogue(app, state)
    add_health(app, state)
    add_page(app)
    return app
