"""One engine to the catalogue's database, and its errors as ours.

Opening does no I/O: a command that only prints help must not wait for a database. SQLite
would make an empty file where it finds none, so a missing file is refused before.

A PostgreSQL session is told its zone by a statement and not by an option at its start: poolers
refuse options that they don't know (PgBouncer before 1.20 all of them) but keep track of the
zone, and an option of ours would take the place of those that the URL or PGOPTIONS give.

A password that is a setting of its own reaches the driver and nothing else: the engine's URL, which
errors and pages name, never holds it.
"""

import errno
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from pydantic import SecretStr

from photosearch.catalogue.schema import CatalogueError
from photosearch.files.disk import remedy_for
from photosearch.settings.settings import Settings
from photosearch.terminal.masked import masked, masked_text

_CONNECT_SECONDS = 10
_SQLITE_BUSY_SECONDS = 30
_ROWS_AT_ONCE = 5_000
#: Those that answer without an event loop and take the options given here, the default first.
_DRIVERS = {"sqlite": ("pysqlite",), "postgresql": ("psycopg2", "psycopg")}
_DISK_IS_FULL = remedy_for(OSError(errno.ENOSPC, ""), "state_dir")
_VARIABLE = "PHOTOSEARCH_DATABASE_PASSWORD"
_FORMS = "sqlite:///FILE, postgresql://USER@HOST/NAME or postgresql+psycopg://USER@HOST/NAME"


def engine_of(settings: Settings) -> sa.Engine:
    """The engine to the catalogue of these settings; see :func:`make_engine`."""
    named = settings.database_url or settings.catalogue_file
    return make_engine(named, settings.base_dir, settings.database_password)


def make_engine(named: str | Path, base_dir: Path, password: SecretStr | None = None) -> sa.Engine:
    """An engine for a SQLAlchemy URL or a SQLite file, without connecting; a relative file counts
    from ``base_dir``, as all paths in the settings do. No URL can tell a ``?`` in a file's path
    from the one before its options.

    Raises:
        CatalogueError: if the text is no URL, its database has no driver here, or ``password`` is
            not its password.
    """
    is_file, url_text = isinstance(named, Path), str(named)
    try:
        url = sa.URL.create("sqlite", database=url_text) if is_file else sa.make_url(url_text)
        backend = url.get_backend_name()
        _require_driver(url)
        if backend == "sqlite" and url.database and not url.database.startswith((":", "file:")):
            url = url.set(database=str(base_dir.resolve() / url.database))
        if password is not None:
            _require_its_password(url, password.get_secret_value())
        engine = sa.create_engine(url, **_options(url, password))
    except (sa.exc.ArgumentError, ValueError) as error:
        raise CatalogueError(
            "database_url is no SQLAlchemy URL",
            found=repr(masked(url_text)),
            remedy=f"write {_FORMS}",
        ) from error
    except ImportError as error:
        raise CatalogueError(
            f"no driver is installed for {masked(url_text)}: {error}",
            remedy="install it: pip install 'photosearch[postgres]'"
            + (", or write postgresql:// for psycopg2" if "+psycopg:" in url_text else ""),
        ) from error
    if backend == "postgresql":
        sa.event.listen(engine, "connect", _speak_utc)
    return engine


def _require_driver(url: sa.URL) -> None:
    """Refuse what a shop's application may use and this does not, installed or not."""
    backend, _, driver = url.drivername.partition("+")
    if backend not in _DRIVERS:
        # Of SQLAlchemy's other names and of its plugins' too: none is ever loaded.
        raise CatalogueError(
            "the catalogue lies in SQLite or PostgreSQL",
            found=backend,
            remedy=f"set database_url to {_FORMS}",
        )
    if driver and driver not in _DRIVERS[backend]:
        raise CatalogueError(
            f"the catalogue's database is not read with the driver {driver}",
            found=f"{url.drivername}://",
            limit=" or ".join(_DRIVERS[backend]),
            remedy=f"write {backend}:// in its place; the rest of the URL may stay",
        )


