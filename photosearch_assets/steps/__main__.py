"""A step in a process of its own: ``python -m photosearch_assets.steps NAME``.

Under Dagster the windows come in the Pipes extras, and each result goes back as a message as
soon as it is there; by hand they are named with ``--windows``, and the results are printed, one
JSON object a line.

SIGTERM, by which a runner or a cluster ends a step, is an exit that cleans up.
"""

import argparse
import signal
import sys
from collections.abc import Callable

from dagster_pipes import PipesContext, open_dagster_pipes

from photosearch.errors import PhotosearchError
from photosearch.extras import extras_named
from photosearch.settings.settings import load_settings
from photosearch.terminal.printable import printable
from photosearch.windows import Window
from photosearch_assets.steps.context import StepContext
from photosearch_assets.steps.photo_messages import ERROR, PhotoMessages
from photosearch_assets.steps.registry import NAMES, own_step
from photosearch_assets.steps.result import StepResult

PIPES_VARIABLE = "DAGSTER_PIPES_CONTEXT"


def main(arguments: list[str] | None = None) -> int:
    """Run one step; 1 if it failed."""
    parser = argparse.ArgumentParser(prog="python -m photosearch_assets.steps")
    parser.add_argument("name", choices=NAMES)
    parser.add_argument("--windows", nargs="*", default=[], metavar="KEY")
    parsed = parser.parse_args(arguments)
    import os

    signal.signal(signal.SIGTERM, _end)
    if PIPES_VARIABLE in os.environ:
        with open_dagster_pipes() as pipes:
            return _under_dagster(parsed.name, pipes)
    return _run(parsed.name, parsed.windows, None, lambda result: print(_line(result)))  # noqa: T201


def _end(number: int, _frame: object) -> None:
    sys.exit(128 + number)


def _under_dagster(name: str, pipes: PipesContext) -> int:
    photos = PhotoMessages(pipes.report_custom_message)

    def report(result: StepResult) -> None:
        photos.flush()
        pipes.report_custom_message(result.model_dump(mode="json"))

    def tell(error: str) -> None:
        photos.flush()
        pipes.report_custom_message({ERROR: error})

    return _run(name, pipes.get_extra("windows"), pipes.run_id, report, photos.add, tell)


def _run(
    name: str,
    windows: list[str],
    run_id: str | None,
    report: Callable[[StepResult], None],
    on_photos: Callable[[int], None] = lambda _count: None,
    tell: Callable[[str], None] = lambda _error: None,
) -> int:
    try:
        keys = [Window.parse(key) for key in windows]
        with (
            extras_named(),
            StepContext(load_settings(), run_id=run_id, on_photos=on_photos) as context,
        ):
            for result in own_step(name)(keys, context):
                report(result)
    except PhotosearchError as error:
        print(f"error: {printable(error)}", file=sys.stderr)  # noqa: T201
        tell(str(error))
        return 1
    return 0


def _line(result: StepResult) -> str:
    return result.model_dump_json(exclude_defaults=True)


if __name__ == "__main__":
    sys.exit(main())
