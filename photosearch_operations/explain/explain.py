"""Where the photos of a listing are: served, and by what; or at which step they stopped.

Everything is read from manifests, endpoint files and the stores, never from Dagster's
database: it can be lost and every answer still be traced.
"""

import hashlib
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from pydantic import BaseModel

from index_grpc.index.find_row import find_row
from index_grpc.index.rows import Row
from index_grpc.serving.opening import open_desk
from photosearch.catalogue.catalogue import Catalogue
from photosearch.catalogue.left_out import (
    hidden_by_status,
    misplaced,
    no_photo,
    not_over,
    was_erased,
)
from photosearch.catalogue.listing import Listing, Photo
from photosearch.images.reports import PhotoReports
from photosearch.repository.addresses import Address, ArtifactKey
from photosearch.repository.erasures import digest_of, read_receipt
from photosearch.repository.errors import DamagedArtifact
from photosearch.repository.readiness import current_fingerprint
from photosearch.repository.repository import Repository
from photosearch.settings.settings import Settings
from photosearch.windows import Granularity, Window
from photosearch_operations.explain.trail import PhotoTrail, Served, TrailStep, WayBack

_UNKNOWN = "catalogue: no listing has this id"


class Explanation(BaseModel):
    """All photos of a listing; ``stopped`` if it is not even in the catalogue."""

    listing_id: str
    status: str | None = None
    listed_at: datetime | None = None
    #: Why searches that find it do not show it; None if they do.
    hidden: str | None = None
    stopped: str | None = None
    photos: list[PhotoTrail] = []

    @property
    def agrees(self) -> bool:
        return all(photo.agrees for photo in self.photos)

    @property
    def is_unknown(self) -> bool:
        """Whether nothing was ever heard of the listing: more likely the id is wrong."""
        return self.stopped == _UNKNOWN


def explain(settings: Settings, listing_id: str, file: bytes | None = None) -> Explanation:
    """Where the listing's photos are; ``file`` chooses those that have just these bytes."""
    repository = Repository.of(settings)
    with Catalogue.open(settings) as catalogue:
        listing = catalogue.listings([listing_id]).get(listing_id)
        if listing is None:
            told = listing_id.encode("utf-8", "backslashreplace").decode()  # may be no UTF-8
            why = _absence(settings, repository, catalogue, listing_id)
            return Explanation(listing_id=told, stopped=why)
        photos = _photos(catalogue, listing)
    stopped = _out_of_place(settings, listing)
    explanation = Explanation(
        listing_id=listing_id,
        status=listing.status,
        hidden=hidden_by_status(listing.status, settings),
        listed_at=listing.listed_at,
        stopped=stopped or (None if photos else f"catalogue: {no_photo()}"),
    )
    if stopped is None:
        work = _Walk(settings, repository)
        explanation.photos = [work.trail(photo) for photo in photos]
        if file is not None:
            explanation.photos = list(_of_bytes(explanation.photos, file))
    return explanation


