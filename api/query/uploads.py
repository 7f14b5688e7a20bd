"""Bodies of requests on their way in, read chunk by chunk and counted as they come.

The size must be bounded before anything parses a body: a limit after parsing is no limit. A
body that is on its way takes no query's place, for phones are slow; what has come of all
bodies together is bounded by what as many queries as may run could send.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from fastapi import Request

from api.problems.problems import ApiProblem, overloaded


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

    async def body_of(self, http: Request, limit: int) -> tuple[list[bytes], int]:
        """The request's body as it came, and its size.

        Raises:
            ApiProblem: 413 if it is larger than ``limit``, 429 when others upload too much.
        """
        declared = http.headers.get("content-length", "")
        if declared.isdigit() and int(declared) > limit:
            raise too_large(f"{declared} bytes", limit)
        chunks = []
        size = 0
        with self.one() as take:
            async for chunk in http.stream():
                size += len(chunk)
                take(len(chunk))
                if size > limit:
                    raise too_large(f"more than {limit} bytes", limit)
                chunks.append(chunk)
        return chunks, size


def require_size(photo: bytes, limit: int) -> None:
    """Refuse a photo without bytes, or with more than ``limit``.

    Raises:
        ApiProblem: 422 or 413.
    """
    if not photo:
        raise ApiProblem(
            422,
            "empty-photo",
            "the photo is empty",
            found="0 bytes",
            remedy="send the bytes of an image file",
        )
    if len(photo) > limit:
        raise too_large(f"{len(photo)} bytes", limit)


def too_large(found: str, limit: int) -> ApiProblem:
    """413: more bytes than a photo may have."""
    return ApiProblem(
        413,
        "too-large",
        "the photo is too large",
        found=found,
        limit=f"{limit} bytes (max_photo_bytes)",
        remedy="send a smaller photo: 1000 pixels a side are plenty",
        headers={"Connection": "close"},
    )
