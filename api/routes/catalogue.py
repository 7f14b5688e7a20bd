"""What the catalogue has: samples to try a search with, listings, and the bytes of photos."""

import asyncio
from typing import Annotated

from fastapi import FastAPI, Query, Request
from pydantic import BaseModel
from starlette.responses import Response

from api import openapi
from api.pages.etag import is_known
from api.pages.listings import listing_of, no_such_listing
from api.pages.photos import THUMBNAIL_SIDES
from api.pages.pieces import InPieces
from api.pages.samples import MOST
from api.problems.problems import ApiProblem
from api.routes.connected import while_connected
from api.state import ApiState
from photosearch.rest.listings import ListingAnswer, Samples

PHOTO_HEADERS = {
    "Cache-Control": "public, max-age=300, stale-while-revalidate=86400",
    "Content-Security-Policy": "default-src 'none'; sandbox",
}


def add_catalogue(app: FastAPI, state: ApiState) -> None:
    settings = state.settings

    @app.get(
        "/v1/samples",
        summary="Some listings to try a search with",
        tags=["catalogue"],
        response_model=Samples,
    )
    async def samples(count: Annotated[int, Query(ge=1, le=MOST)] = 12) -> Response:
        """Live listings spread over the catalogue, the same ones every time."""
        found = await state.pages.samples.listings(count)
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
            content = await while_connected(request, state.pages.photos.original(entry))
        else:
            content = await while_connected(request, state.pages.photos.thumbnail(entry, size))
        headers = {"ETag": f'"{content.tag}"', **PHOTO_HEADERS}
        if is_known(request, headers["ETag"]):
            return Response(status_code=304, headers=headers)
        return InPieces(
            content.content,
            state.pages.photos.in_flight,
            media_type=content.media_type,
            headers=headers,
        )


def _json(answer: BaseModel) -> Response:
    return Response(answer.model_dump_json(), media_type="application/json")
