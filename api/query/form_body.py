"""A search that is written as a form: the photo's file, and options beside it."""

from pydantic import ValidationError

from api.problems.problems import ApiProblem, invalid_input
from api.query.base64_photo import from_base64
from api.query.form import FormError, parse_form
from api.query.uploads import require_size
from photosearch.rest.search import SearchRequest

UNNAMED = "the photo"


def read_form(
    content_type: str, body: bytes, max_photo_bytes: int
) -> tuple[SearchRequest, bytes | None, str]:
    """The request that a form writes, the photo in it, and what the photo is called.

    Raises:
        ApiProblem: 422 if it can't be read or holds what is not allowed, 413 for too large a photo.
    """
    try:
        parts = parse_form(content_type, body)
    except FormError as error:
        raise _bad_form("the form can't be read", str(error)) from error
    fields: dict[str, str] = {}
    photo: bytes | None = None
    name = UNNAMED
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
        require_size(photo, max_photo_bytes)
    return request, photo, name


def _from_text(content: bytes) -> bytes:
    """A photo that is sent as a text: its bytes without a word on what they are, or in base64."""
    if not content.isascii():
        return content
    try:
        return from_base64(content.decode("ascii"))
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