class _Walk:
    """The walk of several photos over the same stores."""

    def __init__(self, settings: Settings, repository: Repository) -> None:
        self._settings = settings
        self._repository = repository
        # Queries are asked of the current embedder's servers; those of one that is prepared
        # answer none while these do.
        current = current_fingerprint(repository)
        endpoints = open_desk(settings).endpoints
        self._endpoints = sorted(
            (one for one in endpoints.own() if endpoints.is_alive(one.process)),
            key=lambda endpoint: (endpoint.fingerprint == current, endpoint.ready_at),
            reverse=True,
        )
        self._back = WayBack(settings, repository)

    def trail(self, photo: Photo) -> PhotoTrail:
        trail = PhotoTrail(photo_id=photo.photo_id, remark=self._remark(photo))
        served = self._served(photo)
        if served is not None:
            trail.served = True
            trail.steps += self._back.from_server(served)
            trail.steps += self._back.from_index(served.address, served.version, photo)
            return trail
        trail.stopped, came_to = self._obstacle(photo)
        if came_to is not None:
            address, version = came_to
            trail.steps += self._back.from_index(address, version, photo)
        return trail

    # Forward: how far it came

    def _served(self, photo: Photo) -> Served | None:
        """The coarsest served window with the photo's row; the latest server of two."""
        for fingerprint in dict.fromkeys(endpoint.fingerprint for endpoint in self._endpoints):
            for granularity in reversed(Granularity):
                window = Window.holding(granularity, photo.listed_at)
                address = Address.index(fingerprint, window)
                for endpoint in self._endpoints:
                    versions = {held.window: held.version for held in endpoint.windows}
                    version = versions.get(window)
                    if version is None or endpoint.fingerprint != fingerprint:
                        continue
                    if self._row(address, version, photo):
                        return Served(endpoint, address, version)
        return None

    def _remark(self, photo: Photo) -> str | None:
        fingerprint = current_fingerprint(self._repository)
        if fingerprint is None:
            return None
        hour = Window.holding(Granularity.HOURLY, photo.listed_at)
        try:
            manifest = self._repository.current(Address.embeddings(fingerprint, hour))
        except DamagedArtifact:
            return None  # the way back says so
        remarks = [] if manifest is None else manifest.remarks
        return next((one.remark for one in remarks if one.photo_id == photo.photo_id), None)

    def _obstacle(self, photo: Photo) -> tuple[str, ArtifactKey | None]:
        """Why no server has it, and the furthest artifact that does."""
        hour = Window.holding(Granularity.HOURLY, photo.listed_at)
        fingerprint = current_fingerprint(self._repository)
        if fingerprint is None:
            return "embedder: there is none yet; run 'photosearch materialize'", None
        report = PhotoReports(self._repository).read(hour)
        embeddings = Address.embeddings(fingerprint, hour)
        manifest = self._repository.current(embeddings)
        failures = [] if report is None else [*report.failures]
        if manifest is not None:
            reasons = {failure.photo_id: failure.reason for failure in manifest.failures}
            if photo.photo_id in reasons:
                return f"photo: {reasons[photo.photo_id]}", None
        for failure in failures:
            if failure.photo_id == photo.photo_id:
                return f"photo: {failure.reason}", None
        if manifest is None:
            return f"embeddings: {hour} has none yet", None
        if self._row(embeddings, manifest.version, photo) is None:
            return (
                f"embeddings: those of {hour} are older than the photo, or than its listing",
                None,
            )
        return self._not_indexed(photo, fingerprint, hour, (embeddings, manifest.version))

    def _not_indexed(
        self, photo: Photo, fingerprint: str, hour: Window, came_to: ArtifactKey
    ) -> tuple[str, ArtifactKey]:
        address = Address.index(fingerprint, hour)
        head = self._repository.head(address)
        if head is None:
            below = [m for m in self._repository.versions(address) if m.recall is not None]
            recall = f"; its recall is {below[0].recall:.4f}" if below else ""
            return f"index: {hour} is not built{recall}", came_to
        if self._row(address, head.version, photo) is None:
            pinned = ", pinned" if head.is_pinned else ""
            what = f"version {head.version} of {hour}{pinned}, was made without the photo"
            return f"index: the current one, {what}", came_to
        for granularity in (Granularity.DAILY, Granularity.MONTHLY):
            window = Window.holding(granularity, photo.listed_at)
            coarser = Address.index(fingerprint, window)
            pin = self._repository.head(coarser)
            if pin is None or not pin.is_pinned or self._row(coarser, pin.version, photo):
                continue
            what = f"{window} is pinned to {pin.version}, which lacks the photo"
            return f"index: {what}", (address, head.version)
        running = "no index server runs" if not self._endpoints else "no index server holds it"
        return f"serving: {running}", (address, head.version)

    def _row(self, address: Address, version: str, photo: Photo) -> Row | None:
        return find_row(self._repository, address, version, photo)


def _photos(catalogue: Catalogue, listing: Listing) -> list[Photo]:
    found = [catalogue.photo(one, listing.listing_id) for one in listing.photo_ids]
    return [photo for photo in found if photo is not None]


def _absence(
    settings: Settings, repository: Repository, catalogue: Catalogue, listing_id: str
) -> str:
    receipt, _ = read_receipt(repository.storage, digest_of(listing_id))
    if receipt is None:
        outside = catalogue.outside(settings.timeline_start, datetime.now(UTC))
        reasons = (one.reason for one in outside if one.listing_id == listing_id)
        return next((f"catalogue: {reason}" for reason in reasons), _UNKNOWN)
    if receipt.finished_at is None:
        return f"catalogue: its erasure began {receipt.begun_at:%Y-%m-%d %H:%M} UTC, not finished"
    return f"catalogue: {was_erased(receipt.finished_at)}"


def _out_of_place(settings: Settings, listing: Listing) -> str | None:
    now = datetime.now(UTC)
    reason = misplaced(listing.listed_at, None, settings.timeline_start, now)
    if reason is not None:
        return f"window: {reason[1]}"
    hour = Window.holding(Granularity.HOURLY, listing.listed_at)
    if not hour.is_closed(now):
        return f"window: {not_over(hour, hour.end)}"
    return None


def _of_bytes(trails: Sequence[PhotoTrail], file: bytes) -> Iterator[PhotoTrail]:
    """The photos that were indexed from just these bytes; if none was, all, each saying so."""
    digest = hashlib.sha256(file).hexdigest()
    chosen = [
        trail for trail in trails if any(f"sha256 {digest}" in step.found for step in trail.steps)
    ]
    for trail in chosen or trails:
        if not chosen:
            other = TrailStep(
                name="given photo",
                found=f"sha256 {digest}",
                agrees=False,
                why_not="this photo was not made from these bytes",
            )
            trail = trail.model_copy(update={"steps": [*trail.steps, other]})
        yield trail
