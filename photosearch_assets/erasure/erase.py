"""Erasing a listing: from the list that forbids it to the receipt that proves it.

The order is what makes it safe to be killed anywhere. First the listing is forbidden, so that
nothing brings it back. Then every current version that holds it is made again without it and
HEADs move, so that answers stop showing it while all windows go on answering. Only when no
server holds them any more are the versions deleted, what was in them noted before. Each stage
looks at what is there and not at what was done, so running it again finishes it.
"""

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property

from photosearch.catalogue.catalogue import Catalogue
from photosearch.errors import PhotosearchError
from photosearch.repository.addresses import Address, Kind
from photosearch.repository.erasures import (
    Pending,
    PendingPhoto,
    Receipt,
    RemovedVersion,
    digest_of,
    read_receipt,
    write_receipt,
)
from photosearch.repository.errors import ArtifactMissing, DamagedArtifact, HeadMoved
from photosearch.repository.held import held_versions
from photosearch.repository.repository import Repository
from photosearch.settings import Settings
from photosearch.windows import Window
from photosearch_assets import run_locks
from photosearch_assets.erasure.images import (
    ask_without,
    asked_with,
    delete_images,
    delete_unpacked,
)
from photosearch_assets.erasure.places import Places
from photosearch_assets.erasure.traces import (
    Key,
    Needles,
    Trace,
    are_shared,
    find_traces,
    read_rows,
    read_vectors,
)
from photosearch_assets.erasure.without import Rewriter
from photosearch_assets.steps.context import StepContext

_LOOKS = 5
_POLL_S = 0.2


class ErasureError(PhotosearchError):
    """An erasure that can't begin, or that can't end yet."""


@dataclass(frozen=True)
class ErasureOptions:
    """``photo_too`` also deletes the source photo; ``wait_s`` for servers and runs to end."""

    photo_too: bool = False
    wait_s: float = 120.0


