"""What a search request asks for, whichever way it was written.

Multipart and JSON become the same :class:`SearchRequest` plus the photo's bytes. The body is
read here, chunk by chunk, because its size must be bounded before anything parses it: a limit
after parsing is no limit. A body that is on its way takes no query's place, for phones are slow;
what has come of all bodies together is bounded by what as many queries as may run could send.
"""

import asyncio
import base64
import binascii
from dataclasses import dataclass

from fastapi import Request
from pydantic import ValidationError
from starlette.requests import ClientDisconnect

from api.form import FormError, parse_form
from api.models import SearchRequest
from api.problems import ApiProblem, invalid_input, overloaded
from photosearch.settings import Settings

#: A vector of 8192 numbers has fewer, and so has any URL or cursor; base64 has none. JSON of
#: millions of members would be taken apart for seconds, and held in many times its size.
MOST_COMMAS = 16_384
FORM_OVERHEAD_BYTES = 256 << 10  # the other fields, a cursor among them
JSON_TYPES = ("application/json",)
FORM_TYPE = "multipart/form-data"


@dataclass(frozen=True)
class Query:
    """A request whose form is right; its photo is not decoded yet."""

    request: SearchRequest
    photo: bytes | None
    name: str = "the photo"


@dataclass
class Uploads:
    """The bodies that are being read, and how many bytes of them there may be together."""

    limit_bytes: int
    held_bytes: int = 0

    def take(self, size: int) -> None:
        """Count a part that has come.

        Raises:
            ApiProblem: 429 if there are too many.
        """
        self.held_bytes += size
        if self.held_bytes > self.limit_bytes:
            raise overloaded(
                "too much is being uploaded at once",
                f"{self.held_bytes} bytes",
                f"{self.limit_bytes} bytes (max_concurrent_queries times max_photo_bytes)",
            )


async def read_query(http: Request, settings: Settings, uploads: Uploads) -> Query:
    """Read and check the request's body.

    Raises:
        ApiProblem: 415 for a media type that is neither JSON nor a form, 413 for too large a
            body, 408 for one that comes too slowly, 400 for one that breaks off, 422 for one
            that can't be read or holds what is not allowed, 429 when others upload too much.
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
            408,
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


async def _read(http: Request, max_photo_bytes: int, uploads: Uploads) -> Query:
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
    limit = max_photo_bytes * 4 // 3 + FORM_OVERHEAD_BYTES
    body = await _body(http, limit, uploads)
    if not body:
        raise ApiProblem(
            422,
            "empty-body",
            "the request has no body",
            found="0 bytes",
            remedy='send {"photo": "<base64>"}, {"url": ...}, {"vector": [...]} or '
            '{"listing_id": ...}',
        )
    commas = body.count(b",")
    if commas > MOST_COMMAS:
        raise ApiProblem(
            422,
            "invalid-input",
            "the JSON has too many members or numbers",
            found=f"{commas} commas",
            limit=f"{MOST_COMMAS}",
            remedy="see /docs for what the request may hold",
        )
    try:
        request = SearchRequest.model_validate_json(body, strict=True)
    except ValidationError as error:
        raise invalid_input(error) from error
    photo = None
    if request.photo is not None:
        photo = _from_base64(request.photo)
        request.photo = ""
        _require_size(photo, max_photo_bytes)
    return Query(request, photo)


async def _from_form(http: Request, max_photo_bytes: int, uploads: Uploads) -> Query:
    limit = max_photo_bytes + FORM_OVERHEAD_BYTES
    body = await _body(http, limit, uploads)
    try:
        parts = parse_form(http.headers["content-type"], body)
    except FormError as error:
        raise _bad_form("the form can't be read", str(error)) from error
    fields: dict[str, str] = {}
    photo: bytes | None = None
    name = "the photo"
    for part in parts:
        if part.name in fields:
            raise _bad_form(f"the form has the field {part.name!r} twice", "2", "1")
        if part.filename is None:
            if part.name == "photo":
                raise _bad_form("the field 'photo' is text, not a file", "no file name")
            fields[part.name] = part.content.decode("utf-8", "replace")
            continue
        if part.name != "photo":
            raise _bad_form("a file belongs into the field 'photo'", repr(part.name))
        photo = bytes(part.content)
        name = part.filename or name
        fields["photo"] = ""
    try:
        request = SearchRequest.model_validate(fields)
    except ValidationError as error:
        raise invalid_input(error) from error
    if photo is not None:
        _require_size(photo, max_photo_bytes)
    return Query(request, photo, name)


def _bad_form(what: str, found: str, limit: str | None = None) -> ApiProblem:
    return ApiProblem(
        422,
        "bad-form",
        what,
        found=found,
        limit=limit,
        remedy="send the photo as the form's file 'photo': curl -F photo=@photo.jpg URL",
    )


async def _body(http: Request, limit: int, uploads: Uploads) -> bytes:
    declared = http.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > limit:
        raise _too_large(f"{declared} bytes", limit)
    chunks = []
    size = 0
    try:
        async for chunk in http.stream():
            size += len(chunk)
            uploads.take(len(chunk))
            if size > limit:
                raise _too_large(f"more than {limit} bytes", limit)
            chunks.append(chunk)
    finally:
        uploads.held_bytes -= size
    return b"".join(chunks)


def _require_size(photo: bytes, limit: int) -> None:
    if not photo:
        raise ApiProblem(
            422,
            "empty-photo",
            "the photo is empty",
            found="0 bytes",
            remedy="send the bytes of an image file",
        )
    if len(photo) > limit:
        raise _too_large(f"{len(photo)} bytes", limit)


def _too_large(found: str, limit: int) -> ApiProblem:
    return ApiProblem(
        413,
        "too-large",
        "the photo is too large",
        found=found,
        limit=f"{limit} bytes (max_photo_bytes)",
        remedy="send a smaller photo: 1000 pixels a side are plenty",
        headers={"Connection": "close"},
    )


def _from_base64(text: str) -> bytes:
    if text.startswith("data:"):
        text = text.partition(",")[2]
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ApiProblem(
            422,
            "bad-base64",
            "the photo is not base64",
            found=str(error),
            remedy="encode the file's bytes in base64 (RFC 4648, section 4, with padding)",
        ) from error
