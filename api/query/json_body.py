"""A search that is written as JSON: what is asked, and options beside it."""

from codecs import BOM_UTF8

from pydantic import ValidationError

from api.problems.problems import ApiProblem, invalid_input
from api.query.base64_photo import from_base64
from api.query.uploads import require_size
from photosearch.rest.search import SearchRequest

#: A vector of 8192 numbers has fewer, and so has any URL or cursor; base64 has none. JSON of
#: millions of members would be taken apart for seconds, and held in many times its size.
_MOST_COMMAS = 16_384


def read_json(body: bytes, max_photo_bytes: int) -> tuple[SearchRequest, bytes | None]:
    """The request that a body writes, and the photo in it; the request keeps a mark of that.

    Raises:
        ApiProblem: 422 if it can't be read or holds what is not allowed, 413 for too large a photo.
    """
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
    if commas > _MOST_COMMAS:
        raise ApiProblem(
            422,
            "invalid-input",
            "the JSON has too many members or numbers",
            found=f"{commas} commas",
            limit=f"{_MOST_COMMAS}",
            remedy="see /docs for what the request may hold",
        )
    try:
        request = SearchRequest.model_validate_json(body.removeprefix(BOM_UTF8), strict=True)
    except ValidationError as error:
        raise invalid_input(error) from error
    photo = None
    if request.photo is not None:
        photo = from_base64(request.photo)
        request.photo = ""
        require_size(photo, max_photo_bytes)
    return request, photo
