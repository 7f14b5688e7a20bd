"""The command line, assembled from entry points.

Each package brings its own commands (group ``photosearch.commands``), so that an image with
only the index server has only the index server's commands. A command that is called is the
only one imported; ``--help`` imports them all, and ``--version`` none, so that it can be said
where a part is broken.
"""

import errno
import os
import sys
from collections.abc import Collection, Sequence
from importlib.metadata import entry_points
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from rich.text import Text
from typer.core import TyperGroup

from photosearch.errors import PhotosearchError
from photosearch.extras import missing_extra
from photosearch.files.disk import refused, remedy_for
from photosearch.settings.settings import SETTINGS_VARIABLE, load_settings
from photosearch.terminal.masked import masked_text
from photosearch.terminal.printable import printable
from photosearch.terminal.terminal import Terminal, make_streams_whole, say
from photosearch.version import CODE_VERSION

COMMANDS = "photosearch.commands"
LONGEST_ARGUMENT = 8192
"""Characters: twice the longest path, and more than a signed URL has."""


class WrongArgument(PhotosearchError):
    """A command line that no command takes."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; an error of ours is one red line and exit code 1."""
    make_streams_whole()
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    try:
        _require_sense(arguments)
        try:
            command_line(arguments)(arguments)
        finally:
            sys.stdout.flush()  # here, where it can be told that nobody reads it
    except WrongArgument as error:
        _end_with(error, 2)
    except PhotosearchError as error:
        _end_with(error)
    except OSError as error:
        if error.errno == errno.EPIPE:
            _end_unheard()
        _end_with(_refusal(error))
    except Exception as error:
        missing = missing_extra(error)
        if missing is None:
            raise
        _end_with(missing)


def _refusal(error: OSError) -> PhotosearchError:
    """What any command may meet, anywhere: a folder that is a file, no right, a full disk."""
    if error.filename is not None:
        return PhotosearchError(
            f"{str(error.filename)!r} can't be used",
            found=error.strerror,
            remedy="check the path, its rights and the space on its disk",
        )
    if refused(error):
        return PhotosearchError(
            "something can't be written",
            found=error.strerror,
            remedy=remedy_for(error, "state_dir"),
        )
    raise error


def _require_sense(arguments: Sequence[str]) -> None:
    """Refuse at once what no command takes: most often a variable of a script that is not set,
    and would mean the current folder or every interface; or what can't be shown in a line.

    Raises:
        WrongArgument: naming the argument.
    """
    before = "the command"
    for argument in arguments:
        option, equals, value = argument.partition("=")
        is_option = argument.startswith("-")
        name = option if is_option and equals else before
        if not argument or (is_option and equals and not value):
            raise WrongArgument(f"the value of {name} is empty", remedy="leave it out, or give one")
        if "\0" in argument or len(argument) > LONGEST_ARGUMENT:
            raise WrongArgument(
                f"the value of {name} is none",
                found=f"{len(argument)} characters that begin with {argument[:40]!r}",
                limit=f"{LONGEST_ARGUMENT} characters, and no NUL",
            )
        before = argument if is_option else f"what follows {argument!r}"


def _end_with(error: PhotosearchError, code: int = 1) -> NoReturn:
    line = Text.assemble(("error:", "bold red"), " ", printable(masked_text(error)))
    Terminal(stderr=True).print(line, soft_wrap=True)
    sys.exit(code)


def _end_unheard() -> NoReturn:
    """End like other programs whose reader has gone, as ``head`` does: without a word."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())  # what is still to be flushed goes there
    sys.exit(1)


class _Root(TyperGroup):
    """The commands; what typer says of wrong arguments is printable as well."""

    def make_context(self, *arguments: Any, **options: Any) -> Any:
        try:
            return super().make_context(*arguments, **options)
        except Exception as error:
            _make_printable(error)
            raise

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except Exception as error:
            _make_printable(error)
            raise


def _make_printable(error: Exception) -> None:
    message = getattr(error, "message", None)  # of click's errors, which typer keeps to itself
    if isinstance(message, str):
        error.message = printable(message)  # type: ignore[attr-defined]


def command_line(arguments: Sequence[str]) -> typer.Typer:
    """The typer application with the command that ``arguments`` call, or with all of them."""
    app = typer.Typer(
        cls=_Root,
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        add_completion=False,
        help="Photo search for marketplaces.",
    )
    app.callback()(_root)
    points = {point.name: point for point in entry_points(group=COMMANDS)}
    for name in _needed(points, arguments):
        command = points[name].load()
        if isinstance(command, typer.Typer):  # with commands of its own
            app.add_typer(command, name=name)
        else:
            app.command(name)(command)
    return app


def _needed(names: Collection[str], arguments: Sequence[str]) -> list[str]:
    called = next((word for word in arguments if word in names), None)
    if called is not None:
        return [called]
    return [] if "--version" in arguments else sorted(names)


def _say_version(asked: bool) -> None:
    if asked:
        say(CODE_VERSION)
        raise typer.Exit


def _root(
    settings: Annotated[
        Path | None,
        typer.Option(help="Settings file; photosearch.toml in the current folder by default."),
    ] = None,
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_say_version, is_eager=True, help="Say the version, and end."
        ),
    ] = False,
) -> None:
    if settings is not None:
        load_settings(settings)
        os.environ[SETTINGS_VARIABLE] = str(settings.resolve())
