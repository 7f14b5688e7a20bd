"""From a Serving to a pack that can be searched: verify, glue, load.

Nothing unverified is ever loaded: ScaNN neither notices a flipped bit nor survives arrays
that contradict each other. What is wrong is told by window, so that the deployer can leave
that one out and let its finer windows answer.
"""

import ctypes
import gc
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from index_grpc.errors import IndexGrpcError
from index_grpc.index.index_files import IndexFolder
from index_grpc.server.service import LoadedIndex, LoadedPack
from index_grpc.serving.serving import ServedWindow, Serving
from photosearch.errors import PhotosearchError
from photosearch.repository.addresses import Address
from photosearch.repository.manifest import Manifest
from photosearch.repository.repository import Repository
from photosearch.settings.settings import Settings
from photosearch.window_key import WindowKey

if TYPE_CHECKING:
    from index_grpc.index.pack import PackWindow


class Refusal(BaseModel):
    """Why a Serving is not served; without a window the fault is not one window's."""

    model_config = ConfigDict(frozen=True)

    serving: str
    window: WindowKey | None
    version: str | None
    reason: str


class ServingRefused(IndexGrpcError):
    """A Serving whose files can't be served; ``refusal`` says which window and why."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(
            f"Serving {refusal.serving} is refused: {refusal.reason}",
            remedy="the previous Serving keeps answering; make the damaged index again",
        )
        self.refusal = refusal

    def __reduce__(self) -> tuple[object, ...]:
        return (ServingRefused, (self.refusal,))


def unpacked_repository(serving: Serving, settings: Settings) -> Repository:
    """The repository with the Serving's files: its image's, unpacked; without one, the settings'.

    Raises:
        ServingRefused: if the image can't be had, is not what its digest says, or no trusted key
            signed it.
    """
    if serving.image is None:
        return Repository.of(settings)
    from index_grpc.shipping.image import pull_serving_image
    from photosearch.oci.opening import open_registry
    from photosearch.oci.signing.trust import require_trusted

    with _refused_for(serving):
        require_trusted(settings, open_registry(settings), serving.image)
        folder = pull_serving_image(
            open_registry(settings), serving.image, settings.unpacked_images_dir
        )
        return Repository.open(folder.as_uri())


def load_serving(serving: Serving, repository: Repository, *, recall_target: float) -> LoadedPack:
    """Verify every file of the Serving against its manifest, glue and load.

    Raises:
        ServingRefused: if a file is missing or damaged, or an index does not fit the Serving.
    """
    from index_grpc.index.pack import Pack, PackWindow  # with ScaNN behind it: seconds to import

    seconds: dict[str, float] = {}
    with _timed(seconds, "verify"):
        verified = [_verified(serving, served, repository) for served in serving.windows]
        quantiser_folder = _verified_quantiser(serving, repository)
    pack_windows = [
        PackWindow(served.window, folder, manifest.version)
        for served, (manifest, folder) in zip(serving.windows, verified, strict=True)
    ]
    with _timed(seconds, "load"), _refused_for(serving):
        try:
            pack = Pack.open(pack_windows, quantiser_folder, serving.fingerprint, recall_target)
        except PhotosearchError:
            _blame_window(serving, pack_windows)
            raise
    manifests = [manifest for manifest, _ in verified]
    _settle()
    parameters = pack.parameters
    return LoadedPack(
        serving=serving,
        pack=pack,
        dimension=pack.dimension,
        size_bytes=sum(manifest.size_bytes for manifest in manifests),
        indexes=[
            LoadedIndex(served.window, manifest.version, manifest.rows, manifest.run_id)
            for served, manifest in zip(serving.windows, manifests, strict=True)
        ],
        leaves_to_search=0 if parameters is None else parameters.leaves_to_search,
        reorder=0 if parameters is None else parameters.reorder,
        recall=1.0 if parameters is None else parameters.recall,
        load_seconds=seconds,
    )


def _verified(
    serving: Serving, served: ServedWindow, repository: Repository
) -> tuple[Manifest, Path]:
    with _refused_for(serving, served):
        address = Address.index(serving.fingerprint, served.window)
        manifest = repository.manifest(address, served.version)
        folder = repository.local_files(address, served.version)
        if manifest.quantiser != serving.quantiser:
            raise IndexGrpcError(
                f"the index {served.window} was encoded with another quantiser than its Serving's",
                found=str(manifest.quantiser),
                limit=str(serving.quantiser),
            )
        return manifest, folder


def _verified_quantiser(serving: Serving, repository: Repository) -> Path | None:
    if serving.quantiser is None:
        return None
    with _refused_for(serving):
        return repository.local_files(Address.quantisers(serving.fingerprint), serving.quantiser)


def _blame_window(serving: Serving, windows: Sequence["PackWindow"]) -> None:
    """Find the window whose files contradict themselves though they are as published."""
    for served, window in zip(serving.windows, windows, strict=True):
        with _refused_for(serving, served):
            IndexFolder.open(window.folder).check()


@contextmanager
def _refused_for(serving: Serving, served: ServedWindow | None = None) -> Iterator[None]:
    try:
        yield
    except ServingRefused:
        raise
    except PhotosearchError as error:
        raise ServingRefused(
            Refusal(
                serving=serving.name,
                window=None if served is None else served.window,
                version=None if served is None else served.version,
                reason=str(error),
            )
        ) from error


@contextmanager
def _timed(seconds: dict[str, float], stage: str) -> Iterator[None]:
    start = time.perf_counter()
    yield
    seconds[stage] = time.perf_counter() - start


def _settle() -> None:
    """Give back what loading left, and keep the collector off what stays for life."""
    gc.collect()
    gc.freeze()
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc only
        if trim is not None:
            trim(0)
