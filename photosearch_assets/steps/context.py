"""What every step works with: the stores, opened once and only when used.

One context serves a whole run of a step, which may be a month of hours. So an embedder's
session, a quantiser's files and the repository's listing are read once for all windows.
"""

import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Self

from photosearch.catalogue.catalogue import Catalogue
from photosearch.catalogue.hour_digests import HourDigests
from photosearch.closing import Closing
from photosearch.files.disk import refused, remedy_for
from photosearch.images.cache import ImageCache
from photosearch.images.decoding.decoder import Decoder
from photosearch.images.former_reports import former_reports, take_over
from photosearch.images.reports import PhotoReports
from photosearch.images.store import ImageStore
from photosearch.object_store import is_bucket, require_reachable, require_stores
from photosearch.repository.addresses import Address, Kind
from photosearch.repository.erasures import ErasedListings
from photosearch.repository.repository import Repository
from photosearch.settings.settings import Settings
from photosearch_assets.errors import StepError
from photosearch_assets.steps.current import Shelf

if TYPE_CHECKING:
    from photosearch.embedder.embedder import Embedder
    from photosearch.oci.building.build import ImageBuilder

_WORK_KEPT_S = 24 * 3600.0


def _nothing(_count: int) -> None:
    pass


class StepContext(Closing):
    """The stores of one run of a step; a context manager.

    ``on_photos`` is told how many more photos have been dealt with. ``hour_digests`` is what its
    owner, who makes one context after another, remembers of the catalogue.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        run_id: str | None = None,
        on_photos: Callable[[int], None] = _nothing,
        hour_digests: HourDigests | None = None,
    ) -> None:
        self.settings = settings
        self.run_id = run_id
        self.on_photos = on_photos
        self.hour_digests = hour_digests or HourDigests()
        self._held = ExitStack()
        self._shelves: dict[Kind, Shelf] = {}

    @cached_property
    def catalogue(self) -> Catalogue:
        return Catalogue.open(self.settings)

    @cached_property
    def image_store(self) -> ImageStore:
        self.require_image_store()
        return ImageStore.of(self.settings)

    @cached_property
    def image_cache(self) -> ImageCache:
        return ImageCache.of(self.settings)

    @cached_property
    def photo_reports(self) -> PhotoReports:
        """The reports on hours' photos, their HEADs listed once for this context."""
        if former_reports(self.settings.cache_dir):
            erased = ErasedListings(self.repository.storage).known()
            with self.work_folder("reports") as work:
                take_over(self.settings.cache_dir, self.repository, erased, work)
        return PhotoReports(self.repository)

    @cached_property
    def decoder(self) -> Decoder:
        return Decoder(self.settings)

    @cached_property
    def repository(self) -> Repository:
        return _repository(self.settings)

    @cached_property
    def image_builder(self) -> "ImageBuilder":
        from photosearch.oci.opening import open_builder

        return open_builder(self.settings)

    @cached_property
    def fingerprint(self) -> str:
        """The fingerprint to work for: the current embedder's, unless the settings name one.

        Raises:
            StepError: if no embedder has been made yet.
        """
        if self.settings.embedder_fingerprint is not None:
            return self.settings.embedder_fingerprint
        head = self.repository.head(Address.embedders())
        if head is None:
            raise StepError(
                "there is no embedder yet",
                remedy="materialize the asset 'embedder' first, or run 'photosearch materialize'",
            )
        return head.version

    @cached_property
    def embedder(self) -> "Embedder":
        """The current embedder, opened for batches."""
        from photosearch.embedder.device import choose_device
        from photosearch.embedder.embedder import open_embedder

        folder = self.repository.local_files(Address.embedders(), self.fingerprint)
        made_with = self.repository.manifest(Address.embedders(), self.fingerprint).recipe
        return open_embedder(
            folder,
            self.fingerprint,
            device=choose_device(
                self.settings.embed_device,
                _cuda_available,
                precision=str(made_with.get("precision")),
            ),
            threads=self.settings.embed_threads,
        )

    def forget_embedder(self) -> None:
        """Look anew which embedder is the current one: a step has made another."""
        for name in ("fingerprint", "embedder"):
            self.__dict__.pop(name, None)
        self._shelves.clear()

    def require_image_store(self) -> None:
        """Ask the image store whether it answers: one in trouble is no fault of its photos.

        Raises:
            StoreUnreachable: if it is a bucket that does not exist, refuses, or does not answer.
        """
        require_reachable(self.settings.image_store_url, self.settings, "the image store")

    def shelf(self, kind: Kind) -> Shelf:
        """The current artifacts of a kind, listed once for this context."""
        if not self._shelves:
            embeddings, indexes = self.repository.look_at_both(self.fingerprint)
            for one, look in ((Kind.EMBEDDINGS, embeddings), (Kind.INDEX, indexes)):
                self._shelves[one] = Shelf(self.repository, self.fingerprint, one, look)
        return self._shelves[kind]

    def fresh_shelf(self, kind: Kind) -> Shelf:
        """The current artifacts of a kind as they are at this instant."""
        return Shelf(self.repository, self.fingerprint, kind)

    @contextmanager
    def work_folder(self, name: str) -> Iterator[Path]:
        """A folder for files on their way into the repository, gone afterwards.

        What a killed step left behind is removed after a day.

        Raises:
            StepError: if the disk is full or refuses, also where the block finds that out.
        """
        root = self.settings.state / "work"
        try:
            root.mkdir(parents=True, exist_ok=True)
            for left in root.iterdir():
                if _age_s(left) > _WORK_KEPT_S:
                    shutil.rmtree(left, ignore_errors=True)
            with tempfile.TemporaryDirectory(prefix=f"{name}-", dir=root) as folder:
                yield Path(folder)
        except OSError as error:
            if not refused(error):
                raise
            raise StepError(
                f"files for {name} can't be written to {root}",
                found=str(error),
                remedy=remedy_for(error, "state_dir"),
            ) from error

    def close(self) -> None:
        self._held.close()
        if "catalogue" in self.__dict__:
            self.catalogue.close()
        if "decoder" in self.__dict__:
            self.decoder.close()

    def __enter__(self) -> Self:
        # Copies of a bucket's artifacts are this run's while it lasts.
        self._held.enter_context(self.repository.storage.using())
        return super().__enter__()


@lru_cache(maxsize=4)
def _repository(settings: Settings) -> Repository:
    # Once a process and before any work: a bucket that is not there, or refuses, is said here.
    require_stores(settings, photos=False)
    # Manifests never change: kept between runs and ticks, each is read once in a process.
    repository = Repository.of(settings)
    if is_bucket(settings.repository_url):
        repository.storage.now_s()  # which writes: one that may only be read is said here too
    return repository


def _cuda_available() -> bool:
    try:
        import torch
    except ImportError:  # the extra torch is not installed
        return False
    return bool(torch.cuda.is_available())


def _age_s(path: Path) -> float:
    try:
        return time.time() - path.stat().st_mtime
    except FileNotFoundError:
        return 0.0
