"""The command line, assembled from entry points.

Each package brings its own commands (group ``photosearch.commands``), so that an image with
only the index server has only the index server's commands and starts without the rest.
A command's module is imported when the command is called, not before.
"""

import sys
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Annotated

import click
import typer
from rich.console import Console
from typer.core import TyperGroup

from photosearch.errors import PhotosearchError
from photosearch.settings import SETTINGS_VARIABLE, load_settings

COMMANDS = "photosearch.commands"


class _EntryPointGroup(TyperGroup):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(_commands())

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        found = _commands().get(cmd_name)
        if found is None:
            return None
        app = typer.Typer(pretty_exceptions_enable=False, add_completion=False)
        app.command(cmd_name)(found.load())
        return typer.main.get_command(app)


app = typer.Typer(
    cls=_EntryPointGroup,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    help="Photo search for marketplaces.",
)


@app.callback()
def _root(
    settings: Annotated[
        Path | None,
        typer.Option(help="Settings file; photosearch.toml in the current folder by default."),
    ] = None,
) -> None:
    if settings is not None:
        load_settings(settings)
        import os

        os.environ[SETTINGS_VARIABLE] = str(settings.resolve())


def main() -> None:
    """Run the command line; an error of ours is one red line and exit code 1."""
    try:
        app(standalone_mode=True)
    except PhotosearchError as error:
        Console(stderr=True).print(f"[bold red]error:[/] {error}", highlight=False, soft_wrap=True)
        sys.exit(1)


def _commands() -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=COMMANDS)}
