"""The way back: from a server, through all a row was made from, to the photo's bytes.

Each step compares what was recorded with what is there now, so that a trail that has been
tampered with, or has only rotted, shows where.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

from pydantic import BaseModel

from index_grpc.index.find_row import find_row
from index_grpc.index.rows import Row
from index_grpc.serving.desk import Endpoint
from index_grpc.serving.opening import open_desk
from index_grpc.shipping.faults import index_fault
from photosearch.catalogue.listing import Photo
from photosearch.errors import PhotosearchError
from photosearch.images.reports import PhotoReports
from photosearch.images.store import ImageStore
from photosearch.oci.opening import open_registry
from photosearch.oci.signing.trust import tell_signature
from photosearch.repository.addresses import Address, ArtifactKey, Kind
from photosearch.repository.errors import ArtifactMissing, DamagedArtifact
from photosearch.repository.manifest import Input, Manifest
from photosearch.repository.repository import Repository
from photosearch.settings.settings import Settings
from photosearch.terminal.wording import counted
from photosearch.windows import Window


class TrailStep(BaseModel):
    """One step back; ``agrees`` is whether what is there is what was recorded (None: nothing
    to compare), ``why_not`` what differs."""

    name: str
    found: str
    agrees: bool | None = None
    why_not: str | None = None
    run_id: str | None = None


class PhotoTrail(BaseModel):
    """One photo: its steps from the served hit back, or from as far as it came."""

    photo_id: str
    served: bool = False
    #: At which step it stopped, and why; None of a photo that is served.
    stopped: str | None = None
    #: What is odd about the photo, though it is found.
    remark: str | None = None
    steps: list[TrailStep] = []

    @property
    def agrees(self) -> bool:
        return all(step.agrees is not False for step in self.steps)


@dataclass(frozen=True)
class Served:
    """A window of a server that holds the photo's row."""

    endpoint: Endpoint
    address: Address
    version: str


