"""What a search request asks for, whichever way it was written.

Multipart and JSON become the same :class:`SearchRequest` plus the photo's bytes. The body is
read here, and not by the framework, because it is bounded in size, in time and beside others'
before anything parses it. A photo that comes from its URL takes no query's place either.
"""

import asyncio
import time
from dataclasses import dataclass, replace

from fastapi import Request
from starlette.requests import ClientDisconnect

from api.off_loop import IN_PLACE_BYTES, off_loop
from api.problems.problems import ApiProblem
from api.query.form_body import UNNAMED, read_form
from api.query.json_body import read_json
from api.query.photo_url import PhotoUrls
from api.query.uploads import Uploads, require_size
from photosearch.rest.search import SearchRequest
from photosearch.settings.settings import Settings

_OVERHEAD_BYTES = 256 << 10  # the other fields, a cursor among them
JSON_TYPES = ("application/json",)
FORM_TYPE = "multipart/form-data"


@dataclass(frozen=True)
class Query:
    """A request whose form is right; its photo is there but not decoded yet.

    ``download_s`` is how long it took to have it from a URL.
    """

    request: SearchRequest
    photo: bytes | None
    name: str = UNNAMED
    download_s: float | None = None


async def read_query(http: Request, settings: Settings, uploads: Uploads) -> Query:
    """Read and check the request's body.

    Raises:
        ApiProblem: 415 for a media type that is neither JSON nor a form, 413 for too large a
            body, 400 for one that comes too slowly or breaks off, 422 for one that can't be read
            or holds what is not allowed, 429 when others upload too much.
    """
    upload_timeout_s, max_k = settings.upload_timeout_s, settings.max_k
    try:
        async with asyncio.timeout(upload_timeout_s):
            query = await _read(http, settings.max_photo_bytes, uploads)
    except ClientDisconnect:  # nobody hears this; unsaid, it would be a failure in the log
        raise ApiProblem(
            400,
            "cut-off",
            "the request broke off before the end of its body",
            remedy="send it again",
        ) from None
    except TimeoutError:
        raise ApiProblem(
            400,  # browsers send what is answered with 408 again by themselves, without end
            "slow-body",
            "the request's body did not arrive in time",
            limit=f"{upload_timeout_s:g} s (upload_timeout_s)",
            remedy="send a smaller photo: 1000 pixels a side are plenty",
            headers={"Connection": "close"},
        ) from None
    if query.request.k > max_k:
        raise ApiProblem(
            422,
            "invalid-input",
            "k is too large",
            found=str(query.request.k),
            limit=f"1 to {max_k} (max_k)",
            remedy="ask for fewer and follow the cursor",
        )
    return query


async def downloaded(query: Query, uploads: Uploads, urls: PhotoUrls) -> Query:
    """The query with the photo that its URL names, if it has one.

    Raises:
        ApiProblem: 422 for a URL that is refused or has no photo, 413 for too large a photo, 429
            when others download or upload too much.
    """
    url = query.request.url
    if url is None or query.request.cursor is not None:  # a cursor brings its query's vector
        return query
    start = time.perf_counter()
    with uploads.one() as take:
        photo = await urls.get(url, take)
    require_size(photo, len(photo))
    took_s = time.perf_counter() - start
    return replace(query, photo=photo, name="the photo at the URL", download_s=took_s)


async def _read(http: Request, max_photo_bytes: int, uploads: Uploads) -> Query:
    coding = http.headers.get("content-encoding", "identity").strip().lower()
    if coding != "identity":
        raise ApiProblem(
            415,
            "wrong-content-encoding",
            "the request's body is compressed",
            found=coding,
            limit="identity",
            remedy="send it as it is: photos are compressed already",
        )
    media_type = http.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type == FORM_TYPE:
        return await _from_form(http, max_photo_bytes, uploads)
    if media_type in JSON_TYPES:
        return await _from_json(http, max_photo_bytes, uploads)
    raise ApiProblem(
        415,
        "wrong-content-type",
        "a search is sent as a form or as JSON",
        found=media_type or "no Content-Type",
        limit=f"{FORM_TYPE}, {JSON_TYPES[0]}",
        remedy="send the photo as the form's field 'photo': curl -F photo=@photo.jpg URL",
    )


async def _from_json(http: Request, max_photo_bytes: int, uploads: Uploads) -> Query:
    limit = max_photo_bytes * 4 // 3 + _OVERHEAD_BYTES
    chunks, size = await uploads.body_of(http, limit)
    request, photo = await off_loop(
        lambda: read_json(b"".join(chunks), max_photo_bytes), if_long=size > IN_PLACE_BYTES
    )
    return Query(request, photo)


async def _from_form(http: Request, max_photo_bytes: int, uploads: Uploads) -> Query:
    chunks, size = await uploads.body_of(http, max_photo_bytes + _OVERHEAD_BYTES)
    content_type = http.headers["content-type"]
    request, photo, name = await off_loop(
        lambda: read_form(content_type, b"".join(chunks), max_photo_bytes),
        if_long=size > IN_PLACE_BYTES,
    )
    return Query(request, photo, name)
