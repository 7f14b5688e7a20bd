"""A repository of a year of hours, all made and up to date, as manifests and HEADs alone.

To look costs what there is to read, and no look opens a file: so there are none. Everything
else is as the steps write it, and the steps' own rules find nothing due in it.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pydantic import JsonValue

from photosearch.catalogue.catalogue import Catalogue
from photosearch.catalogue.listing import Listing, Photo, catalogue_digest
from photosearch.images.report import PhotoReport, ReportedPhoto
from photosearch.images.reports import HOW as REPORTED
from photosearch.images.reports import PHOTOS
from photosearch.repository.addresses import Address, Kind
from photosearch.repository.heads import Current
from photosearch.repository.manifest import (
    REPORT_DIGEST,
    FileEntry,
    Input,
    Manifest,
    content_version,
    recipe_digest,
)
from photosearch.repository.seal import sealed
from photosearch.settings.settings import Settings
from photosearch.windows import Granularity, Window, closed_windows
from photosearch_assets.steps import embed_photos, encode_hours, glue
from photosearch_assets.steps.current import Recipe

START = datetime(2025, 1, 1, tzinfo=UTC)
END = datetime(2026, 1, 1, tzinfo=UTC)
FINGERPRINT = hashlib.sha256(b"embedder").hexdigest()
PHOTOS_AN_HOUR = 7
_DIMENSION = 256


def write_catalogue(settings: Settings) -> dict[Window, list[Photo]]:
    """Seven listings an hour with a photo each; the photos by hour."""
    photos: dict[Window, list[Photo]] = {}
    for hour in closed_windows(START, END, Granularity.HOURLY):
        photos[hour] = [
            Photo(name, name, f"{name}.jpg", hour.start + timedelta(minutes=8 * number))
            for number in range(PHOTOS_AN_HOUR)
            for name in [f"{hour.start_text}-{number}"]
        ]
    everything = [photo for some in photos.values() for photo in some]
    with Catalogue.open(settings) as catalogue:
        catalogue.create_tables()
        catalogue.write(
            (Listing(p.listing_id, p.path, 1.0, "things", "live", p.listed_at) for p in everything),
            everything,
        )
    return photos


def objects(photos: Mapping[Window, Sequence[Photo]]) -> Iterator[tuple[str, bytes]]:
    """Every object of the repository, by its path."""
    embedder = _manifest(Address.embedders(), (), {"network": "none"}, 1000, version=FINGERPRINT)
    yield from _current(Address.embedders(), embedder)
    trained = _manifest(
        Address.quantisers(FINGERPRINT),
        (),
        {"step": "train"},
        1000,
        details={"catalogue_rows": sum(map(len, photos.values()))},
    )
    yield from _current(Address.quantisers(FINGERPRINT), trained)
    quantiser = encode_hours.CurrentQuantiser(trained, None)
    indexes: dict[Window, Manifest] = {}
    for hour, some in photos.items():
        report = _report(hour, some)
        digest = report.catalogue_digest
        catalogue = Input(kind="catalogue", window=hour, version=digest[:16], digest=digest)
        reported = _manifest(
            Address.photos(hour),
            (catalogue,),
            REPORTED,
            len(some),
            details={REPORT_DIGEST: report.digest},
            version=report.version,
        )
        yield from _current(Address.photos(hour), reported)
        recipe = embed_photos.recipe_of(hour, report.digest, FINGERPRINT)
        embedded = _made(Address.embeddings(FINGERPRINT, hour), recipe, len(some))
        yield from _current(Address.embeddings(FINGERPRINT, hour), embedded)
        recipe = encode_hours.recipe_of(embedded, quantiser)
        indexes[hour] = _made(Address.index(FINGERPRINT, hour), recipe, len(some), trained.version)
    for granularity in (Granularity.DAILY, Granularity.MONTHLY):
        for window in closed_windows(START, END, granularity):
            parts = [indexes[part] for part in window.children()]
            indexes[window] = _made(
                Address.index(FINGERPRINT, window),
                glue.recipe_of(parts),
                sum(part.rows for part in parts),
                trained.version,
            )
    for window, manifest in indexes.items():
        yield from _current(Address.index(FINGERPRINT, window), manifest)


def write_folder(root: Path, made: Iterator[tuple[str, bytes]]) -> None:
    """Put the objects into a repository in a folder."""
    for path, content in made:
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)


def _current(address: Address, manifest: Manifest) -> Iterator[tuple[str, bytes]]:
    yield address.manifest_path(manifest.version), sealed(manifest.to_bytes())
    yield address.head_path, Current(manifest.version).to_bytes()


def _made(address: Address, recipe: Recipe, rows: int, quantiser: str | None = None) -> Manifest:
    return _manifest(address, recipe.inputs, recipe.how, rows, quantiser=quantiser)


def _manifest(
    address: Address,
    inputs: Sequence[Input],
    how: Mapping[str, JsonValue],
    rows: int,
    *,
    quantiser: str | None = None,
    details: Mapping[str, JsonValue] | None = None,
    version: str | None = None,
) -> Manifest:
    names = [PHOTOS] if address.kind is Kind.PHOTOS else ["rows.jsonl", "vectors.npy"]
    files = {
        name: FileEntry(
            size=300 * rows, sha256=hashlib.sha256(f"{address}{name}".encode()).hexdigest()
        )
        for name in names
    }
    recipe = recipe_digest(inputs, how)
    fingerprint = FINGERPRINT if address.kind is Kind.EMBEDDER else address.fingerprint
    return Manifest(
        kind=address.kind,
        window=address.window,
        fingerprint=fingerprint,
        version=version
        or content_version(address.kind, address.window, fingerprint, recipe, files),
        rows=rows,
        dimension=_DIMENSION,
        files=files,
        inputs=list(inputs),
        recipe=dict(how),
        recipe_digest=recipe,
        quantiser=quantiser,
        recall=0.97 if quantiser else None,
        details=dict(details or {}),
        code_version="bench",
        created_at=START,
    )


def _report(hour: Window, photos: Sequence[Photo]) -> PhotoReport:
    return PhotoReport(
        window=hour,
        catalogue_digest=catalogue_digest(photos),
        photos=[
            ReportedPhoto(
                photo_id=photo.photo_id,
                listing_id=photo.listing_id,
                path=photo.path,
                listed_at=photo.listed_at,
                sha256=hashlib.sha256(photo.path.encode()).hexdigest(),
                bytes=100_000,
            )
            for photo in photos
        ],
        failures=[],
    )
