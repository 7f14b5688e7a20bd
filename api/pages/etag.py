"""Whether who asks again has the answer already (RFC 9110, section 13.1.2)."""

from starlette.requests import Request


def is_known(request: Request, tag: str) -> bool:
    """Whether the request's If-None-Match names ``tag``, strong or weak."""
    asked = ",".join(request.headers.getlist("if-none-match")).split(",")
    return bool({"*", tag.removeprefix("W/")} & {one.strip().removeprefix("W/") for one in asked})
