"""``/v1/windows``: the timeline, which every open page asks for every few seconds."""

from fastapi import FastAPI, Request
from starlette.responses import Response

from api import openapi
from api.pages.etag import is_known
from api.state import ApiState
from photosearch.rest.timeline import Timeline


def add_windows(app: FastAPI, state: ApiState) -> None:
    @app.get(
        "/v1/windows",
        summary="The timeline: which windows are ready, and which answer",
        tags=["windows"],
        response_model=Timeline,
        responses=openapi.TIMELINE_ANSWERS,
    )
    async def windows(request: Request) -> Response:
        """Runs of windows in one state by granularity, and the cover that answers now."""
        body, tag = await state.pages.timeline.now()
        headers = {"ETag": tag, "Cache-Control": "no-cache"}
        if is_known(request, tag):
            return Response(status_code=304, headers=headers)
        return Response(body, media_type="application/json", headers=headers)
