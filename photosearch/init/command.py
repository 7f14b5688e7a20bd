"""``photosearch init``: from a folder or a shop's database to settings that work.

It looks before it writes: what is wrong with the folder or the connection is said before any
file is made. Only wrong names of tables and columns are said after, because the file is
where they are corrected. Called again, it scans the folder again: so new photos come in.
"""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated
from urllib.parse import unquote, urlsplit

import sqlalchemy as sa
import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from photosearch.catalogue.catalogue import Catalogue, CatalogueError
from photosearch.init.exif_date import FIRST_BELIEVABLE
from photosearch.init.folder_scan import FolderScan, scan_folder
from photosearch.init.summary import print_summary
from photosearch.settings.file import update_settings_file
from photosearch.settings.home import expanded
from photosearch.settings.settings import Settings, SettingsError, load_settings
from photosearch.terminal.terminal import Terminal
from photosearch.windows import Granularity, Window


def init(
    photos: Annotated[
        str | None,
        typer.Option(help="Folder of photos, at any depth; with --database, of its photos."),
    ] = None,
    database: Annotated[
        str | None,
        typer.Option(
            help="SQLAlchemy URL of a database with listings and photos; its password had better "
            "be PHOTOSEARCH_DATABASE_PASSWORD."
        ),
    ] = None,
) -> None:
    """Set up photosearch for a folder of photos or a shop's database; again: scan again."""
    console = Terminal()
    named: dict[str, str] = {}
    base_dir = load_settings().base_dir
    if photos is not None:
        named["photos_url"] = _seen_from(base_dir, photos)
    if database is not None:
        named["database_url"] = _sqlite_seen_from(base_dir, database)
    settings = load_settings(None, **named)
    now = datetime.now(UTC)
    with Catalogue.open(settings) as catalogue:
        scan: FolderScan | None = None
        if settings.database_url is None:
            scan = _scan(settings, catalogue, now, console)
        else:
            catalogue.connect()
        changes = update_settings_file(settings.file, named)
        catalogue.require_distinct_ids()
        start = _timeline_start(catalogue, now)
        changes += update_settings_file(settings.file, {}, {"timeline_start": start})
        print_summary(console, load_settings(None, **named), catalogue, scan, changes, now)


def first_seen(settings: Settings, now: datetime) -> datetime | None:
    """When a photo without a believable time is listed: in the last hour that is over, so that
    the next materialization has it; none if such photos are left out."""
    if settings.undated_photos == "leave_out":
        return None
    moment = Window.holding(Granularity.HOURLY, now).start - timedelta(seconds=1)
    return moment if moment >= settings.timeline_start else now


def _scan(settings: Settings, catalogue: Catalogue, now: datetime, console: Terminal) -> FolderScan:
    if settings.photos_url is None:
        raise SettingsError(
            "photosearch does not know where the photos are",
            remedy="run 'photosearch init --photos DIR' or 'photosearch init --database URL'",
        )
    url = urlsplit(settings.image_store_url)
    if url.scheme != "file":
        raise CatalogueError(
            "without a database, the photos have to lie in a folder",
            found=settings.photos_url,
            remedy="give --photos DIR, or --database URL as well",
        )
    columns = (
        TextColumn("reading the photos' dates"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("", total=None)
        return scan_folder(
            Path(unquote(url.path)),
            catalogue,
            live_status=settings.live_statuses[0],
            ignore=settings.photos_ignore,
            now=now,
            first_seen=first_seen(settings, now),
            on_progress=lambda done, total: progress.update(task, completed=done, total=total),
        )


def _timeline_start(catalogue: Catalogue, now: datetime) -> datetime:
    """The month of the oldest listing whose time can be meant."""
    moments = catalogue.listing_times().values()
    oldest = min(
        (m for m in moments if m is not None and FIRST_BELIEVABLE <= m <= now), default=now
    )
    return Window.holding(Granularity.MONTHLY, oldest).start


def _seen_from(base_dir: Path, photos: str) -> str:
    """A folder as the settings file names it: relative if it lies beside or below the file."""
    if "://" in photos:
        return photos
    folder = expanded(photos).resolve()
    return str(folder.relative_to(base_dir)) if folder.is_relative_to(base_dir) else str(folder)


def _sqlite_seen_from(base_dir: Path, database: str) -> str:
    """A SQLite file as the settings file names it, as :func:`_seen_from` a folder."""
    try:
        url = sa.make_url(database)
    except (sa.exc.ArgumentError, ValueError):
        return database  # refused when it is opened, with a better word
    if url.get_backend_name() != "sqlite" or not url.database:
        return database
    if url.database.startswith((":", "file:")):
        return database
    file = expanded(url.database).resolve()
    seen = file.relative_to(base_dir) if file.is_relative_to(base_dir) else file
    return url.set(database=str(seen)).render_as_string(hide_password=False)
