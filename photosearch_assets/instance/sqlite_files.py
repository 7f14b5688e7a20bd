"""How Dagster's SQLite files are opened, and what it means when they can't be used.

Dagster writes a database's URL from its path as it is, so that of a folder called ``what?`` one
part becomes a question to the driver, and gives up on a file that another program holds after
five seconds. Here every file is opened by a URI, which may hold any character, and is waited
for as long as a backup or a viewer holds it. All of Dagster's storages make their URLs by one
function, which each has by name; there is no other way in.
"""

import errno
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from dagster._core.storage.event_log.sqlite import sqlite_event_log
from dagster._core.storage.runs.sqlite import sqlite_run_storage
from dagster._core.storage.schedules.sqlite import sqlite_schedule_storage

from photosearch.errors import PhotosearchError
from photosearch.files.disk import refused, remedy_for
from photosearch.terminal.masked import masked_text
from photosearch_assets.errors import AssetsError

BUSY_TIMEOUT_S = 60
_LITTLE = 1 << 20

_HELD = ("database is locked", "database table is locked")
_REFUSED = {
    "database or disk is full": errno.ENOSPC,
    "disk I/O error": errno.EIO,
    "attempt to write a readonly database": errno.EACCES,
    "unable to open database file": errno.EACCES,
}


def database_url(folder: str, name: str) -> str:
    """The SQLAlchemy URL of the database ``name`` in a folder."""
    path = quote(f"{Path(folder).absolute()}/{name}.db")
    return f"sqlite:///file:{path}?timeout={BUSY_TIMEOUT_S}&uri=true"


def open_by_uri() -> None:
    """Let Dagster's storages open their files so."""
    for module in (sqlite_event_log, sqlite_run_storage, sqlite_schedule_storage):
        vars(module)["create_db_conn_string"] = database_url
    vars(sqlite_event_log)["SQLITE_BUSY_TIMEOUT_SECONDS"] = BUSY_TIMEOUT_S


@contextmanager
def database_errors(home: Path, moved_by: str) -> Iterator[None]:
    """Tell in our words when Dagster's databases in ``home`` are held or its disk is full.

    ``moved_by`` is the setting that says where the home is.

    Raises:
        AssetsError: in place of whatever Dagster made of it.
    """
    try:
        yield
    except PhotosearchError:  # says already what it is
        raise
    except Exception as error:
        told = told_of(error, home, moved_by)
        if told is None:
            raise
        raise told from error


def told_of(error: BaseException, home: Path, moved_by: str) -> AssetsError | None:
    """What to do about an error that comes from a database or the disk below it; none if it
    comes from elsewhere."""
    for cause in _causes(error):
        text = str(cause)
        if isinstance(cause, sqlite3.Error) and text in _HELD:
            return AssetsError(
                f"Dagster's database in {home} is held by another program",
                found=text,
                limit=f"{BUSY_TIMEOUT_S} s of waiting",
                remedy="end what holds it, such as a backup or a viewer, then run this again",
            )
        if isinstance(cause, sqlite3.Error) and text in _REFUSED:
            return _refusal(OSError(_REFUSED[text], text), home, moved_by)
        if type(cause).__module__.startswith("psycopg2"):
            return AssetsError(
                "Dagster's database can't be used",
                found=" ".join(masked_text(cause).split()) or type(cause).__name__,
                remedy="check that PostgreSQL runs, and dagster_database_url and its password, or "
                f"what {home} names",
            )
        if isinstance(cause, OSError) and refused(cause):
            return _refusal(cause, home, moved_by)
    return None


def _refusal(error: OSError, home: Path, moved_by: str) -> AssetsError:
    free = shutil.disk_usage(home).free
    if error.errno == errno.EIO and free < _LITTLE:
        # What SQLite says where it finds no room for its shared memory.
        error = OSError(errno.ENOSPC, error.strerror)
    return AssetsError(
        f"Dagster can't write below {home}",
        found=f"{error.strerror}, {free / 1e6:.1f} MB free on that disk",
        remedy=remedy_for(error, moved_by),
    )


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        original: Any = getattr(error, "orig", None)  # SQLAlchemy's
        if isinstance(original, BaseException):
            yield original
        error = error.__cause__ or error.__context__
