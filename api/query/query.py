"""What a search request asks for, whichever way it was written.

Multipart and JSON become the same :class:`SearchRequest` plus the photo's bytes. The body is
read here, chunk by chunk, because its size must be bounded before anything parses it: a limit
after parsing is no limit. A body that is on its way takes no query's place, for phones are slow,
nor does a photo that comes from its URL; what has come of all bodies together is bounded by what
as many queries as may run could send.
"""

import asyncio
import base64
import time
from codecs import BOM_UTF8
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from fastapi import Request
from pydantic import ValidationError
from starlette.requests import ClientDisconnect

from api.off_loop import IN_PLACE_BYTES, off_loop
from api.problems.problems import ApiProblem, invalid_input, overloaded
from api.query.form import FormError, parse_form
from api.query.photo_url import PhotoUrls
from photosearch.rest.search import SearchRequest
from photosearch.settings.settings import Settings

#: A vector of 8192 numbers has fewer, and so has any URL or cursor; base64 has none. JSON of
#: millions of members would be taken apart for seconds, and held in many times its size.
MOST_COMMAS = 16_384
_BASE64_STEP = 1 << 20  # a multiple of four
FORM_OVERHEAD_BYTES = 256 << 10  # the other fields, a cursor among them
JSON_TYPES = ("application/json",)
FORM_TYPE = "multipart/form-data"
_URL_SAFE = str.maketrans("-_", "+/")


@dataclass(frozen=True)
class Query:
    """A request whose form is right; its photo is there but not decoded yet.

    ``download_s`` is how long it took to have it from a URL.
    """

    request: SearchRequest
    photo: bytes | None
    name: str = "the photo"
    download_s: float | None = None


@dataclass
class Uploads:
    """The bodies that are being read, and how many bytes of them there may be together."""

    limit_bytes: int
    held_bytes: int = 0

    @contextmanager
    def one(self) -> Iterator[Callable[[int], None]]:
        """Count the parts of a body as they come, until it is read.

        The counter raises ApiProblem 429 if there are too many bytes of all together.
        """
        size = 0

        def take(more: int) -> None:
            nonlocal size
            size += more
            self._take(more)

        try:
            yield take
        finally:
            self.held_bytes -= size

    def _take(self, size: int) -> None:
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
    _require_size(photo, len(photo))
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
    limit = max_photo_bytes * 4 // 3 + FORM_OVERHEAD_BYTES
    chunks, size = await _body(http, limit, uploads)
    return await off_loop(
        lambda: _json_query(b"".join(chunks), max_photo_bytes), if_long=size > IN_PLACE_BYTES
    )


def _json_query(body: bytes, max_photo_bytes: int) -> Query:
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
        request = SearchRequest.model_validate_json(body.removeprefix(BOM_UTF8), strict=True)
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
    chunks, size = await _body(http, limit, uploads)
    content_type = http.headers["content-type"]
    return await off_loop(
        lambda: _form_query(content_type, b"".join(chunks), max_photo_bytes),
        if_long=size > IN_PLACE_BYTES,
    )


def _form_query(content_type: str, body: bytes, max_photo_bytes: int) -> Query:
    try:
        parts = parse_form(content_type, body)
    except FormError as error:
        raise _bad_form("the form can't be read", str(error)) from error
    fields: dict[str, str] = {}
    photo: bytes | None = None
    name = "the photo"
    for part in parts:
        if part.name in fields:
            raise _bad_form(f"the form has the field {part.name!r} twice", "2", "1")
        if part.name == "photo":
            photo = bytes(part.content) if part.is_file else _from_text(bytes(part.content))
            name = part.filename or name
            fields["photo"] = ""
        elif part.filename is None:
            fields[part.name] = part.content.decode("utf-8", "replace")
        else:
            raise _bad_form("a file belongs into the field 'photo'", repr(part.name))
    try:
        request = SearchRequest.model_validate(fields)
    except ValidationError as error:
        raise invalid_input(error) from error
    if photo is not None:
        _require_size(photo, max_photo_bytes)
    return Query(request, photo, name)


def _from_text(content: bytes) -> bytes:
    """A photo that is sent as a text: its bytes without a word on what they are, or in base64."""
    if not content.isascii():
        return content
    try:
        return _from_base64(content.decode("ascii"))
    except ApiProblem:
        raise _bad_form(
            "the field 'photo' is text, neither a file nor base64", "no file name"
        ) from None


def _bad_form(what: str, found: str, limit: str | None = None) -> ApiProblem:
    return ApiProblem(
        422,
        "bad-form",
        what,
        found=found,
        limit=limit,
        remedy="send the photo as the form's file 'photo': curl -F photo=@photo.jpg URL",
    )


async def _body(http: Request, limit: int, uploads: Uploads) -> tuple[list[bytes], int]:
    """The body as it came, and its size."""
    declared = http.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > limit:
        raise _too_large(f"{declared} bytes", limit)
    chunks = []
    size = 0
    with uploads.one() as take:
        async for chunk in http.stream():
            size += len(chunk)
            take(len(chunk))
            if size > limit:
                raise _too_large(f"more than {limit} bytes", limit)
            chunks.append(chunk)
    return chunks, size


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
    if text[:5].lower() == "data:":
        text = text.partition(",")[2]
    try:
        return _decoded(text)
    except ValueError:  # as most send it; others break lines, leave the padding out or want no "+"
        return _from_loose_base64(text)


def _decoded(text: str) -> bytes:
    """By parts: a decoder keeps all threads from running, and so the event loop."""
    parts = [text[at : at + _BASE64_STEP] for at in range(0, len(text), _BASE64_STEP)]
    if any(part.endswith("=") for part in parts[:-1]):
        raise ValueError("padding amid the text")
    return b"".join(base64.b64decode(part, validate=True) for part in parts)


def _from_loose_base64(text: str) -> bytes:
    plain = "".join(text.split()).translate(_URL_SAFE)
    if "=" not in plain:
        plain += "=" * (-len(plain) % 4)
    try:
        return _decoded(plain)
    except ValueError as error:
        raise ApiProblem(
            422,
            "bad-base64",
            "the photo is not base64",
            found=str(error),
            remedy="encode the file's bytes in base64 (RFC 4648, section 4)",
        ) from error
