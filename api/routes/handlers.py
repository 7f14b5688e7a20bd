"""Whatever a route raises, as a problem, so that no route translates errors.

What the caller sent is the caller's to mend, and told in full; of everything else the caller
is told what :mod:`api.problems.public` leaves, and the log the rest.
"""

import logging

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from api.problems.problems import ApiProblem, invalid_input, problem_response
from api.problems.public import public_problem
from api.server import request_id
from api.server.methods import allowed
from index_grpc.errors import InvalidQuery
from photosearch.embedder.errors import BadVector
from photosearch.errors import PhotosearchError
from photosearch.images.photo_error import PhotoError, PhotoUnreachable

logger = logging.getLogger(__name__)


def install(app: FastAPI, root_path: str) -> None:
    """Make ``app``, which is served below ``root_path``, answer every error as a problem."""

    async def ours(request: Request, error: Exception) -> Response:
        assert isinstance(error, PhotosearchError)
        return _problem(error, request.url.path)

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


def _problem(error: PhotosearchError, path: str) -> Response:
    if isinstance(error, ApiProblem):
        return problem_response(error)
    if isinstance(error, PhotoError | BadVector) and not isinstance(error, PhotoUnreachable):
        return problem_response(error, 422, "unusable-photo")
    if isinstance(error, InvalidQuery):
        return problem_response(error, 422, "invalid-query")
    request = request_id.current()
    logger.error("request %s: %s failed", request, path, exc_info=error)
    return problem_response(public_problem(error, request))
