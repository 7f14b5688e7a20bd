"""The one base of the project's own errors.

Every error tells its reader four things: what was asked, what was found, which limit was
crossed, and what to do. The REST API turns the same four into problem+json, the command
line prints them, a step keeps them beside the photo that it could not use.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydantic_core import ValidationError


class PhotosearchError(Exception):
    """Something a user or an operator can act on.

    ``what`` is a full sentence without its full stop. ``found``, ``limit`` and ``remedy``
    are kept apart so that programs need not parse the text.
    """

    def __init__(
        self,
        what: str,
        *,
        found: str | None = None,
        limit: str | None = None,
        remedy: str | None = None,
    ) -> None:
        self.what = what
        self.found = found
        self.limit = limit
        self.remedy = remedy
        super().__init__(what, found, limit, remedy)  # as args: it survives pickling

    def __str__(self) -> str:
        text = self.what
        if self.found is not None:
            text += f": found {self.found}"
        if self.limit is not None:
            text += f", the limit is {self.limit}"
        if self.remedy is not None:
            text += f"; {self.remedy}"
        return text

    def __reduce__(self) -> tuple[object, ...]:
        return (_rebuild, (type(self), self.args))


def first_fault(error: "ValidationError") -> str:
    """What pydantic complains of first, and where; the other complaints often follow from it."""
    first = error.errors()[0]
    where = ".".join(map(str, first["loc"]))
    return f"{where}: {first['msg']}" if where else first["msg"]


def _rebuild(kind: type[PhotosearchError], args: tuple[str, str, str, str]) -> PhotosearchError:
    what, found, limit, remedy = args
    return kind(what, found=found, limit=limit, remedy=remedy)
