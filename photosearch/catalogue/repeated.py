"""Ids that repeat: a photo's that counts within its listing, a listing's in several rows.

Indexes, answers and erasures name a photo and a listing by their ids. Where the schema does not
promise that an id is of one of them, its rows are counted; one id of several photos is refused,
with the view that makes ids of it, because every answer would be silently wrong. One photo of
several listings is none: its id leads to one file, whoever's it is.
"""

from dataclasses import dataclass

import sqlalchemy as sa

from photosearch.catalogue.connection import reading
from photosearch.catalogue.schema import CatalogueError, Schema
from photosearch.settings.settings import Settings

_VIEW = "photosearch_photos"
_VIEW_ID = "photo_id"


@dataclass(frozen=True)
class _Repeated:
    ids: int
    rows: int
    example: str


def require_distinct_ids(engine: sa.Engine, schema: Schema, settings: Settings) -> None:
    """Count what the schema does not promise to be unique.

    Raises:
        CatalogueError: if one id is of several listings, or of several photos.
    """
    with reading(engine) as connection:
        if not schema.listing_ids_are_unique:
            repeated = _repeated(connection, _listings_by_id(schema))
            if repeated is not None:
                raise _listings_repeat(repeated, settings)
        if not schema.photo_ids_are_unique:
            repeated = _repeated(connection, _photos_by_id(schema))
            if repeated is not None:
                raise _photos_repeat(repeated, settings, engine.dialect)


def _listings_by_id(schema: Schema) -> sa.Select[tuple[str, int]]:
    key = sa.cast(schema.listing_id.column, sa.Text)
    rows = sa.func.count()
    return (
        sa.select(key.label("id"), rows.label("rows"))
        .select_from(schema.listings)
        .where(key != "")
        .group_by(key)
        .having(rows > 1)
    )


def _photos_by_id(schema: Schema) -> sa.Select[tuple[str, int]]:
    key = sa.cast(schema.photo_id.column, sa.Text)
    path = sa.func.coalesce(sa.cast(schema.path.column, sa.Text), "")
    owned = schema.photo_listing.equals(schema.listing_id)
    return (
        sa.select(key.label("id"), sa.func.count().label("rows"))
        .select_from(sa.join(schema.photos, schema.listings, owned))
        .where(key != "")
        .group_by(key)
        .having(sa.func.min(path) != sa.func.max(path))
    )


def _repeated(connection: sa.Connection, groups: sa.Select[tuple[str, int]]) -> _Repeated | None:
    repeated = groups.subquery()
    counts = sa.select(
        sa.func.count(), sa.func.sum(repeated.c.rows), sa.func.min(repeated.c.id)
    ).select_from(repeated)
    ids, rows, example = connection.execute(counts).one()
    return _Repeated(int(ids), int(rows), str(example)) if ids else None


def _listings_repeat(repeated: _Repeated, settings: Settings) -> CatalogueError:
    return CatalogueError(
        f"ids of listings repeat: {repeated.rows:,} rows of {settings.listings_table!r} have "
        f"{repeated.ids:,} ids",
        found=f"such as {repeated.example!r}",
        limit="one row of a listing",
        remedy=f"set listing_id_column in {settings.file} to a column without repeats, or "
        "listings_table to a view with one row of each listing",
    )


def _photos_repeat(repeated: _Repeated, settings: Settings, dialect: sa.Dialect) -> CatalogueError:
    quoted = dialect.identifier_preparer.quote
    owner, key = quoted(settings.photo_listing_column), quoted(settings.photo_id_column)
    table = ".".join(map(quoted, settings.photos_table.split(".")))
    return CatalogueError(
        f"ids of photos repeat: {repeated.rows:,} photos of {settings.photos_table!r} have "
        f"{repeated.ids:,} ids",
        found=f"such as {repeated.example!r}, which leads to several files",
        limit="one photo of an id",
        remedy=f"set photo_id_column in {settings.file} to a column without repeats, or make "
        f"a view (CREATE VIEW {_VIEW} AS SELECT {owner} || '-' || {key} AS {_VIEW_ID}, "
        f'photos.* FROM {table} AS photos) and set photos_table = "{_VIEW}" and '
        f'photo_id_column = "{_VIEW_ID}"',
    )