class Erasure:
    """One erasure of one listing; ``tell`` hears of each stage."""

    def __init__(
        self,
        settings: Settings,
        listing_id: str,
        options: ErasureOptions,
        tell: Callable[[str], None] = lambda _text: None,
    ) -> None:
        self.settings = settings
        self.listing_id = listing_id
        self.options = options
        self.context = StepContext(settings)
        self.repository: Repository = self.context.repository
        self.places = Places(settings)
        self._tell = tell
        self._runs = run_locks.living(settings)
        self._stored, self._tag = read_receipt(self.repository.storage, digest_of(listing_id))

    def run(self) -> Receipt:
        """Erase, or finish an erasure that was killed.

        Raises:
            ErasureError: if there is nothing of the listing, or a server or a run that began
                before goes on for longer than ``wait_s``; running it again finishes.
        """
        for stage in STAGES:
            stage(self)
        return self.receipt

    # The receipt

    @cached_property
    def receipt(self) -> Receipt:
        """The receipt as it is stored; a new one if there is none."""
        return self._stored or Receipt(
            listing=digest_of(self.listing_id), begun_at=datetime.now(UTC)
        )

    @property
    def pending(self) -> Pending:
        """What is known in the open while the erasure is under way."""
        if self.receipt.pending is None:
            self.receipt.pending = Pending(listing_id=self.listing_id)
        return self.receipt.pending

    @property
    def needles(self) -> Needles:
        return Needles.of(self.listing_id, [photo.photo_id for photo in self.pending.photos])

    def save(self) -> None:
        self._tag = write_receipt(self.repository.storage, self.receipt, self._tag)

    def note(self, text: str) -> None:
        if text not in self.receipt.notes:
            self.receipt.notes.append(text)

    # Stages

    def forbid(self) -> None:
        """Find out what there is, and write it on the list of what must not come back."""
        known = self._known_photos()
        traces = {} if known else self._find()
        if not known and not traces and self._stored is None and not self._has_report():
            raise ErasureError(
                f"there is nothing of a listing {self.listing_id!r}",
                found="no such id in the catalogue, the image cache and the repository",
                remedy="give the id as the catalogue has it",
            )
        self._add_photos(known)
        self.receipt.finished_at = None
        self.save()
        self._tell("the listing is on the list of what was erased: nothing brings it back")

    def clean_reports(self) -> None:
        """Take it out of the photo reports, which say what an hour's embeddings are made from."""
        cache, needles = self.context.image_cache, self.needles
        found = self.places.reports_with(self.listing_id, needles.photo_ids)
        for window, report in found.items():
            photos = [PendingPhoto(photo_id=p.photo_id, path=p.path) for p in report.gone]
            self._add_photos(photos)
            self._add("contents", {p.sha256 for p in report.gone})
            self._add("windows", {window.key})
            self.pending.reports[report.before.digest] = report.after.digest
        self.save()  # before the reports: a killed erasure must still know what became of which
        for window, report in found.items():
            cache.write_report(window, report.after)

    def remake(self) -> None:
        """Make every current version again that holds it, and move the HEADs."""
        traces = self._find()
        self._learn(traces)
        for (address, version), trace in traces.items():
            self._note_removed(address, version, trace)
        self.save()  # before a HEAD moves: nothing else tells then which images hold it
        current = [
            (address, version)
            for address, version in traces
            if traces[address, version].manifest is not None
            and (head := self.repository.head(address)) is not None
            and head.version == version
        ]
        if not current:
            return
        self._tell(f"{len(current)} current versions are made again without it")
        with self.context.work_folder("erase") as work:
            rewriter = Rewriter(
                self.repository,
                traces,
                self.needles,
                self.pending.reports,
                work,
                self.settings.recall_target,
            )
            made = {}
            for address, version in current:
                try:
                    made[address, version] = rewriter.without(address, version)
                except (DamagedArtifact, ArtifactMissing) as damage:
                    self.note(f"{address.path}/{version} was damaged and is made from its photos")
                    self._tell(str(damage))
            for (address, version), manifest in sorted(made.items(), key=_finest_first):
                self._move_head(address, version, manifest.version)

    def await_servers(self) -> None:
        """Wait until no server holds a version with it, nor is asked to."""
        traces = self._removed()
        ask_without(self.settings, traces)
        deadline = time.monotonic() + self.options.wait_s
        told = False
        while True:
            held = {key for key in held_versions(self.settings) if key in traces}
            self._note_servers(traces)
            asked = asked_with(self.settings, traces)
            if not held and not asked and not self.places.living(self.pending.servers):
                return
            if not told:
                self._tell("waiting until no index server holds it")
                told = True
            if time.monotonic() > deadline:
                names = ", ".join(sorted(f"{a.window} {v}" for a, v in held))
                names = names or ", ".join(sorted(asked)) or "a server that is ending"
                raise ErasureError(
                    "an index server still holds the listing",
                    found=names,
                    limit=f"{self.options.wait_s:.0f} s",
                    remedy="see that the deployer runs ('photosearch up'), "
                    f"then run 'photosearch erase {self.listing_id}' again",
                )
            time.sleep(_POLL_S)

    def delete(self) -> None:
        """Delete every version that holds it, old ones and halves too, noted before."""
        traces = self._find()
        self._learn(traces)
        for (address, version), trace in traces.items():
            self._note_removed(address, version, trace)
        self.save()
        if traces:
            self._tell(f"{len(traces)} versions that held it are deleted")
        for address, version in traces:
            self.repository.discard(address, version)

    def clean_images(self) -> None:
        """The serving images with it: in the registry, layers too, and unpacked here."""
        windows = {Window.parse(key) for key in self.receipt.windows}
        for _ in range(2):  # a day above an hour, a month above a day
            windows |= {coarser for w in windows if (coarser := w.parent()) is not None}
        images = delete_images(self.settings, self._removed(), windows, self.needles)
        delete_unpacked(self.settings, self.needles)
        if images:
            self._tell(f"{len(images)} serving images that held it are deleted")
            self._add("images", set(images))
            self.save()

    def clean_places(self) -> None:
        """The image cache, what killed steps left, and Dagster's strips of photos."""
        paths = {photo.path for photo in self.pending.photos if photo.path is not None}
        self.receipt.cached_photos += self.places.clean_cache(paths, set(self.receipt.contents))
        self.places.clean_work(self.needles, self._vector_bytes)
        self.receipt.strips += self.places.clean_strips(
            self.receipt.windows, self.needles.photo_ids
        )
        self.save()

    def clean_catalogue(self) -> None:
        """The rows of the catalogue, if the tables are ours, and with ``photo_too`` the photo."""
        paths = {photo.path for photo in self.pending.photos if photo.path is not None}
        if self.settings.database_url is None:
            self.context.catalogue.erase(self.listing_id)
        else:
            self.note("the shop's own database was not changed; the listing is hidden there")
        if self.options.photo_too:
            count = self.places.delete_sources(paths)
            self.receipt.source_photos = f"{count} deleted from the image store"
        elif not self.receipt.source_photos:
            self.receipt.source_photos = f"{len(paths)} left in the image store"
        self.save()

    def look_again(self) -> None:
        """What runs that began before have published meanwhile goes too."""
        self._await_runs()
        for _ in range(_LOOKS):
            if not self._find() and not self._has_report():
                return
            for stage in (
                Erasure.clean_reports,
                Erasure.remake,
                Erasure.await_servers,
                Erasure.delete,
                Erasure.clean_images,
                Erasure.clean_places,
            ):
                stage(self)
        raise ErasureError(
            "the listing comes back again and again",
            found=f"{_LOOKS} times",
            remedy="stop whatever publishes it, then run this again",
        )

    def finish(self) -> None:
        """Close the receipt: from now on it holds no id in the open."""
        if are_shared(self.repository, self.receipt.contents):
            self.note("the same photo is also in another listing, and stays there")
        self.receipt.pending = None
        self.receipt.finished_at = datetime.now(UTC)
        self.save()

    # What stages share

    def _find(self) -> dict[Key, Trace]:
        return find_traces(self.repository, self.needles, self._vector_bytes)

    @cached_property
    def _vector_bytes(self) -> set[bytes]:
        return set()

    def _learn(self, traces: dict[Key, Trace]) -> None:
        """Note photos, their bytes' digests and vectors before what tells of them goes."""
        rows = read_rows(self.repository, traces.values(), self.needles)
        self._add_photos([PendingPhoto(photo_id=row.photo_id) for row in rows])
        self._add("contents", {row.sha256 for row in rows})
        vectors = read_vectors(self.repository, traces.values())
        self._vector_bytes.update(vectors)
        self._add("vectors", {_sha256(vector) for vector in vectors})
        keys = {address.window.key for address, _ in traces if address.window is not None}
        self._add("windows", keys)
        self.save()

    def _known_photos(self) -> list[PendingPhoto]:
        with Catalogue.open(self.settings, with_erased=True) as catalogue:
            listing = catalogue.listings([self.listing_id]).get(self.listing_id)
            if listing is None:
                return []
            found = [catalogue.photo(photo_id) for photo_id in listing.photo_ids]
        return [PendingPhoto(photo_id=p.photo_id, path=p.path) for p in found if p is not None]

    def _has_report(self) -> bool:
        return bool(self.places.reports_with(self.listing_id, self.needles.photo_ids))

    def _add_photos(self, photos: list[PendingPhoto]) -> None:
        known = {photo.photo_id: photo for photo in self.pending.photos}
        for photo in photos:
            if photo.path is not None or photo.photo_id not in known:
                known[photo.photo_id] = photo
        self.pending.photos = [known[photo_id] for photo_id in sorted(known)]
        self._add("photos", {digest_of(photo_id) for photo_id in known})

    def _add(self, field: str, values: set[str]) -> None:
        setattr(self.receipt, field, sorted({*getattr(self.receipt, field), *values}))

    def _note_removed(self, address: Address, version: str, trace: Trace) -> None:
        files = {} if trace.manifest is None else trace.manifest.files
        removed = RemovedVersion(
            address=address.path,
            version=version,
            files={name: entry.sha256 for name, entry in files.items()},
        )
        if removed not in self.receipt.removed:
            self.receipt.removed.append(removed)

    def _move_head(self, address: Address, before: str, after: str) -> None:
        while True:
            head = self.repository.head(address)
            if head is None or head.version != before:
                return
            with suppress(HeadMoved):
                self.repository.replace_head(address, after, head)
                return

    def _removed(self) -> set[Key]:
        """What is or was to be deleted: also when it is gone from the repository already."""
        found = set()
        for removed in self.receipt.removed:
            located = Address.locate(f"{removed.address}/{removed.version}/")
            if located is not None:
                found.add((located[0], removed.version))
        return found

    def _note_servers(self, versions: set[Key]) -> None:
        pids = self.places.servers_of(versions)
        if not pids <= set(self.pending.servers):
            self.pending.servers = sorted({*self.pending.servers, *pids})
            self.save()

    def _await_runs(self) -> None:
        deadline = time.monotonic() + self.options.wait_s
        while left := self._runs & run_locks.living(self.settings):
            if time.monotonic() > deadline:
                raise ErasureError(
                    "a run that began before this erasure still works, and may publish the listing",
                    found=", ".join(sorted(left)),
                    limit=f"{self.options.wait_s:.0f} s",
                    remedy=f"let it end, then run 'photosearch erase {self.listing_id}' again",
                )
            time.sleep(_POLL_S)


STAGES: tuple[Callable[[Erasure], None], ...] = (
    Erasure.forbid,
    Erasure.clean_reports,
    Erasure.remake,
    Erasure.await_servers,
    Erasure.delete,
    Erasure.clean_images,
    Erasure.clean_places,
    Erasure.clean_catalogue,
    Erasure.look_again,
    Erasure.finish,
)


def _finest_first(item: tuple[Key, object]) -> tuple[bool, object]:
    (address, _), _ = item
    assert address.window is not None
    granularities = ["hourly", "daily", "monthly"]
    return address.kind is Kind.INDEX, granularities.index(address.window.granularity)


def _sha256(content: bytes) -> str:
    import hashlib

    return hashlib.sha256(content).hexdigest()
