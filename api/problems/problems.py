"""Refusals as ``application/problem+json``: an error with its HTTP status, and its answer.

Routes raise :class:`ApiProblem`; what else they raise becomes one in :mod:`api.routes.handlers`.
"""

import reprlib
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from starlette.responses import Response

from photosearch.errors import PhotosearchError
from photosearch.rest.problem import MEDIA_TYPE, Problem

#: A text quotes what was sent, a member's or a part's name of megabytes.
_LONGEST_TEXT = 1000

_LIMITS = {
    "ge": "at least {}",
    "gt": "more than {}",
    "le": "at most {}",
    "lt": "less than {}",
    "max_length": "a length of at most {}",
    "min_length": "a length of at least {}",
    "expected": "one of {}",
}
"""pydantic's names of a limit, in words."""


class ApiProblem(PhotosearchError):
    """An error that knows its HTTP status.

    ``kind`` names the problem for programs (``urn:photosearch:<kind>``); ``members`` are
    further members of the body, such as the coverage of a search that was refused as partial.
    """

    def __init__(
        self,
        status: int,
        kind: str,
        what: str,
        *,
        found: str | None = None,
        limit: str | None = None,
        remedy: str | None = None,
        headers: Mapping[str, str] | None = None,
        members: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(what, found=found, limit=limit, remedy=remedy)
        self.status = status
        self.kind = kind
        self.headers = dict(headers or {})
        self.members = dict(members or {})

    def __reduce__(self) -> Any:
        return object.__reduce__(self)


def problem_response(error: PhotosearchError, status: int = 422, kind: str = "refused") -> Response:
    """The answer for ``error``; an :class:`ApiProblem` brings its own status."""
    headers: dict[str, str] = {}
    members: dict[str, Any] = {}
    if isinstance(error, ApiProblem):
        status, kind = error.status, error.kind
        headers, members = error.headers, error.members
    body = Problem(
        type=f"urn:photosearch:{kind}",
        title=HTTPStatus(status).phrase,
        status=status,
        what=_shortened(error.what),
        found=error.found and _shortened(error.found),
        limit=error.limit and _shortened(error.limit),
        remedy=error.remedy and _shortened(error.remedy),
        **members,
    )
    headers.setdefault("Cache-Control", "no-store")
    return Response(
        body.model_dump_json(), status_code=status, headers=headers, media_type=MEDIA_TYPE
    )


def _shortened(text: str) -> str:
    return text if len(text) <= _LONGEST_TEXT else f"{text[: _LONGEST_TEXT - 3]}..."


def overloaded(what: str, found: str, limit: str) -> ApiProblem:
    """429: more than the service takes on at once."""
    return ApiProblem(
        429,
        "overloaded",
        what,
        found=found,
        limit=limit,
        remedy="try again in a second",
        headers={"Retry-After": "1"},
    )


def invalid_input(error: ValidationError | RequestValidationError) -> ApiProblem:
    """The first complaint of pydantic, in our form.

    One complaint is enough: the others often follow from it, and a body of 256 wrong numbers
    would make 256 of them.
    """
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"] if part not in ("body", "query", "path"))
    context = first.get("ctx", {})
    limits = [words.format(context[key]) for key, words in _LIMITS.items() if key in context]
    said = first["msg"].removeprefix("Value error, ")
    given = first.get("input")
    # Only the start is shown: all of megabytes is not to be written first.
    found = repr(given[:200]) if isinstance(given, str | bytes) else reprlib.repr(given)
    return ApiProblem(
        422,
        "invalid-input",
        f"{place or 'the request'} can't be used: {said}",
        found=found if len(found) <= 80 else f"{found[:77]}...",
        limit=", ".join(limits) or None,
        remedy="see /docs for what the request may hold",
    )


def unexpected(error: Exception) -> Response:
    """The answer when the API itself is at fault."""
    problem = ApiProblem(
        500,
        "unexpected",
        "the API failed in a way it does not know",
        found=type(error).__name__,
        remedy="see the API's log; the request can be tried again",
    )
    return problem_response(problem)
