"""Which layers were put into a registry, noted in the model repository by their windows.

A registry lists no blobs, keeps those that no image names any more, and gives them to whoever
knows their digest. So an erasure must know them, on whatever machine it runs and whoever built
them. A note is an object's name and nothing else: those of a window are listed, and none is
read.
"""

from collections.abc import Collection
from contextlib import suppress

from index_grpc.shipping.layers import ROOT
from photosearch.oci.building.layers import Layer
from photosearch.repository.addresses import Address
from photosearch.repository.storage.port import Storage, TagMoved
from photosearch.windows import Window

FOLDER = "notes/layers"
_ALGORITHM = "sha256:"


class LayerNotes:
    """See :class:`photosearch.oci.building.known_layers.SharedNotes`."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    def note(self, layer: Layer, digest: str) -> None:
        """Note that a layer is in the registry, under each of its windows."""
        folders = {file.path.rpartition("/")[0] for file in layer.files}
        for window in {window for folder in folders if (window := window_of(folder)) is not None}:
            with suppress(TagMoved):  # it is noted already
                self._storage.replace(_path(window, digest), b"", None)

    def of(self, windows: Collection[Window]) -> set[str]:
        """The digests of the layers with one of these windows."""
        return {
            _ALGORITHM + file.path.rpartition("/")[2]
            for window in windows
            for file in self._storage.files(f"{FOLDER}/{window.key}")
            if not file.staged
        }

    def forget(self, digests: Collection[str], windows: Collection[Window]) -> None:
        """Note no longer what the registry does not have any more."""
        self._storage.delete(_path(window, digest) for window in windows for digest in digests)


def window_of(folder: str) -> Window | None:
    """The window whose index lies in this folder of a layer; None for one of a quantiser."""
    located = Address.locate(f"{folder.removeprefix(f'{ROOT}/')}/")
    return None if located is None else located[0].window


def _path(window: Window, digest: str) -> str:
    return f"{FOLDER}/{window.key}/{digest.removeprefix(_ALGORITHM)}"
