"""The REST application: routes that parse, ask and answer, and nothing else.

Search answers are written by pydantic straight to bytes: FastAPI's own way checks and
converts an answer a second time, which costs as much as a call to an index server. The
models still stand in the OpenAPI page.
"""

import asyncio
import contextlib
import functools
import mimetypes
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated

from fastapi import FastAPI, Query, Request
from fastapi.staticfiles import StaticFiles
from pydantic import BaseModel
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import FileResponse, Response

from api import handlers, openapi
from api.apart import IN_PLACE_ROWS, apart
from api.connected import while_connected
from api.pages.etag import is_known
from api.pages.photos import THUMBNAIL_SIDES
from api.pages.pieces import InPieces
from api.pages.samples import MOST
from api.problems import ApiProblem, overloaded
from api.query.query import downloaded, read_query
from api.query.understand import no_such_listing
from api.search.answer import HOW_TO_SERVE, listing_of
from api.server.front import Front
from api.server.hosts import AllowedHosts
from api.server.methods import allowed
from api.state import ApiState
from photosearch.rest.health import Liveness, Readiness
from photosearch.rest.listings import ListingAnswer, Samples
from photosearch.rest.search import SearchAnswer
from photosearch.rest.timeline import Timeline
from photosearch.settings.settings import Settings
from photosearch.version import CODE_VERSION

WEB = Path(__file__).parent / "web"
JSON = "application/json"
PAGE_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; img-src 'self' blob: data:; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}
PHOTO_HEADERS = {
    "Cache-Control": "public, max-age=300, stale-while-revalidate=86400",
    "Content-Security-Policy": "default-src 'none'; sandbox",
}


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
    _add_search(app, state)
    _add_catalogue(app, state)
    _add_health(app, state)
    _add_page(app)
    return app


def _json(answer: BaseModel) -> Response:
    return Response(answer.model_dump_json(), media_type=JSON)


def _add_search(app: FastAPI, state: ApiState) -> None:
    settings = state.settings

    @app.post(
        "/v1/search",
        summary="Find listings that look like a photo",
        tags=["search"],
        response_model=SearchAnswer,
        openapi_extra=openapi.SEARCH,
        responses=openapi.SEARCH_ANSWERS,
    )
    async def search(request: Request) -> Response:
        """Ask with a photo (a form's file, or base64 or a URL in JSON), a vector, or a listing."""
        _require_room(state)  # before the body comes: what is turned away need not be sent
        query = await read_query(request, settings, state.uploads)
        query = await downloaded(query, state.uploads, state.urls)
        _require_room(state)
        state.queries += 1
        try:
            answer = await while_connected(request, state.searcher.answer(query))
            rows = len(answer.results) + len(answer.coverage.windows)
            body = await apart(answer.model_dump_json, if_long=rows > IN_PLACE_ROWS)
            return Response(body, media_type=JSON, headers={"Cache-Control": "no-store"})
        finally:
            state.queries -= 1

    @app.get(
        "/v1/windows",
        summary="The timeline: which windows are ready, and which answer",
        tags=["windows"],
        response_model=Timeline,
        responses=openapi.TIMELINE_ANSWERS,
    )
    async def windows(request: Request) -> Response:
        """Runs of windows in one state by granularity, and the cover that answers now."""
        body, tag = await state.timeline.now()
        headers = {"ETag": tag, "Cache-Control": "no-cache"}
        if is_known(request, tag):
            return Response(status_code=304, headers=headers)
        return Response(body, media_type=JSON, headers=headers)


def _require_room(state: ApiState) -> None:
    limit = state.settings.max_concurrent_queries
    if state.queries >= limit:
        raise overloaded(
            "too many queries are under way",
            str(state.queries),
            f"{limit} (max_concurrent_queries)",
        )


