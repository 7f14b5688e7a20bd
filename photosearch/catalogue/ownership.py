"""Whose a photo is, as the table of photos alone has it.

An erasure asks this. It must not depend on what else a listing's row says: a price or a time that
can't be read hides the listing from every other answer, and is no reason to keep it.
"""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa

from photosearch.catalogue.connection import engine_of, reading, stream
from photosearch.catalogue.schema import Schema, read_schema
from photosearch.catalogue.values import read_id
from photosearch.repository.erasures import is_erased
from photosearch.settings.settings import Settings


def photos_of(settings: Settings, listing_id: str) -> list[tuple[str, str | None]]:
    """The ids and paths of a listing's photos; none where there is no path.

    Raises:
        CatalogueError: if the database can't be reached or is not laid out as the settings say.
    """
    with _opened(settings) as (connection, schema):
        query = _photos(schema).where(schema.photo_listing.is_given)
        rows = _rows(connection, schema, query.params(schema.photo_listing.given([listing_id])))
        return [
            (photo, path or None) for owner, photo, path in rows if photo and owner == listing_id
        ]


def paths_of_others(settings: Settings, listing_id: str, erased: Collection[str]) -> Iterator[str]:
    """The paths of the photos of all other listings but those that were erased as well.

    ``erased`` are of :meth:`ErasedListings.known`. Raises as :func:`photos_of`.
    """
    with _opened(settings) as (connection, schema):
        for owner, _, path in _rows(connection, schema, _photos(schema)):
            if path and owner != listing_id and not is_erased(owner, erased):
                yield path


def _photos(schema: Schema) -> sa.Select[Any]:
    return sa.select(schema.photo_listing.column, schema.photo_id.column, schema.path.column)


def _rows(
    connection: sa.Connection, schema: Schema, query: sa.Select[Any]
) -> Iterator[tuple[str, str, str]]:
    for key, photo, path in stream(connection, query):
        owner = read_id(key)
        if owner is not None:
            yield owner, read_id(photo) or "", schema.path.read(path)


@contextmanager
def _opened(settings: Settings) -> Iterator[tuple[sa.Connection, Schema]]:
    engine = engine_of(settings)
    try:
        with reading(engine) as connection:
            yield connection, read_schema(engine, settings)
    finally:
        engine.dispose()
