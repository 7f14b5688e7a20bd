"""A shop's columns of every type: one row that can't be read fails no other."""

import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import settings as with_settings
from hypothesis import strategies as st

from photosearch.catalogue.catalogue import Catalogue
from photosearch.catalogue.listing import CatalogueDigest, Listing, catalogue_digest
from photosearch.settings.settings import Settings
from tests.catalogue.lamps import HOUR_14

LISTED = "2026-11-22 14:05:00"
UUID = "6f1c1a3e-0000-4000-8000-000000000001"
#: As SQLite has them: any value in any column, the last two texts that are no UTF-8.
ODD = [
    *[None, "", " ", "a\0b", 0, 7, -1, 2**63 - 1, 7.5, float("inf"), "07", "7", "x", "\\x61"],
    *[b"", b"a", b"\xff\xfe", "cast(x'ff' as text)", "cast(x'6180' as text)"],
]


def _sqlite(folder: Path, declared: str, rows: Sequence[Sequence[object]]) -> Settings:
    """A shop of one listing and one photo a row: (id, title, price, status, path, position)."""
    with closing(sqlite3.connect(folder / "shop.db")) as shop:
        shop.execute(
            f"CREATE TABLE listings (id {declared}, title {declared}, price {declared},"
            f" category {declared}, status {declared}, listed_at TEXT)"
        )
        shop.execute(
            f"CREATE TABLE photos (id {declared}, listing_id {declared}, path {declared},"
            f" position {declared}, content_version {declared})"
        )
        for row in rows:
            given = [one for one in row if not _is_sql(one)]
            key, title, price, status, path, place = (one if _is_sql(one) else "?" for one in row)
            marks = f"{key}, {title}, {price}, {title}, {status}, '{LISTED}'"
            left = [one for one in (row[0], row[1], row[2], row[1], row[3]) if not _is_sql(one)]
            shop.execute(f"INSERT INTO listings VALUES ({marks})", left)
            marks = f"{key}, {key}, {path}, {place}, {title}"
            left = [one for one in (row[0], row[0], row[4], row[5], row[1]) if not _is_sql(one)]
            shop.execute(f"INSERT INTO photos VALUES ({marks})", left)
            assert len(given) <= len(row)
        shop.commit()
    return Settings(base_dir=folder, database_url="sqlite:///shop.db")


def _is_sql(value: object) -> bool:
    return isinstance(value, str) and value.startswith("cast(")


def _all_is_answered(catalogue: Catalogue) -> list[Listing]:
    """Ask all that is ever asked; the listings."""
    photos = catalogue.photos_in(HOUR_14)
    ids = {photo.listing_id for photo in photos}
    listings = catalogue.listings(ids)
    assert listings.keys() == ids, "what is indexed can be looked up"
    for photo in photos:
        assert photo.photo_id in listings[photo.listing_id].photo_ids
        assert catalogue.photo(photo.photo_id, photo.listing_id) is not None
        assert json.dumps([photo.path, photo.version]).encode()
    digest = CatalogueDigest(len(photos), catalogue_digest(photos))
    assert catalogue.hour_digests(HOUR_14.span) == ({HOUR_14: digest} if photos else {})
    assert catalogue.time_range() is not None
    assert catalogue.size().photos_without_listing >= 0
    assert catalogue.photo_versions().keys() == {photo.photo_id for photo in photos}
    return list(listings.values())


@pytest.mark.parametrize("declared", ["", "TEXT", "INTEGER", "NUMERIC", "REAL", "BLOB", "JSON"])
def test_any_value_may_be_in_any_column_of_sqlite(tmp_path: Path, declared: str) -> None:
    rows: list[list[object]] = [[f"id-{n}", odd, odd, odd, odd, odd] for n, odd in enumerate(ODD)]
    rows += [[odd, "Lamp", 12.5, "live", "a.jpg", 1] for odd in ODD]

    with Catalogue.open(_sqlite(tmp_path, declared, rows)) as catalogue:
        listings = {one.listing_id: one for one in _all_is_answered(catalogue)}

    assert {f"id-{n}" for n in range(len(ODD))} <= listings.keys()
    assert listings["id-5"].price == 7.0
    assert listings["id-9"].price is None
    assert listings["id-0"].status is None
    assert {listings[f"id-{ODD.index(none)}"].price for none in (None, "", "x", b"\xff\xfe")} == {
        None
    }
    named = {"x", "\\x", "\\x61", "\\xfffe"} if declared != "INTEGER" else {"x", "\\x"}
    assert named <= listings.keys()
    assert not {"", "None", "a\0b"} & listings.keys()


