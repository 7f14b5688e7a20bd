"""A line for each request, if ``request_log`` asks for it: as text, or as JSON.

A line names the path and never the query, for there people put what they would not have
written down; and of a body it tells the bytes of the answer alone.
"""

import json
import logging
from datetime import UTC, datetime
from typing import Any, Literal, NamedTuple

from photosearch.terminal.printable import printable

logger = logging.getLogger(__name__)


class Answered(NamedTuple):
    """One request, and what became of it; status 0 when nobody waited for the answer."""

    method: str
    path: str
    status: int
    ms: float
    bytes: int
    request_id: str
    client: str


def write(answered: Answered) -> None:
    """Log one request."""
    logger.info(
        "%s %s %s %d %.1f ms %d bytes %s",
        answered.client,
        answered.method,
        printable(answered.path).replace(" ", "%20"),
        answered.status,
        answered.ms,
        answered.bytes,
        answered.request_id,
        extra={"answered": answered},
    )


class JsonFormatter(logging.Formatter):
    """A record as one object of ASCII; a request's parts are members of their own."""

    def format(self, record: logging.LogRecord) -> str:
        moment = datetime.fromtimestamp(record.created, UTC)
        line: dict[str, Any] = {
            "time": moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname,
            "logger": record.name,
        }
        answered = getattr(record, "answered", None)
        if answered is not None:
            line |= {**answered._asdict(), "ms": round(answered.ms, 1)}
        else:
            line["message"] = record.getMessage()
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line)


def configure(form: Literal["off", "text", "json"]) -> None:
    """Let this process's handlers write in this form; the API's command calls it."""
    if form == "json":
        for handler in logging.getLogger().handlers:
            handler.setFormatter(JsonFormatter())
