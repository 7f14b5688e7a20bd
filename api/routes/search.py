"""``/v1/search``: a query's body is read, its photo fetched, its answer written.

The answer is written by pydantic straight to bytes: FastAPI's own way checks and converts it
a second time, which costs as much as a call to an index server. The model still stands in
the OpenAPI page.
"""

from fastapi import FastAPI, Request
from starlette.responses import Response

from api import openapi
from api.off_loop import IN_PLACE_ROWS, off_loop
from api.problems.problems import overloaded
from api.query.query import downloaded, read_query
from api.routes.connected import while_connected
from api.state import ApiState
from photosearch.rest.search import SearchAnswer


def add_search(app: FastAPI, state: ApiState) -> None:
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
            body = await off_loop(answer.model_dump_json, if_long=rows > IN_PLACE_ROWS)
            return Response(
                body, media_type="application/json", headers={"Cache-Control": "no-store"}
            )
        finally:
            state.queries -= 1


def _require_room(state: ApiState) -> None:
    limit = state.settings.max_concurrent_queries
    if state.queries >= limit:
        raise overloaded(
            "too many queries are under way",
            str(state.queries),
            f"{limit} (max_concurrent_queries)",
        )