values = st.one_of(
    st.none(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(),
    st.text(max_size=5),
    st.binary(max_size=5),
)


@with_settings(max_examples=30, deadline=None)
@given(
    st.lists(st.tuples(*[values] * 6), max_size=6),
    st.sampled_from(["", "TEXT", "INTEGER", "NUMERIC", "REAL", "BLOB"]),
)
def test_what_is_indexed_of_a_sqlite_file_is_found_again(
    rows: list[tuple[object, ...]], declared: str
) -> None:
    with TemporaryDirectory() as folder:
        shop = _sqlite(Path(folder), declared, [("sure", *[None] * 5), *rows])
        with Catalogue.open(shop) as catalogue:
            assert "sure" in {one.listing_id for one in _all_is_answered(catalogue)}


KINDS = """
CREATE TYPE state AS ENUM ('live', 'sold');
CREATE DOMAIN amount AS numeric(10, 2);
CREATE EXTENSION IF NOT EXISTS citext
"""


class Shops:
    """Shops with columns of other types, each in a schema of one database."""

    def __init__(self, url: str, folder: Path) -> None:
        self._engine = sa.create_engine(url)
        self._settings = Settings(base_dir=folder, database_url=url)
        self._run(KINDS)
        self._made = 0

    def _run(self, sql: str) -> None:
        with self._engine.begin() as connection:
            connection.exec_driver_sql(sql.replace("%", "%%"))

    @contextmanager
    def shop(self, rows: Sequence[str], **kinds: str) -> Iterator[Catalogue]:
        """The columns that are not named hold text; a row is made by :func:`_row`."""
        self._made += 1
        schema = f"shop{self._made}"
        names = ("id", "title", "price", "category", "status")
        columns = ", ".join(f"{name} {kinds.get(name, 'text')}" for name in names)
        self._run(
            f"CREATE SCHEMA {schema}; SET LOCAL search_path = {schema}, public;"
            f"CREATE TABLE listings ({columns}, listed_at timestamptz);"
            f"CREATE TABLE photos (id {kinds.get('photo', 'text')},"
            f" listing_id {kinds.get('owner', kinds.get('id', 'text'))},"
            f" path {kinds.get('path', 'text')}, position {kinds.get('position', 'text')},"
            f" content_version {kinds.get('version', 'text')}); {';'.join(rows)}"
        )
        tables = {f"{table}_table": f"{schema}.{table}" for table in ("listings", "photos")}
        with Catalogue.open(self._settings.model_copy(update=tables)) as catalogue:
            yield catalogue

    def close(self) -> None:
        self._engine.dispose()


@pytest.fixture
def shops(postgres_url: str, tmp_path: Path) -> Iterator[Shops]:
    shops = Shops(postgres_url, tmp_path)
    yield shops
    shops.close()


def _row(key: str, number: int, **values: str) -> str:
    given = [values.get(name, "NULL") for name in ("title", "price", "category", "status")]
    photo = [values.get("photo", f"'{number}'"), values.get("owner", key)]
    photo += [values.get(name, "NULL") for name in ("path", "position", "version")]
    return (
        f"INSERT INTO listings VALUES ({key}, {', '.join(given)}, '{LISTED}Z');"
        f"INSERT INTO photos VALUES ({', '.join(photo)})"
    )


PRICES: list[tuple[str, str, float | None]] = [
    *[("money", "'12.50'", 12.5), ("money", "'1299'", 1299.0), ("money", "NULL", None)],
    *[("numeric", "'NaN'", None), ("numeric", "'Infinity'", None), ("numeric", "12.50", 12.5)],
    *[("numeric", "1e400", None), ("amount", "12.50", 12.5), ("float8", "'-Infinity'", None)],
    *[("real", "12.5", 12.5), ("bigint", "9223372036854775807", float(2**63 - 1))],
    *[("text", "''", None), ("text", "'$1,299.00'", 1299.0), ("varchar(9)", "'12,50 €'", 12.5)],
    *[("boolean", "true", None), ("bytea", "'\\x31'", 1.0), ("bytea", "'\\xff'", None)],
    *[("json", "'12.5'", 12.5), ("jsonb", "'\"12.50\"'", 12.5), ("jsonb", "'{\"a\": 1}'", None)],
    *[
        ("json", "'\"\\u0000\"'", None),
        ("int[]", "'{1,2}'", None),
        ("interval", "'9999999 y'", None),
    ],
    *[
        ("date", "'infinity'", None),
        ("timestamptz", "'0044-03-15 BC'", None),
        ("point", "'(1,2)'", None),
    ],
    *[("int4range", "'[1,2)'", None), ("char(9)", "'12.50'", 12.5), ("inet", "'10.0.0.1'", None)],
]


@pytest.mark.postgres
def test_a_price_may_be_of_any_type_of_postgresql(shops: Shops) -> None:
    for kind, value, price in PRICES:
        rows = [_row("'a'", 1, price=value), _row("'b'", 2)]
        with shops.shop(rows, price=kind) as catalogue:
            listings = {one.listing_id: one for one in _all_is_answered(catalogue)}

        assert (listings["a"].price, listings["b"].price) == (price, None), (kind, value)


TEXTS: list[tuple[str, str, str | None]] = [
    *[("state", "'live'", "live"), ("char(8)", "'live'", "live"), ("citext", "'Live'", "Live")],
    *[("boolean", "true", "true"), ("smallint", "1", "1"), ("text", "NULL", None)],
    *[("text[]", "'{red,blue}'", "red, blue"), ("int[]", "'{1,2}'", "{1,2}")],
    *[("jsonb", "'\"Lamp\"'", "Lamp"), ("json", '\'{"en": "Lamp"}\'', '{"en": "Lamp"}')],
    *[("json", "'\"\\u0000\"'", "\ufffd"), ("bytea", "'\\x4c616d70'", "Lamp")],
    *[("bytea", "'\\xff'", None), ("interval", "'178000000 years'", "178000000 years")],
    *[
        ("date", "'infinity'", "infinity"),
        ("timestamp", "'0044-03-15 BC'", "0044-03-15 00:00:00 BC"),
    ],
    *[("uuid", f"'{UUID}'", UUID)],
    *[("numeric", "'NaN'", "NaN"), ("xml", "'<a/>'", "<a/>"), ("point", "'(1,2)'", "(1,2)")],
    *[('"char"', "'l'", "l"), ("name", "'live'", "live"), ("state[]", "'{live}'", "{live}")],
]


@pytest.mark.postgres
def test_a_text_may_be_of_any_type_of_postgresql(shops: Shops) -> None:
    columns = ("title", "category", "status", "path", "version")
    for kind, value, text in TEXTS:
        odd = dict.fromkeys(columns, value)
        rows = [_row("'a'", 1, position="'first'", **odd), _row("'b'", 2)]
        with shops.shop(rows, **dict.fromkeys(columns, kind)) as catalogue:
            listings = {one.listing_id: one for one in _all_is_answered(catalogue)}
            paths = {photo.listing_id: photo.path for photo in catalogue.photos_in(HOUR_14)}

        one = listings["a"]
        assert (one.title, one.category, one.status) == (text, text, text), kind
        assert paths == {"a": text or "", "b": ""}, kind
        assert listings["b"].status is None


KEYS: list[tuple[str, str, str, str]] = [
    *[("bigint", "bigint", "7", "7"), ("bigint", "text", "7", "7"), ("text", "int", "'7'", "7")],
    *[("numeric(20)", "bigint", "7", "7"), ("numeric", "numeric", "7.00", "7.00")],
    *[("uuid", "uuid", f"'{UUID}'", UUID), ("uuid", "text", f"'{UUID}'", UUID)],
    *[("char(8)", "char(8)", "'a'", "a"), ("char(8)", "text", "'a'", "a")],
    *[("bytea", "bytea", "'\\x6c61'", "\\x6c61"), ("state", "state", "'live'", "live")],
    *[("state", "text", "'live'", "live"), ("boolean", "boolean", "true", "true")],
    *[("float8", "float8", "7.5", "7.5"), ("date", "date", "'2026-11-22'", "2026-11-22")],
    *[
        ("jsonb", "jsonb", "'7'", "7"),
        ("json", "json", "'7'", "7"),
        ("inet", "inet", "'::1'", "::1/128"),
    ],
    *[("money", "money", "'7'", "$7.00"), ("int[]", "int[]", "'{7}'", "{7}")],
]


@pytest.mark.postgres
def test_an_id_may_be_of_any_type_of_postgresql(shops: Shops) -> None:
    unknown = ("no such id", "8", "\\x00", "", "NaN", "{", "9" * 400, "\udcff", "a\0")
    for kind, owner, value, key in KEYS:
        kinds = {"id": kind, "owner": owner, "photo": kind}
        with shops.shop([_row(value, 1, photo=value)], **kinds) as catalogue:
            listings = _all_is_answered(catalogue)
            found = [(one.listing_id, one.photo_ids) for one in listings]

            assert found == [(key, (key,))], (kind, owner)
            assert catalogue.listings(unknown) == {}
            assert {catalogue.photo(one) for one in unknown} == {None}


@pytest.mark.postgres
def test_ids_that_differ_in_case_alone_are_one_where_the_shop_says_so(shops: Shops) -> None:
    rows = [_row("'Lamp'", 1, owner="'LAMP'", photo="'p'")]

    with shops.shop(rows, id="citext") as catalogue:
        listings = _all_is_answered(catalogue)

    assert [(one.listing_id, one.photo_ids) for one in listings] == [("Lamp", ("p",))]
