"""Digests of hours that are asked for again: read anew only when they may be others."""

import os
import sqlite3
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from photosearch.catalogue.catalogue import Catalogue
from photosearch.catalogue.hour_digests import HourDigests
from photosearch.catalogue.listing import Listing, Photo
from photosearch.repository.erasures import Receipt, digest_of, write_receipt
from photosearch.repository.storage.opening import open_storage
from photosearch.settings.settings import Settings
from photosearch.windows import Granularity, Span, Window

AT = datetime(2026, 11, 22, 14, 5, tzinfo=UTC)
SPAN = Span(AT.replace(day=1), AT.replace(day=30))
HOUR = Window.holding(Granularity.HOURLY, AT)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(base_dir=tmp_path, state_dir=tmp_path / "state")


@pytest.fixture
def catalogue(settings: Settings) -> Iterator[Catalogue]:
    with Catalogue.open(settings) as catalogue:
        catalogue.create_tables()
        write(catalogue, "a")
        yield catalogue


def write(catalogue: Catalogue, name: str) -> None:
    listing = Listing(name, name, 1.0, "things", "live", AT, (name,))
    catalogue.write([listing], [Photo(name, name, f"{name}.jpg", AT)])


def settle(settings: Settings) -> None:
    """As if the last write were some seconds ago."""
    for file in settings.catalogue_file.parent.glob(f"{settings.catalogue_file.name}*"):
        at = time.time_ns() - 10_000_000_000 - time.time_ns() % 1_000_000
        os.utime(file, ns=(at, at))


def asked(catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch) -> list[Span]:
    spans: list[Span] = []
    original = catalogue.hour_digests

    def counted(span: Span):  # type: ignore[no-untyped-def]
        spans.append(span)
        return original(span)

    monkeypatch.setattr(catalogue, "hour_digests", counted)
    return spans


def test_a_catalogue_that_nobody_wrote_to_is_asked_once(
    settings: Settings, catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    settle(settings)
    digests, spans = HourDigests(), asked(catalogue, monkeypatch)

    first = digests.of(catalogue, SPAN)
    assert digests.of(catalogue, SPAN) is first
    with Catalogue.open(settings) as another:
        assert digests.of(another, SPAN) is first
    assert len(spans) == 1

    shorter = Span(SPAN.start, AT)
    assert HOUR not in digests.of(catalogue, shorter)
    assert len(spans) == 2


def test_whatever_is_written_is_seen(settings: Settings, catalogue: Catalogue) -> None:
    settle(settings)
    digests = HourDigests()
    assert digests.of(catalogue, SPAN)[HOUR].photos == 1

    write(catalogue, "b")
    assert digests.of(catalogue, SPAN)[HOUR].photos == 2

    write(catalogue, "c")  # at once: the file's time may be the same
    assert digests.of(catalogue, SPAN)[HOUR].photos == 3


def test_what_is_written_into_a_log_beside_the_file_is_seen(
    settings: Settings, catalogue: Catalogue
) -> None:
    with sqlite3.connect(settings.catalogue_file) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        write(catalogue, "b")
        settle(settings)
        digests = HourDigests()
        assert digests.of(catalogue, SPAN)[HOUR].photos == 2
        before = settings.catalogue_file.stat()

        write(catalogue, "c")

        after = settings.catalogue_file.stat()
        assert (before.st_mtime_ns, before.st_size) == (after.st_mtime_ns, after.st_size)
        assert digests.of(catalogue, SPAN)[HOUR].photos == 3
    connection.close()


def test_an_erasure_is_seen_though_the_catalogue_is_the_same(
    settings: Settings, catalogue: Catalogue
) -> None:
    write(catalogue, "b")
    settle(settings)
    digests = HourDigests()
    assert digests.of(catalogue, SPAN)[HOUR].photos == 2

    storage = open_storage(settings.repository_url, settings)
    receipt = Receipt(listing=digest_of("b"), begun_at=AT - timedelta(days=1))
    write_receipt(storage, receipt, None)

    assert digests.of(catalogue, SPAN)[HOUR].photos == 1


def test_a_shops_own_database_is_asked_each_time(
    settings: Settings, catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its tables may be views that change without anybody writing."""
    settle(settings)
    own = settings.model_copy(update={"database_url": f"sqlite:///{settings.catalogue_file}"})
    with Catalogue.open(own) as shops:
        digests, spans = HourDigests(), asked(shops, monkeypatch)

        assert digests.of(shops, SPAN) == digests.of(shops, SPAN) == catalogue.hour_digests(SPAN)

    assert len(spans) == 2
