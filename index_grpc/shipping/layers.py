"""Which layers a serving image has, and what is in them.

One layer an index and one for the quantiser, all below ``/index``: together they are a folder
repository, read as any other. What is in a layer follows from the versions alone. So a manifest
is written into it without what its version does not decide (who made it, when, how well it
measured); those things are told in annotations beside the image.

A container runtime mounts at most some 120 layers. A pack of more indexes has them share
layers by calendar: finer windows of one day, month or year together, but those of the newest
day, month and year apart, so that one more hour is still one more small layer.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from index_grpc.serving.serving import Serving
from photosearch.oci.building.layers import Layer, LayerFile
from photosearch.oci.building.put_layers import PlannedLayer
from photosearch.repository.addresses import MANIFEST, Address
from photosearch.repository.manifest import Manifest
from photosearch.repository.repository import Repository
from photosearch.windows import Window

#: Folder in the image that holds the repository, without the leading ``/``.
ROOT = "index"
#: Layers of indexes in one image; the base and the quantiser need some of the 120 too.
MOST_INDEX_LAYERS = 96


def serving_layers(
    serving: Serving, manifests: Mapping[Window, Manifest], repository: Repository
) -> list[PlannedLayer]:
    """The layers of a Serving, those that change least first. No file is read yet.

    Each is for some windows, or for the quantiser.

    Raises:
        ArtifactMissing: if the quantiser's version does not exist.
    """
    layers = []
    if serving.quantiser is not None:
        address = Address.quantisers(serving.fingerprint)
        manifest = repository.manifest(address, serving.quantiser)
        files = artifact_files(address, manifest, repository)
        layers.append(PlannedLayer(Layer(files), f"quantiser {serving.quantiser}"))
    for group in group_windows(sorted(manifests)):
        files = [
            file
            for window in group
            for file in artifact_files(
                Address.index(serving.fingerprint, window), manifests[window], repository
            )
        ]
        what = group[0].key if len(group) == 1 else f"{group[0].key} to {group[-1].key}"
        layers.append(PlannedLayer(Layer(files), what))
    return layers


def artifact_files(address: Address, manifest: Manifest, repository: Repository) -> list[LayerFile]:
    """The files of one version as they lie in an image; not read until the layer is."""
    folder = address.folder(manifest.version)

    @cache  # once for all its files: from a bucket it is a download
    def here() -> Path:
        # Not verified here: the layer compares each file with its digest while it reads it.
        return repository.local_files(address, manifest.version, verify=False)

    def source(name: str) -> Callable[[], Path]:
        return lambda: here() / name

    files = [
        LayerFile(f"{ROOT}/{folder}/{name}", source(name), entry.size, entry.sha256)
        for name, entry in manifest.files.items()
    ]
    content = content_of(manifest).to_bytes()
    return [*files, LayerFile.of_bytes(f"{ROOT}/{folder}/{MANIFEST}", content)]


def content_of(manifest: Manifest) -> Manifest:
    """The manifest without what the version does not decide."""
    return manifest.model_copy(
        update={
            "recall": None,
            "failures": [],
            "details": {},
            "code_version": "",
            "run_id": None,
            "created_at": datetime(1970, 1, 1, tzinfo=UTC),
        }
    )


def group_windows(windows: Sequence[Window]) -> list[list[Window]]:
    """Divide windows, in time order, into at most some hundred groups, each a layer.

    A group never holds a window of the newest day together with one of another hour while
    the limit allows: adding a newest window leaves the other groups as they are.
    """
    for depth in range(len(_SHARED_BY) + 1):
        groups: dict[object, list[Window]] = {}
        for window in windows:
            groups.setdefault(_group(window, windows[-1], depth), []).append(window)
        if len(groups) <= MOST_INDEX_LAYERS:
            break
    return list(groups.values())


#: Finest first: what windows of one group have in common.
_SHARED_BY: tuple[Callable[[datetime], object], ...] = (
    lambda start: (start.year, start.month, start.day),
    lambda start: (start.year, start.month),
    lambda start: start.year,
)


def _group(window: Window, newest: Window, depth: int) -> object:
    """The coarsest thing that the window shares with others and not with the newest."""
    for shared_by in reversed(_SHARED_BY[:depth]):
        if shared_by(window.start) != shared_by(newest.start):
            return shared_by(window.start)
    return window