def _add_catalogue(app: FastAPI, state: ApiState) -> None:
    settings = state.settings

    @app.get(
        "/v1/samples",
        summary="Some listings to try a search with",
        tags=["catalogue"],
        response_model=Samples,
    )
    async def samples(count: Annotated[int, Query(ge=1, le=MOST)] = 12) -> Response:
        """Live listings spread over the catalogue, the same ones every time."""
        found = await state.samples.listings(count)
        return _json(Samples(listings=[listing_of(one, settings.root_path) for one in found]))

    @app.get(
        "/v1/listings/{listing_id:path}",
        summary="A listing and its photos",
        tags=["catalogue"],
        response_model=ListingAnswer,
    )
    async def listing(listing_id: str) -> Response:
        """Ids may hold slashes: a folder's photo is a listing by its path."""
        found = await asyncio.to_thread(state.catalogue.listings, [listing_id])
        if listing_id not in found:
            raise no_such_listing(listing_id)
        return _json(listing_of(found[listing_id], settings.root_path))

    @app.get(
        "/v1/photos/{photo_id:path}",
        summary="A photo's bytes",
        tags=["catalogue"],
        response_class=Response,
        responses=openapi.PHOTO_ANSWERS,
    )
    async def photo(
        request: Request,
        photo_id: str,
        size: Annotated[
            int | None,
            Query(
                ge=THUMBNAIL_SIDES[0],
                le=THUMBNAIL_SIDES[1],
                description="A JPEG of at most so many pixels a side.",
            ),
        ] = None,
    ) -> Response:
        """The file as it was uploaded, or a thumbnail; with an ETag to ask again by."""
        entry = await asyncio.to_thread(state.catalogue.photo, photo_id)
        if entry is None:
            raise ApiProblem(
                404,
                "unknown-photo",
                "the catalogue has no such photo",
                found=repr(photo_id),
                remedy="check the id; it may have been deleted",
            )
        if size is None:
            content = await while_connected(request, state.photos.original(entry))
        else:
            content = await while_connected(request, state.photos.thumbnail(entry, size))
        headers = {"ETag": f'"{content.tag}"', **PHOTO_HEADERS}
        if is_known(request, headers["ETag"]):
            return Response(status_code=304, headers=headers)
        return InPieces(
            content.content, state.photos.in_flight, media_type=content.media_type, headers=headers
        )


def _add_health(app: FastAPI, state: ApiState) -> None:
    @app.get("/healthz", summary="Whether the API runs", tags=["health"])
    async def healthz() -> Liveness:
        """Says nothing about indexes: restart the API only when this fails."""
        return Liveness(version=CODE_VERSION)

    @app.get("/readyz", summary="Whether the API can answer searches", tags=["health"])
    async def readyz() -> Readiness:
        """Ready with an open embedder and an index server for its vectors; else 503 and why."""
        fingerprints = state.embedders.fingerprints
        fleet = state.discovery.fleet
        serving = [one for one in fingerprints if fleet.of(one)]
        if not serving:
            raise _not_ready(state)
        fingerprint = await state.planner.choose(serving)
        servers, windows = len(fleet.of(fingerprint)), fleet.windows[fingerprint]
        return Readiness(fingerprint=fingerprint, servers=servers, windows=windows)


def _not_ready(state: ApiState) -> ApiProblem:
    fleet = state.discovery.fleet
    if not state.embedders.fingerprints:
        found = state.embedders.fault or "no embedder in the model repository"
        remedy = "run 'photosearch materialize'"
    elif fleet.servers:
        found = f"index servers only for other embedders: {', '.join(sorted(fleet.fingerprints))}"
        remedy = "wait until the windows are indexed with the current embedder"
    else:
        found = "no index server"
        remedy = HOW_TO_SERVE
    return ApiProblem(
        503,
        "not-ready",
        "the API can't answer searches yet",
        found=found,
        remedy=remedy,
        headers={"Retry-After": "2"},
    )


def _add_page(app: FastAPI) -> None:
    @app.get("/", include_in_schema=False)
    async def page() -> Response:
        return FileResponse(WEB / "index.html", headers=PAGE_HEADERS)

    written = functools.cache(lambda: openapi.written(app))

    async def described(_: Request) -> Response:
        schema = await apart(written, if_long=not written.cache_info().currsize)
        return Response(schema, media_type=JSON, headers={"Cache-Control": "no-cache"})

    app.add_route("/openapi.json", described, include_in_schema=False)

    @app.get("/docs", include_in_schema=False)
    async def docs() -> Response:
        return FileResponse(WEB / "docs.html", headers=PAGE_HEADERS)

    app.mount("/web", StaticFiles(directory=WEB), name="web")
