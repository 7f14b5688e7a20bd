"""Every refusal as ``application/problem+json`` (RFC 9457), with our four members.

``what``, ``found``, ``limit`` and ``remedy`` are always there, null when they say nothing,
so that a client reads one shape whether its photo was broken, its path unknown or the
service overloaded. Routes raise :class:`ApiProblem`; errors of the lower floors become
problems here, so that no route translates errors.
"""

import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from api.methods import allowed
from index_grpc.errors import InvalidQuery
from photosearch.embedder.errors import BadVector
from photosearch.errors import PhotosearchError
from photosearch.images.photo_error import PhotoError, PhotoUnreachable

MEDIA_TYPE = "application/problem+json"
logger = logging.getLogger(__name__)

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


class Problem(BaseModel):
    """The body of every answer that is not a success."""

    model_config = ConfigDict(extra="allow")

    type: str = Field("about:blank", description="Which kind of problem; stable.")
    title: str = Field(description="The HTTP status in words.")
    status: int = Field(description="The HTTP status.")
    what: str = Field(description="What went wrong, a sentence.")
    found: str | None = Field(description="What was found.")
    limit: str | None = Field(description="Which limit was crossed.")
    remedy: str | None = Field(description="What to do.")


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
        what=error.what,
        found=error.found,
        limit=error.limit,
        remedy=error.remedy,
        **members,
    )
    headers.setdefault("Cache-Control", "no-store")
    return Response(
        body.model_dump_json(), status_code=status, headers=headers, media_type=MEDIA_TYPE
    )


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


def _status(error: PhotosearchError) -> tuple[int, str]:
    """The status and kind for an error of the lower floors.

    What the caller sent is the caller's to mend (422); everything else is ours (503): the
    catalogue, the store or the repository can't be used now.
    """
    if isinstance(error, PhotoUnreachable):
        return 503, "photo-unreachable"
    if isinstance(error, PhotoError | BadVector):
        return 422, "unusable-photo"
    if isinstance(error, InvalidQuery):
        return 422, "invalid-query"
    return 503, "unavailable"


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
    found = repr(first.get("input"))
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


def install(app: FastAPI, root_path: str) -> None:
    """Make ``app``, which is served below ``root_path``, answer every error as a problem."""

    async def ours(request: Request, error: Exception) -> Response:
        assert isinstance(error, PhotosearchError)
        status, kind = _status(error)
        if status >= 500 and not isinstance(error, ApiProblem):
            logger.error("%s %s failed", request.method, request.url.path, exc_info=error)
        return problem_response(error, status, kind)

    async def invalid(_: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        return problem_response(invalid_input(error))

    async def http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        kinds = {404: "no-such-path", 405: "wrong-method"}
        headers = dict(error.headers or {})
        if error.status_code == 405:
            scope = {**request.scope, "root_path": root_path}  # a mount has written its own
            headers["Allow"] = ", ".join(allowed(app.routes, scope))
        problem = ApiProblem(
            error.status_code,
            kinds.get(error.status_code, "refused"),
            {
                404: "there is nothing at this path",
                405: "this path does not take this method",
            }.get(error.status_code, str(error.detail)),
            found=f"{request.method} {request.url.path}",
            limit=headers.get("Allow"),
            remedy="see /docs for the paths",
            headers=headers,
        )
        return problem_response(problem)

    app.add_exception_handler(PhotosearchError, ours)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(HTTPException, http)
