"""``/v1/search``: a query's body is read, its photo fetched, its answer written.

The answer is written by pydantic straight to bytes: FastAPI's own way checks and converts it
a second time, which costs as much as a call to an index server. The model still stands in
the OpenAPI page.
"""

from fastapi import FastAPI, Request
from starlette.responses import Response

from api import openapi
from api.off_loop import IN_PLACE_ROWS, off_loop
from api.query.query import downloaded, read_query
from api.routes.connected import while_connected
from api.state import ApiState
from photosearch.rest.search import SearchAnswer


def add_search(app: FastAPI, state: ApiState) -> None:
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
        # Before the body comes: what is turned away need not be sent.
        state.query.places.require_one()
        query = await read_query(request, state.settings, state.query.uploads)
        query = await downloaded(query, state.query.uploads, state.query.urls)
        with state.query.places.one():
            answer = await while_connected(request, state.search.answer(query))
            rows = len(answer.results) + len(answer.coverage.windows)
            body = await off_loop(answer.model_dump_json, if_long=rows > IN_PLACE_ROWS)
            headers = {"Cache-Control": "no-store"}
            return Response(body, media_type="application/json", headers=headers)
