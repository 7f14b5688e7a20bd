"""Our processes' log lines: a time, a level, and text of which a terminal obeys nothing."""

import logging
import sys

from photosearch.terminal.printable import PrintableFormatter

_LINE = "%(asctime)s %(levelname)s %(message)s"


def log_to_stderr() -> None:
    """Send what this process logs to its standard error, a record a line."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(PrintableFormatter(_LINE))
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    logging.getLogger("httpx").setLevel(logging.WARNING)  # a line for every photo's URL
