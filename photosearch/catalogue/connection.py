"""One engine to the catalogue's database, and its errors as ours.

Opening does no I/O: a command that only prints help must not wait for a database. SQLite
would make an empty file where it finds none, so a missing file is refused before.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from photosearch.catalogue.schema import CatalogueError

_CONNECT_SECONDS = 10
_SQLITE_BUSY_SECONDS = 30
_ROWS_AT_ONCE = 5_000


def make_engine(url_text: str, base_dir: Path) -> sa.Engine:
    """An engine for a SQLAlchemy URL, without connecting; a relative SQLite file counts from
    ``base_dir``, as all paths in the settings do.

    Raises:
        CatalogueError: if the text is no URL, or its database has no driver here.
    """
    try:
        url = sa.make_url(url_text)
        backend = url.get_backend_name()
        if backend not in ("sqlite", "postgresql"):
            raise CatalogueError(
                "the catalogue lies in SQLite or PostgreSQL",
                found=backend,
                remedy="set database_url to sqlite:///FILE or postgresql://USER@HOST/NAME",
            )
        if backend == "sqlite" and url.database and not url.database.startswith((":", "file:")):
            url = url.set(database=str(base_dir.resolve() / url.database))
        return sa.create_engine(url, **_options(backend))
    except (sa.exc.ArgumentError, ValueError) as error:
        raise CatalogueError(
            "database_url is no SQLAlchemy URL",
            found=repr(_without_password(url_text)),
            remedy="write sqlite:///FILE or postgresql://USER:PASSWORD@HOST/NAME",
        ) from error
    except (sa.exc.NoSuchModuleError, ModuleNotFoundError) as error:
        raise CatalogueError(
            f"no driver is installed for {_without_password(url_text)}: {error}",
            remedy="install it: pip install 'photosearch[postgres]'",
        ) from error


def sqlite_file(engine: sa.Engine) -> Path | None:
    """The file of a SQLite catalogue; none for PostgreSQL and for a database in memory."""
    database = engine.url.database
    if engine.dialect.name != "sqlite" or not database or database.startswith((":", "file:")):
        return None
    return Path(database)


@contextmanager
def reading(engine: sa.Engine) -> Iterator[sa.Connection]:
    """A connection whose results stream, so that a large catalogue never lies in memory whole.

    Raises:
        CatalogueError: if the database can't be reached, or refuses the query.
    """
    file = sqlite_file(engine)
    if file is not None and not file.is_file():
        raise CatalogueError(
            f"there is no catalogue {file}",
            remedy="check database_url, or run 'photosearch init --photos DIR' to make one",
        )
    with database_errors(engine), engine.connect() as connection:
        yield connection.execution_options(yield_per=_ROWS_AT_ONCE)


def stream(connection: sa.Connection, query: sa.Select[Any]) -> Iterator[sa.Row[Any]]:
    """The rows of a query, some thousands in memory at a time.

    In parts, because one by one SQLAlchemy spends more on a row than the database.
    """
    for part in connection.execute(query).partitions(_ROWS_AT_ONCE):
        yield from part


@contextmanager
def database_errors(engine: sa.Engine) -> Iterator[None]:
    """Turn the driver's errors into ours, which name the database without its password."""
    shown = engine.url.render_as_string(hide_password=True)
    try:
        yield
    except sa.exc.OperationalError as error:
        raise CatalogueError(
            f"the catalogue {shown} can't be used",
            found=_first_line(error),
            remedy="check that the database runs, and database_url",
        ) from error
    except sa.exc.DBAPIError as error:
        raise CatalogueError(f"the catalogue {shown} failed", found=_first_line(error)) from error


def _options(backend: str) -> dict[str, object]:
    if backend == "sqlite":
        return {"connect_args": {"timeout": _SQLITE_BUSY_SECONDS}}
    return {
        # UTC in the session: a time without a zone and one with compare as both mean it.
        "connect_args": {"connect_timeout": _CONNECT_SECONDS, "options": "-c timezone=UTC"},
        "pool_pre_ping": True,
    }


def _first_line(error: sa.exc.DBAPIError) -> str:
    return " ".join(str(error.orig).split()) or type(error.orig).__name__


def _without_password(url: str) -> str:
    scheme, separator, rest = url.partition("://")
    return f"{scheme}{separator}{rest.rpartition('@')[2]}" if separator else url