class WayBack:
    """The steps back of several photos over the same stores; each version is checked once."""

    def __init__(self, settings: Settings, repository: Repository) -> None:
        self._settings = settings
        self._repository = repository
        self._checked: dict[ArtifactKey, str | None] = {}
        self._lacks: dict[tuple[str, Address, str], str | None] = {}

    def from_server(self, served: Served) -> Iterator[TrailStep]:
        endpoint, address, settings = served.endpoint, served.address, self._settings
        head = self._repository.head(address)
        current = head is not None and head.version == served.version
        yield TrailStep(
            name="server",
            found=f"{endpoint.serving} at {endpoint.address}, {address.window}",
            agrees=current,
            why_not=None if current else "it holds a version that is no longer current",
        )
        yield self._image(served)
        if endpoint.image is not None and (settings.trusted_keys or settings.signing_key):
            yield self._signature(endpoint.image)

    def _signature(self, digest: str) -> TrailStep:
        try:
            found = tell_signature(self._settings, open_registry(self._settings), digest)
        except PhotosearchError as error:
            return TrailStep(name="signature", found=digest, agrees=False, why_not=str(error))
        if found.is_wrong:
            return TrailStep(name="signature", found=digest, agrees=False, why_not=found.told)
        agrees = True if self._settings.trusted_keys else None
        return TrailStep(name="signature", found=found.told, agrees=agrees)

    def _image(self, served: Served) -> TrailStep:
        endpoint = served.endpoint
        if endpoint.image is None:
            return TrailStep(name="image", found="none: started from the repository")
        asked = open_desk(self._settings).asked().get(endpoint.serving)
        if asked is not None and asked.image != endpoint.image:
            why_not: str | None = f"the Serving asks for {asked.image}"
        else:
            why_not = self._lack(endpoint.image, served)
        return TrailStep(
            name="image", found=endpoint.image, agrees=why_not is None, why_not=why_not
        )

    def _lack(self, digest: str, served: Served) -> str | None:
        """Why the image of this digest is not one that holds what is served; None if it is.

        An image says of itself what whoever made it wrote, so what is in it is looked at.
        """
        key = (digest, served.address, served.version)
        if key not in self._lacks:
            self._lacks[key] = self._looked_into(*key)
        return self._lacks[key]

    def _looked_into(self, digest: str, address: Address, version: str) -> str | None:
        try:
            recorded = self._repository.manifest(address, version)
        except (ArtifactMissing, DamagedArtifact):
            recorded = None  # told at the index's own step
        try:
            return index_fault(open_registry(self._settings), digest, (address, version), recorded)
        except PhotosearchError as error:
            return str(error)

    def from_index(self, address: Address, version: str, photo: Photo) -> Iterator[TrailStep]:
        """This artifact and all it was made from that the photo went through."""
        recorded: Input | None = None
        while True:
            try:
                manifest = self._repository.manifest(address, version)
            except (ArtifactMissing, DamagedArtifact) as error:
                yield TrailStep(
                    name=str(address.kind), found=version, agrees=False, why_not=str(error)
                )
                return
            row = find_row(self._repository, address, version, photo)
            yield self._artifact(address, manifest, recorded, row)
            if address.kind is Kind.INDEX:
                yield from self._quantiser(manifest)
            following = _next(manifest, photo)
            if following is None:
                break
            address, recorded = following
            version = recorded.version
        yield self._embedder(manifest)
        yield self._report(manifest, row)
        yield self._source(photo, row)

    def _artifact(
        self, address: Address, manifest: Manifest, recorded: Input | None, row: Row | None
    ) -> TrailStep:
        why_not = self._damage(address, manifest.version)
        if recorded is not None and recorded.digest != manifest.digest:
            why_not = f"it was made from digest {recorded.digest[:16]}"
        if row is None:
            why_not = "the photo is not among its rows"
        parts = f", {counted(manifest.rows, 'row')}, made {manifest.created_at:%Y-%m-%d %H:%M} UTC"
        recall = "" if manifest.recall is None else f", recall {manifest.recall:.3f}"
        return TrailStep(
            name=str(address.kind),
            found=f"{address.window} version {manifest.version}{parts}{recall}",
            agrees=why_not is None,
            why_not=why_not,
            run_id=manifest.run_id,
        )

    def _quantiser(self, manifest: Manifest) -> Iterator[TrailStep]:
        if manifest.fingerprint is None:
            return
        if manifest.quantiser is None:
            if not any(item.kind == Kind.INDEX for item in manifest.inputs):
                yield TrailStep(name="quantiser", found="none: the index is exact")
            return
        recorded = [item for item in manifest.inputs if item.kind == Kind.QUANTISER]
        if recorded:  # coarser indexes name it through their parts
            address = Address.quantisers(manifest.fingerprint)
            yield self._tool("quantiser", address, manifest.quantiser, recorded[0].digest)

    def _embedder(self, manifest: Manifest) -> TrailStep:
        fingerprint = manifest.fingerprint or ""
        return self._tool("embedder", Address.embedders(), fingerprint, None)

    def _tool(self, name: str, address: Address, version: str, digest: str | None) -> TrailStep:
        try:
            manifest = self._repository.manifest(address, version)
        except (ArtifactMissing, DamagedArtifact) as error:
            return TrailStep(name=name, found=version, agrees=False, why_not=str(error))
        why_not = self._damage(address, version)
        if digest is not None and digest != manifest.digest:
            why_not = f"it was made with digest {digest[:16]}"
        return TrailStep(
            name=name,
            found=f"{version}, made {manifest.created_at:%Y-%m-%d %H:%M} UTC",
            agrees=why_not is None,
            why_not=why_not,
            run_id=manifest.run_id,
        )

    def _report(self, manifest: Manifest, row: Row | None) -> TrailStep:
        """What the hour's photos were, by the report of the fetch; other photos may differ."""
        recorded = next((item for item in manifest.inputs if item.kind == Kind.PHOTOS), None)
        window = manifest.window
        if recorded is None or window is None:
            return TrailStep(name="photo report", found="none recorded")
        found, damage, run_id = self._recorded_report(window, recorded)
        report = PhotoReports(self._repository).read(window)
        if damage is not None or report is None or row is None or report.digest == recorded.digest:
            same = None if report is None or row is None else True
            agrees = same if damage is None else False
            return TrailStep(
                name="photo report", found=found, agrees=agrees, why_not=damage, run_id=run_id
            )
        known = {(one.photo_id, one.listing_id): one.sha256 for one in report.photos}
        mine = known.get((row.photo_id, row.listing_id))
        return TrailStep(
            name="photo report",
            found=f"{found}; the hour's photos are now {report.digest[:16]}",
            agrees=mine == row.sha256,
            why_not=None if mine == row.sha256 else f"the photo was fetched again as {mine}",
            run_id=run_id,
        )

    def _recorded_report(
        self, window: Window, recorded: Input
    ) -> tuple[str, str | None, str | None]:
        """The report that embeddings were made from, in words; its damage, and who made it.

        One that is gone is no fault: it is kept as long as what was made from it.
        """
        address = Address.photos(window)
        try:
            manifest = self._repository.manifest(address, recorded.version)
        except ArtifactMissing:
            return recorded.version, None, None
        except DamagedArtifact as error:
            return recorded.version, str(error), None
        found = f"{recorded.version}, made {manifest.created_at:%Y-%m-%d %H:%M} UTC"
        return found, self._damage(address, recorded.version), manifest.run_id

    def _source(self, photo: Photo, row: Row | None) -> TrailStep:
        recorded = None if row is None else row.sha256
        found = f"{photo.path} sha256 {recorded}"
        try:
            store = ImageStore.of(self._settings)
            content = store.read(photo.path, self._settings.max_photo_bytes)
        except PhotosearchError as error:
            return TrailStep(name="source photo", found=found, agrees=False, why_not=str(error))
        now = hashlib.sha256(content).hexdigest()
        return TrailStep(
            name="source photo",
            found=found,
            agrees=now == recorded,
            why_not=None if now == recorded else f"the file now has sha256 {now}",
        )

    def _damage(self, address: Address, version: str) -> str | None:
        key = (address, version)
        if key not in self._checked:
            damage = next(iter(self._repository.check(address, version)), None)
            self._checked[key] = None if damage is None else str(damage)
        return self._checked[key]


def _next(manifest: Manifest, photo: Photo) -> tuple[Address, Input] | None:
    """What the photo's row of ``manifest`` was taken from: a finer index or the embeddings."""
    for item in manifest.inputs:
        if item.kind not in (Kind.INDEX, Kind.EMBEDDINGS) or item.window is None:
            continue
        if item.window.start <= photo.listed_at < item.window.end:
            return Address(Kind(item.kind), manifest.fingerprint, item.window), item
    return None
