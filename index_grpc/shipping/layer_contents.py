"""What is in a layer, worked out again from its bytes.

A layer's digest says that it is the one that its image names, and nothing of what is in it; what
image and layer say of themselves, whoever made them wrote. What decides an index's version lies
in the layer: its manifest and its files. So the layer is read as a stream, nothing of it is
written anywhere, each file is compared with its manifest and each manifest with its version.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field

from index_grpc.shipping.layers import ROOT
from photosearch.oci.documents import Descriptor
from photosearch.oci.errors import DamagedImage
from photosearch.oci.pulling.unpack import layer_entries
from photosearch.oci.registry import ImageRegistry
from photosearch.repository.addresses import MANIFEST, Address, ArtifactKey, require_name
from photosearch.repository.errors import RepositoryError
from photosearch.repository.integrity import contradictions
from photosearch.repository.manifest import FileEntry, parse_manifest

#: A month's manifest has some 10 kB.
MOST_MANIFEST_BYTES = 4 << 20
#: Said of one layer; the rest is counted.
MOST_FAULTS = 5


@dataclass
class LayerContents:
    """The versions in a layer, each with the digest of its manifest, and what is wrong."""

    versions: dict[ArtifactKey, str] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)

    @property
    def told(self) -> str:
        """The faults in one line; empty if there are none."""
        more = len(self.faults) - MOST_FAULTS
        return "; ".join(self.faults[:MOST_FAULTS]) + (f"; and {more} more" if more > 0 else "")


def read_layer(registry: ImageRegistry, layer: Descriptor) -> LayerContents:
    """Read a layer of ours and work out what is in it.

    Raises:
        ImageMissing: if it is not there.
        DamagedImage: if it is not what its digest says, or holds more than files and folders.
        RegistryRefused: if the registry does not answer.
    """
    contents = LayerContents()
    folder: _Folder | None = None
    with registry.open_blob(layer.digest) as chunks:
        for entry, content in layer_entries(chunks, layer):
            if entry.is_folder:
                continue
            place, _, name = entry.path.as_posix().rpartition("/")
            # Sorted by path, so one folder is at an end when the next begins.
            if folder is None or folder.place != place:
                _finish(folder, contents)
                folder = _Folder(place)
            folder.take(name, content)
    _finish(folder, contents)
    return contents


class _Folder:
    """The files of one folder, while they go by."""

    def __init__(self, place: str) -> None:
        self.place = place
        self.files: dict[str, FileEntry] = {}
        self.manifest: bytes | None = None

    def take(self, name: str, content: Iterator[bytes]) -> None:
        if name == MANIFEST and self.manifest is None:
            self.manifest = b""
            for chunk in content:  # of one that is too large the rest is skipped
                self.manifest += chunk
                if len(self.manifest) > MOST_MANIFEST_BYTES:
                    break
            return
        digest, size = hashlib.sha256(), 0
        for chunk in content:
            digest.update(chunk)
            size += len(chunk)
        if name in self.files or name == MANIFEST:
            name = f"{name} twice"  # named by no manifest
        self.files[name] = FileEntry(size=size, sha256=digest.hexdigest())

    def key(self) -> ArtifactKey | None:
        """Whose folder it is; None if no version's."""
        top, _, path = self.place.partition("/")
        located = Address.locate(path) if top == ROOT else None
        try:
            return None if located is None else (located[0], require_name("it", located[1]))
        except RepositoryError:
            return None


def _finish(folder: _Folder | None, contents: LayerContents) -> None:
    if folder is None:
        return
    key = folder.key()
    if key is None:
        contents.faults.append(f"{folder.place} is no version's folder")
        return
    address, version = key
    if key in contents.versions:
        contents.faults.append(f"{folder.place} is there twice")
        return
    contents.versions[key] = ""
    if folder.manifest is None:
        contents.faults.append(f"{folder.place} has no {MANIFEST}")
        return
    try:
        if len(folder.manifest) > MOST_MANIFEST_BYTES:
            raise DamagedImage(
                f"{folder.place}/{MANIFEST} is too large", limit=f"{MOST_MANIFEST_BYTES} bytes"
            )
        manifest = parse_manifest(folder.manifest, f"{folder.place}/{MANIFEST}")
    except (RepositoryError, DamagedImage) as error:
        contents.faults.append(str(error))
        return
    contents.versions[key] = manifest.digest
    contents.faults += [
        f"{address.manifest_path(version)} is not that version's: found {found.found}"
        for found in contradictions(manifest, address, version)
    ]
    names = sorted(manifest.files.keys() | folder.files.keys())
    contents.faults += [
        f"{folder.place}/{name} is not as its manifest says"
        for name in names
        if manifest.files.get(name) != folder.files.get(name)
    ]
