"""What Dagster keeps of each run by itself, and what of it goes with the time.

Dagster has settings for how long ticks of sensors are kept, and none for what its runs printed
or for the databases of their events, one a run: some hundred kilobytes for every hour that is
listed. What a run made, with metadata and checks, lies in another database and stays, and so
does the run itself; what goes is its page's list of events, and its steps' output.

It looks at files and asks the database itself, so that ``photosearch gc`` need not wait for
Dagster's import. The home that DAGSTER_HOME names is its owner's: it may have runs that are not
ours, and rules of its own.
"""

import os
import re
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import sqlalchemy as sa

from photosearch.files.walk import files_below
from photosearch.settings.settings import Settings
from photosearch.terminal.masked import masked_text
from photosearch_assets.errors import AssetsError
from photosearch_assets.instance.in_home import STORAGE
from photosearch_assets.instance.step_logs import FOLDER as LOGS

DAY_S = 24 * 3600.0
_RUN = re.compile(r"([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})(?:\.db(?:-\w+)?)?")


def old_runs_files(
    settings: Settings, grace: timedelta, *, dry_run: bool
) -> Iterator[tuple[str, int, str]]:
    """Remove files of runs to which nothing was added for ``run_log_days``: what, bytes, why.

    ``grace`` alone is too short for who asks what happened last week.
    """
    if not settings.run_log_days:
        return
    age_s = max(grace.total_seconds(), settings.run_log_days * DAY_S)
    home = settings.own_dagster_home
    for what, folder in (
        ("step logs of run", home / LOGS),
        ("events of run", home / STORAGE / "history" / "runs"),
    ):
        for run_id, places in sorted(_by_run(folder).items()):
            files = [file for place in places for file in _files(place)]
            stats = [(file, stat) for file in files if (stat := _stat(file)) is not None]
            if any(_is_added_to(*one) and time.time() - one[1].st_mtime < age_s for one in stats):
                continue
            if not dry_run:
                for place in places:
                    _remove(place)
            yield f"{what} {run_id}", sum(stat.st_size for _, stat in stats), _why(settings)
    if settings.dagster_database_url is not None and settings.dagster_home == home:
        for run_id, size in _old_events(settings, age_s, dry_run=dry_run):
            yield f"events of run {run_id}", size, _why(settings)


def _why(settings: Settings) -> str:
    return f"nothing was added for {settings.run_log_days} days"


def remove_daily(settings: Settings) -> None:
    """Do so once a day from now on, as long as the process lives."""

    def work() -> None:
        while True:
            with suppress(OSError, AssetsError):  # what refuses now may not tomorrow
                list(old_runs_files(settings, timedelta(), dry_run=False))
            time.sleep(DAY_S)

    threading.Thread(target=work, name="old runs", daemon=True).start()


_OLD_EVENTS = """
    FROM event_logs AS old
    WHERE old.asset_key IS NULL
      AND coalesce(old.dagster_event_type, '') NOT LIKE 'ASSET_CHECK_%'
      AND old."timestamp" < :before
      AND NOT EXISTS (
        SELECT 1 FROM event_logs AS young
        WHERE young.run_id = old.run_id AND young."timestamp" >= :before
      )
"""
"""Of runs to which nothing was added since; what SQLite keeps in the databases of runs alone."""


def _old_events(settings: Settings, age_s: float, *, dry_run: bool) -> Iterator[tuple[str, int]]:
    """Remove the events of old runs from PostgreSQL: of which, and how many bytes.

    Raises:
        AssetsError: if it can't be asked.
    """
    url = settings.dagster_database_url or ""
    password = settings.dagster_database_password
    secret = None if password is None else password.get_secret_value()
    from photosearch_assets.instance.home_storage import with_password  # which imports YAML

    engine = sa.create_engine(with_password(url, secret), poolclass=sa.pool.NullPool)
    before = datetime.now(UTC).replace(tzinfo=None) - timedelta(seconds=age_s)
    asked = f"SELECT run_id, sum(octet_length(event)) {_OLD_EVENTS} GROUP BY run_id ORDER BY run_id"
    try:
        with engine.begin() as connection:
            if not sa.inspect(connection).has_table("event_logs"):
                return
            found = connection.execute(sa.text(asked), {"before": before}).all()
            if not dry_run:
                connection.execute(sa.text(f"DELETE {_OLD_EVENTS}"), {"before": before})
    except sa.exc.DBAPIError as error:
        raise AssetsError(
            "Dagster's database can't be asked for runs of long ago",
            found=" ".join(masked_text(error.orig).split()),
            remedy="check that PostgreSQL runs, and dagster_database_url and its password",
        ) from error
    yield from ((run_id, size) for run_id, size in found)


def _by_run(folder: Path) -> dict[str, list[Path]]:
    """Files and folders that bear a run's name."""
    found: dict[str, list[Path]] = {}
    for path in folder.iterdir() if folder.is_dir() else ():
        if (named := _RUN.fullmatch(path.name)) is not None:
            found.setdefault(named[1], []).append(path)
    return found


def _files(path: Path) -> Iterator[Path]:
    yield path
    yield from files_below(path)


def _stat(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except FileNotFoundError:  # a journal, or another gc was first
        return None


def _is_added_to(file: Path, stat: os.stat_result) -> bool:
    """Whether its time tells when something was added: SQLite makes two beside a database for
    whoever reads it, an index of the journal and an empty journal."""
    return stat.st_size > 0 and not file.name.endswith("-shm")


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