def _require_its_password(url: sa.URL, password: str) -> None:
    """Refuse a password beside the one of the URL, of which nobody knows which is meant."""
    if url.get_backend_name() == "sqlite":
        raise CatalogueError(
            "database_password is set, and the catalogue is a SQLite file, which has none",
            remedy=f"leave it out ({_VARIABLE} too), or set database_url to {_FORMS}",
        )
    if {url.password, url.query.get("password")} - {None, password}:
        raise CatalogueError(
            "database_url holds another password than database_password",
            found=masked(url.render_as_string(hide_password=True)),
            remedy=f"leave it out of the URL; {_VARIABLE} comes before the settings' file",
        )


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
    _begin(connection)
    given = 0
    try:
        for part in connection.execute(query).partitions(_ROWS_AT_ONCE):
            yield from part
            given += len(part)
    except sa.exc.OperationalError as error:
        _suffer_bad_text(connection, error)
        for part in connection.execute(query).partitions(_ROWS_AT_ONCE):
            yield from part[max(0, given) :]
            given -= len(part)


def fetch(
    connection: sa.Connection, query: sa.Select[Any], given: Mapping[str, Any]
) -> Sequence[sa.Row[Any]]:
    """The rows of a query that has few."""
    try:
        return connection.execute(query, given).all()
    except sa.exc.OperationalError as error:
        _suffer_bad_text(connection, error)
        return connection.execute(query, given).all()


def _begin(connection: sa.Connection) -> None:
    """One look at a SQLite file for all that follows, should a statement be asked again."""
    if connection.dialect.name == "sqlite" and not _driver_of(connection).in_transaction:
        connection.exec_driver_sql("BEGIN")


def _suffer_bad_text(connection: sa.Connection, error: sa.exc.OperationalError) -> None:
    """From now on read text that is no UTF-8, which SQLite's files may hold.

    Only now: Python's own reading of text costs a scan as much again as SQLite.
    """
    if "Could not decode to UTF-8" not in str(error.orig):
        raise error
    _driver_of(connection).text_factory = _decoded


def _driver_of(connection: sa.Connection) -> Any:
    return connection.connection.dbapi_connection


def _decoded(text: bytes) -> str:
    return text.decode("utf-8", "surrogateescape")


@contextmanager
def database_errors(engine: sa.Engine) -> Iterator[None]:
    """Turn the driver's errors into ours, which name the database without its password."""
    shown = masked(engine.url.render_as_string(hide_password=True))
    try:
        yield
    except sa.exc.OperationalError as error:
        raise CatalogueError(
            f"the catalogue {shown} can't be used",
            found=_first_line(error),
            remedy=_remedy(error),
        ) from error
    except sa.exc.DBAPIError as error:
        raise CatalogueError(f"the catalogue {shown} failed", found=_first_line(error)) from error
    except (sa.exc.SQLAlchemyError, UnicodeError) as error:
        found = " ".join(str(error).split()) or type(error).__name__
        raise CatalogueError(f"the catalogue {shown} failed", found=found) from error


def _options(url: sa.URL, password: SecretStr | None) -> dict[str, object]:
    """What the engine is made with, beside what the URL says."""
    if url.get_backend_name() == "sqlite":
        waits = {} if "timeout" in url.query else {"timeout": _SQLITE_BUSY_SECONDS}
        return {"connect_args": waits}
    given: dict[str, object] = {}
    if password is not None:
        given["password"] = password.get_secret_value()
    if "connect_timeout" not in url.query and "PGCONNECT_TIMEOUT" not in os.environ:
        given["connect_timeout"] = _CONNECT_SECONDS
    if url.drivername.endswith("+psycopg"):
        given["prepare_threshold"] = None  # a pooler's next transaction has another session
    return {"connect_args": given, "pool_pre_ping": True}


def _speak_utc(connection: Any, _record: object) -> None:
    """UTC in the session: a time without a zone and one with compare as both mean it.

    Committed, because a SET that is rolled back is undone.
    """
    with connection.cursor() as cursor:
        cursor.execute("SET TIME ZONE 'UTC'")
    connection.commit()


def _remedy(error: sa.exc.OperationalError) -> str:
    """What to do: a SQLite file's trouble is its disk's, or that another program holds it."""
    code = getattr(error.orig, "sqlite_errorname", "") or ""
    if code.startswith("SQLITE_FULL"):
        return _DISK_IS_FULL
    if code.startswith(("SQLITE_IOERR", "SQLITE_CANTOPEN", "SQLITE_READONLY")):
        return (
            "see to the disk and to this user's rights on that file's folder, then run this again"
        )
    if code.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return "let the program that holds it come to an end, then run this again"
    if "password" in str(error.orig):  # neither driver has a code for a connection that failed
        return (
            f"set database_password, or {_VARIABLE} in the environment, and see to the URL's user"
        )
    return "check that the database runs, and database_url"


def _first_line(error: sa.exc.DBAPIError) -> str:
    return " ".join(masked_text(error.orig).split()) or type(error.orig).__name__
