"""The command line, assembled from entry points.

Each package brings its own commands (group ``photosearch.commands``), so that an image with
only the index server has only the index server's commands. A command that is called is the
only one imported; ``--help`` imports them all.
"""

import os
import sys
from collections.abc import Sequence
from importlib.metadata import entry_points
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.console import Console

from photosearch.errors import PhotosearchError
from photosearch.settings import SETTINGS_VARIABLE, load_settings

COMMANDS = "photosearch.commands"


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; an error of ours is one red line and exit code 1."""
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    try:
        command_line(arguments)(arguments)
    except PhotosearchError as error:
        _end_with(error)
    except OSError as error:
        if error.filename is None:
            raise
        # Any command may meet it, anywhere: a folder that is a file, no right, a full disk.
        _end_with(
            PhotosearchError(
                f"{str(error.filename)!r} can't be used",
                found=error.strerror,
                remedy="check the path, its rights and the space on its disk",
            )
        )


def _end_with(error: PhotosearchError) -> NoReturn:
    Console(stderr=True).print("error:", style="bold red", end=" ")
    Console(stderr=True).print(str(error), markup=False, highlight=False, soft_wrap=True)
    sys.exit(1)


def command_line(arguments: Sequence[str]) -> typer.Typer:
    """The typer application with the command that ``arguments`` call, or with all of them."""
    app = typer.Typer(
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        add_completion=False,
        help="Photo search for marketplaces.",
    )
    app.callback()(_root)
    points = {point.name: point for point in entry_points(group=COMMANDS)}
    called = next((word for word in arguments if word in points), None)
    for name in [called] if called else sorted(points):
        command = points[name].load()
        if isinstance(command, typer.Typer):  # with commands of its own
            app.add_typer(command, name=name)
        else:
            app.command(name)(command)
    return app


def _root(
    settings: Annotated[
        Path | None,
        typer.Option(help="Settings file; photosearch.toml in the current folder by default."),
    ] = None,
) -> None:
    if settings is not None:
        load_settings(settings)
        os.environ[SETTINGS_VARIABLE] = str(settings.resolve())
