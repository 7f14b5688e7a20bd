"""Erasing a listing: from the list that forbids it to the receipt that proves it.

The order is what makes it safe to be killed anywhere. First the listing is forbidden, so that
nothing brings it back. Then every current version that holds it is made again without it and
HEADs move, so that answers stop showing it while all windows go on answering. Only when no
server holds them any more are the versions deleted, what was in them noted before. Each stage
looks at what is there and not at what was done, so running it again finishes it.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from photosearch.catalogue.catalogue import CatalogueError
from photosearch.catalogue.ownership import photos_of
from photosearch.errors import PhotosearchError
from photosearch.object_store import kept_by_bucket
from photosearch.repository.addresses import Address, ArtifactKey, Kind
from photosearch.repository.erasures import PendingPhoto, Receipt
from photosearch.repository.errors import ArtifactMissing, DamagedArtifact, HeadMoved
from photosearch.repository.manifest import Manifest
from photosearch.repository.repository import Repository
from photosearch.settings.settings import Settings
from photosearch.terminal.wording import counted, first_of
from photosearch.windows import Granularity
from photosearch_assets.instance.runs_at_work import open_runs_at_work
from photosearch_assets.steps.context import StepContext
from photosearch_operations.erasure.images import ask_without, delete_images, delete_unpacked
from photosearch_operations.erasure.known_vectors import KnownVectors
from photosearch_operations.erasure.on_this_machine import Places
from photosearch_operations.erasure.photo_reports import current_reports_with
from photosearch_operations.erasure.record import Record
from photosearch_operations.erasure.rewrite import Rewriter
from photosearch_operations.erasure.sources import delete_sources, leave_sources
from photosearch_operations.erasure.strips import clean_strips
from photosearch_operations.erasure.traces import (
    Trace,
    are_shared,
    find_traces,
    read_rows,
    read_vectors,
)
from photosearch_operations.erasure.waiting import (
    ErasureError,
    await_runs,
    await_servers,
    one_at_a_time,
)

_LOOKS = 5
_ORDER = [Granularity.HOURLY, Granularity.DAILY, Granularity.MONTHLY]


@dataclass(frozen=True)
class ErasureOptions:
    """``photo_too`` also deletes the source photo; ``wait_s`` for others to end."""

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
        # Now and not when the listing is forbidden: what names it would be left out and not noted.
        self.context.photo_reports  # noqa: B018
        self.repository: Repository = self.context.repository
        self.record = Record(self.repository.storage, listing_id)
        self._places = Places(settings)
        self._tell = tell
        self._at_work = open_runs_at_work(settings)
        self._runs: set[str] = set()
        self._vectors = KnownVectors(self.record.receipt.vectors)
        self._damaged: set[ArtifactKey] = set()
        self._open_because: list[PhotosearchError] = []

    def run(self) -> Receipt:
        """Erase, or finish an erasure that was killed.

        Raises:
            ErasureError: if there is nothing of the listing, or a server, a run that began
                before or an erasure on another machine goes on for longer than ``wait_s``;
                running it again finishes.
            LeaseLost: if this was held up until another erasure took its place.
        """
        storage, wait_s = self.repository.storage, self.options.wait_s
        with one_at_a_time(self.settings, storage, wait_s, self._tell) as lease:
            # Of the same listing another may just have ended.
            self.record = Record(self.repository.storage, self.listing_id)
            self._vectors = KnownVectors(self.record.receipt.vectors)
            for stage in STAGES:
                lease.require()
                stage(self)
        return self.record.receipt

    def forbid(self) -> None:
        """Find out what there is, and write it on the list of what must not come back."""
        known = self._known_photos()
        if not known and self.record.is_new and not self._is_anywhere():
            raise ErasureError(
                f"there is nothing of a listing {self.listing_id!r}",
                found="no such id in the catalogue and the repository",
                remedy="give the id as the catalogue has it",
            )
        self.record.add_photos(known)
        self.record.receipt.finished_at = None
        self.record.save()
        # Only now: one that begins later reads the list.
        self._runs = self._at_work.living()
        self._tell("the listing is on the list of what was erased: nothing brings it back")

    def clean_reports(self) -> None:
        """Take it out of the photo reports, which say what an hour's embeddings are made from."""
        found = current_reports_with(
            self.settings, self.repository, self.listing_id, self.record.needles
        )
        for window, report in found.items():
            gone = [PendingPhoto(photo_id=p.photo_id, path=p.path) for p in report.gone]
            self.record.add_photos(gone)
            self.record.add("contents", {p.sha256 for p in report.gone})
            self.record.add("windows", {window.key})
            self.record.pending.reports[report.before.digest] = report.after.digest
        # Before the reports: a killed erasure must still know what became of which.
        self.record.save()
        with self.context.work_folder("erase") as work:
            for report in found.values():
                failing = report.head.failing if report.after.failures else None
                # Moved: a run made another meanwhile, which the look at the end sees.
                with suppress(HeadMoved):
                    self.context.photo_reports.put(report.after, report.head, work, failing)

    def remake(self) -> None:
        """Make every current version again that holds it, and move the HEADs."""
        traces = self._learn()
        current = [
            key
            for key, trace in traces.items()
            if trace.manifest and key[0].kind is not Kind.PHOTOS and self._is_head(key)
        ]
        if current:
            self._tell(f"made again without it: {counted(len(current), 'current version')}")
        with self.context.work_folder("erase") as work:
            rewriter = Rewriter(
                self.repository,
                traces,
                self.record.needles,
                self.record.pending.reports,
                work,
                self.settings.recall_target,
            )
            made = {}
            for address, version in current:
                try:
                    made[address, version] = rewriter.without(address, version)
                except (DamagedArtifact, ArtifactMissing) as damage:
                    self._damaged.add((address, version))
                    self.record.note(f"a damaged version of {address.window} is made anew")
                    self._tell(str(damage))
        for (address, version), manifest in sorted(made.items(), key=_finest_first):
            self._move_head(address, version, manifest.version)

    def await_servers(self) -> None:
        """Ask for Servings without it, and wait until no server holds a version with it."""
        self._tell("waiting until no index server holds it")
        failed = ask_without(self.settings, self.record.removed)
        if failed:  # waiting would not help: nothing else can be served
            raise ErasureError(
                "the serving images without the listing can't be built",
                found=first_of(failed, 5, "; "),
                remedy="what is served goes on; mend that, then run this again",
            )
        await_servers(self.settings, self.record, self.options.wait_s)

    def delete(self) -> None:
        """Delete every version that holds it, old ones and halves too, noted before.

        Not one that became current since the HEADs moved: its window would be gone. That it is
        there is seen by the look at the end, and it is made again without the listing first.
        """
        doomed = [
            key
            for key, trace in self._learn().items()
            if trace.manifest is None or key in self._damaged or not self._is_head(key)
        ]
        if doomed:
            self._tell(f"deleted of what held it: {counted(len(doomed), 'version')}")
        for address, version in doomed:
            self.repository.discard(address, version)
        # One that ships indexes may still be reading what has just gone.
        self._runs |= self._at_work.living()

    def clean_images(self) -> None:
        """The serving images with it: in the registry, layers too, and unpacked here."""
        images = delete_images(self.settings, self.repository.storage, self.record)
        delete_unpacked(self.settings, self.record.needles)
        if images:
            self._tell(f"deleted of what held it: {counted(images, 'serving image')}")

    def clean_places(self) -> None:
        """The image cache, copies, what killed steps left, and Dagster's strips of photos."""
        receipt, needles = self.record.receipt, self.record.needles
        receipt.cached_photos += self._places.clean_cache(self.record.paths, receipt.contents)
        self._places.clean_work(needles, self._vectors)
        self._places.clean_copies(needles, self._vectors)
        self.record.save()
        self.clean_strips()

    def clean_strips(self) -> None:
        """Dagster's strips of photos, wherever this installation's Dagster keeps them."""
        receipt = self.record.receipt
        cleaned = clean_strips(self.settings, receipt.windows, receipt.photos)
        receipt.strips += cleaned.strips
        receipt.looked_at = cleaned.looked_at
        for text in cleaned.notes:
            self.record.note(text)
        self.record.save()

    def clean_sources(self) -> None:
        """The photos themselves, with ``photo_too``; what can't be deleted is told at the end."""
        receipt, paths = self.record.receipt, self.record.paths
        if not self.options.photo_too:
            leave_sources(receipt, paths)
        elif why := delete_sources(self.settings, self.listing_id, paths, receipt):
            self._open_because.append(
                ErasureError(
                    "not every source photo could be deleted; everything else is done",
                    found=why,
                    remedy="mend that and run this again; without --photo-too the photo is left, "
                    "and the receipt says so",
                )
            )
        self.record.save()

    def clean_catalogue(self) -> None:
        """The rows of the catalogue, if the tables are ours."""
        if self.settings.database_url is not None:
            self.record.note("the shop's own database was not changed; the listing is hidden")
            return
        try:
            self.context.catalogue.erase(self.listing_id)
        except CatalogueError as error:
            self._open_because.append(error)

    def look_again(self) -> None:
        """What runs that began before have published meanwhile goes too."""
        await_runs(self._at_work, self._runs, self.options.wait_s)
        if self._runs:
            self.clean_images()
            self.clean_places()
        for _ in range(_LOOKS):
            if not self._is_anywhere():
                return
            for stage in STAGES[1 : STAGES.index(Erasure.clean_sources)]:
                stage(self)
        raise ErasureError(
            "the listing comes back again and again",
            found=f"{_LOOKS} times",
            remedy="stop whatever publishes it, then run this again",
        )

    def finish(self) -> None:
        """Close the receipt, if nothing is left that another try may take away.

        Raises:
            PhotosearchError: the first that is left; running it again looks at all once more.
        """
        if self._open_because:
            raise self._open_because[0]
        if are_shared(self.repository, self.record.receipt.contents):
            self.record.note("the same photo is also in another listing, and stays there")
        if kept := kept_by_bucket(self.settings.repository_url, self.settings):
            self.record.note(kept)
        self.record.close()

    # What stages share

    def _find(self) -> dict[ArtifactKey, Trace]:
        return find_traces(self.repository, self.record.needles, self._vectors)

    def _learn(self) -> dict[ArtifactKey, Trace]:
        """Find the versions that hold it, and note of them all that goes with them."""
        traces = self._find()
        rows = read_rows(self.repository, traces.values(), self.record.needles)
        self.record.add_photos(PendingPhoto(photo_id=row.photo_id) for row in rows)
        self.record.add("contents", {row.sha256 for row in rows})
        self._vectors.add(read_vectors(self.repository, traces.values()))
        self.record.add("vectors", self._vectors.digests)
        self.record.add("windows", {address.window.key for address, _ in traces if address.window})
        for trace in traces.values():
            self.record.add_removed(trace)
        self.record.save()
        return traces

    def _known_photos(self) -> list[PendingPhoto]:
        """What the catalogue knows; without it what was made is known all the same."""
        try:
            found = photos_of(self.settings, self.listing_id)
        except CatalogueError as error:
            self._tell(f"the catalogue can't be asked, what was made is: {error}")
            return []
        return [PendingPhoto(photo_id=photo, path=path) for photo, path in found]

    def _is_anywhere(self) -> bool:
        return bool(self._find())

    def _is_head(self, key: ArtifactKey) -> bool:
        head = self.repository.head(key[0])
        return head is not None and head.version == key[1]

    def _move_head(self, address: Address, before: str, after: str) -> None:
        while True:
            head = self.repository.head(address)
            if head is None or head.version != before:
                return
            with suppress(HeadMoved):
                self.repository.replace_head(address, after, head)
                return


STAGES: tuple[Callable[[Erasure], None], ...] = (
    Erasure.forbid,
    Erasure.clean_reports,
    Erasure.remake,
    Erasure.await_servers,
    Erasure.delete,
    Erasure.clean_images,
    Erasure.clean_places,
    Erasure.clean_sources,
    Erasure.clean_catalogue,
    Erasure.look_again,
    Erasure.finish,
)


def _finest_first(item: tuple[ArtifactKey, Manifest]) -> tuple[bool, int]:
    (address, _), _ = item
    assert address.window is not None
    return address.kind is Kind.INDEX, _ORDER.index(address.window.granularity)
