"""``python -m torture.at_another_time SECONDS COMMAND ...``: a command whose clock is set wrong.

Only that process's own clock: all our modules are loaded, and what they call ``datetime`` tells
another time. What a clock does not touch, monotonic time, goes on as it is; and so does
``time.time``, by which gRPC works out its deadlines and hands them to a library that has no
part in this.
"""

import datetime as dt
import importlib
import pkgutil
import sys
from typing import Any

OURS = ("photosearch", "index_grpc", "photosearch_assets", "api", "controller")
#: What else has partitions that begin and end.
SET = {*OURS, "dagster", "dagster_shared"}


def set_clock(shift: dt.timedelta) -> None:
    """Set this process's clock by so much."""
    for package in OURS:
        module = importlib.import_module(package)
        for found in pkgutil.walk_packages(module.__path__, f"{package}."):
            if not found.name.endswith("__main__"):
                importlib.import_module(found.name)
    shifted = _shifted(shift)
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] in SET and vars(module).get("datetime") is dt.datetime:
            vars(module)["datetime"] = shifted


def _shifted(shift: dt.timedelta) -> Any:
    class Kind(type):
        def __instancecheck__(cls, value: object) -> bool:
            return isinstance(value, dt.datetime)

    class Shifted(dt.datetime, metaclass=Kind):
        @classmethod
        def now(cls, tz: dt.tzinfo | None = None) -> Any:
            return dt.datetime.now(tz) + shift

    return Shifted


if __name__ == "__main__":
    seconds, *arguments = sys.argv[1:]
    set_clock(dt.timedelta(seconds=float(seconds)))
    from photosearch.cli import main

    main(arguments)
