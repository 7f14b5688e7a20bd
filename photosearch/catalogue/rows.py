"""Writing to the tables that photosearch makes itself: a folder's catalogue and the demo's.

A shop's own database is only ever read. Everything of one call is one transaction, so that
a reader sees the catalogue before or after a scan, and a killed scan leaves the one before.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC
from itertools import islice
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from photosearch.catalogue.connection import database_errors, sqlite_file
from photosearch.catalogue.listing import Listing, Photo
from photosearch.catalogue.schema import CatalogueError, own_tables
from photosearch.files.disk import remedy_for
from photosearch.files.locks import file_lock
from photosearch.settings.settings import Settings

_ROWS_A_STATEMENT = 1_000


def write_rows(
    engine: sa.Engine,
    settings: Settings,
    listings: Iterable[Listing] = (),
    photos: Iterable[Photo] = (),
    gone: Collection[str] = (),
) -> None:
    """Make the tables if they are not there; then, in one transaction, remove the listings
    whose ids are ``gone`` with their photos, and insert or update rows."""
    listings_table, photos_table = own_tables(settings, engine.dialect.name)
    with _writing(engine) as connection:
        listings_table.metadata.create_all(connection)
        _add_version(connection, photos_table, settings)
        _remove(connection, listings_table, photos_table, settings, gone)
        positions: dict[str, int] = {}
        rows = _listing_rows(listings, listings_table, positions)
        _upsert(connection, listings_table, rows)
        keys = [column.name for column in photos_table.columns]
        values = (
            (p.photo_id, p.listing_id, p.path, positions.get(p.photo_id, 0), p.version)
            for p in photos
        )
        _upsert(connection, photos_table, (dict(zip(keys, row, strict=True)) for row in values))


def erase_rows(engine: sa.Engine, settings: Settings, listing_id: str) -> None:
    """Remove a listing and its photos so that no byte of them is left in the database's files.

    SQLite leaves what is deleted in its file and log; writing the file anew takes it away.
    PostgreSQL does that by itself, in its own time.
    """
    write_rows(engine, settings, gone=[listing_id])
    if sqlite_file(engine) is not None:
        with database_errors(engine), engine.connect() as connection:
            connection = connection.execution_options(isolation_level="AUTOCOMMIT")
            connection.exec_driver_sql("VACUUM")
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")


@contextmanager
def _writing(engine: sa.Engine) -> Iterator[sa.Connection]:
    file = sqlite_file(engine)
    with database_errors(engine):
        if file is not None:
            _make_file(engine, file)
        with engine.begin() as connection:
            if file is not None:
                # Python's driver begins one only with the first row: two that make the tables at
                # once would both find none.
                connection.exec_driver_sql("BEGIN IMMEDIATE")
            yield connection


def _make_file(engine: sa.Engine, file: Path) -> None:
    """Make a SQLite file that is not there; the API goes on reading while a scan writes to it."""
    try:
        # SQLite does not wait for its turn to change the mode, which the file keeps.
        with file_lock(file.with_name(f".{file.name}.lock")):
            if not file.exists():
                with engine.connect() as connection:
                    connection.exec_driver_sql("PRAGMA journal_mode=WAL")
    except OSError as error:
        raise CatalogueError(
            f"the catalogue {file} can't be written",
            found=error.strerror,
            remedy=remedy_for(error, "state_dir"),
        ) from error


def _add_version(connection: sa.Connection, photos: sa.Table, settings: Settings) -> None:
    """Give a table that an earlier release made the column it lacks."""
    column = photos.c[settings.photo_version_column]
    there = sa.inspect(connection).get_columns(photos.name, schema=photos.schema)
    if column.name not in {known["name"] for known in there}:
        spec = sa.schema.CreateColumn(column).compile(dialect=connection.dialect)
        name = connection.dialect.identifier_preparer.format_table(photos)
        connection.exec_driver_sql(f"ALTER TABLE {name} ADD COLUMN {spec}")


def _remove(
    connection: sa.Connection,
    listings: sa.Table,
    photos: sa.Table,
    settings: Settings,
    gone: Collection[str],
) -> None:
    owner, key = photos.c[settings.photo_listing_column], listings.c[settings.listing_id_column]
    remaining = iter(gone)
    while part := list(islice(remaining, _ROWS_A_STATEMENT)):
        connection.execute(photos.delete().where(owner.in_(part)))
        connection.execute(listings.delete().where(key.in_(part)))


def _listing_rows(
    listings: Iterable[Listing], table: sa.Table, positions: dict[str, int]
) -> Iterator[Mapping[str, Any]]:
    keys = [column.name for column in table.columns]
    for listing in listings:
        positions.update((photo_id, place) for place, photo_id in enumerate(listing.photo_ids))
        values = (
            listing.listing_id,
            listing.title,
            listing.price,
            listing.category,
            listing.status,
            listing.listed_at.astimezone(UTC),
        )
        yield dict(zip(keys, values, strict=True))


def _upsert(connection: sa.Connection, table: sa.Table, rows: Iterable[Mapping[str, Any]]) -> None:
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    statement = insert(table)
    changed = {column.name: statement.excluded[column.name] for column in table.columns}
    key = [column.name for column in table.primary_key]
    statement = statement.on_conflict_do_update(
        index_elements=key, set_={name: new for name, new in changed.items() if name not in key}
    )
    remaining = iter(rows)
    while part := list(islice(remaining, _ROWS_A_STATEMENT)):
        connection.execute(statement, part)
