"""What was built here: which layer a content has, and which image a tag should name.

A layer's digest is known only by making it. So the digest is noted under the key of its
content, and believed when the registry has a blob of that digest and of the size that the
content must have; otherwise the layer is made. And as whoever may write to a registry can have a
tag name any image, a tag is believed when it names the image that was built here. Losing these
notes costs reading, never correctness. So those that were used longest ago go when there are many.

A registry lists no blobs. So the notes are also what is known of layers that no image names, or
names any more. Others have to know these too: whoever keeps such notes for all machines is told.
"""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol, TypeGuard

from photosearch.files.bounded import Entry, make_room
from photosearch.files.whole import write_whole
from photosearch.oci.building.layers import Layer
from photosearch.oci.documents import is_digest

#: Their folders, below the builder's workplace.
NOTES = "layers"
BUILT = "built"

#: A year of hourly indexes makes 8,760 layers; a pack has at most some hundred.
MOST_NOTES = 4096


class _Notes:
    """Small JSON files in a folder, by name."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def _read(self, name: str) -> dict[str, Any] | None:
        """What is noted, which is used by that; None if nothing that can be read is."""
        path = self._path(name)
        with suppress(OSError, ValueError):
            noted = json.loads(path.read_bytes())
            with suppress(OSError):
                os.utime(path)
            return noted if isinstance(noted, dict) else None
        return None

    def _write(self, name: str, noted: Mapping[str, Any]) -> None:
        with suppress(OSError):  # a disk that refuses is no error here
            write_whole(self._path(name), json.dumps(noted))
            self._forget_oldest()

    def _forget_oldest(self) -> None:
        names = os.listdir(self._folder)  # noqa: PTH208 (for each layer that is made)
        if len(names) <= MOST_NOTES:
            return
        paths = map(self._folder.joinpath, names)
        notes = [Entry(path, path.name, 1, path.stat().st_mtime) for path in paths]
        # A quarter at once, so that looking at all of them is seldom.
        most = MOST_NOTES - MOST_NOTES // 4
        make_room(notes, len(notes) - most, lambda note: note.unlink(missing_ok=True))

    def _path(self, name: str) -> Path:
        return self._folder / f"{name}.json"


class SharedNotes(Protocol):
    """Where all machines see which layers were put into a registry."""

    def note(self, layer: Layer, digest: str) -> None:
        """Note that a layer is there."""


class KnownLayers(_Notes):
    """Notes of layers, by the key of their content."""

    def __init__(self, folder: Path, shared: SharedNotes | None = None) -> None:
        super().__init__(folder)
        self._shared = shared

    @classmethod
    def of(cls, workplace: Path, shared: SharedNotes | None = None) -> "KnownLayers":
        """Those of the builders that work there."""
        return cls(workplace / NOTES, shared)

    def digest(self, layer: Layer) -> str | None:
        """The digest noted for this content."""
        noted = self._read(layer.key) or {}
        digest = noted.get("digest")
        return digest if noted.get("size") == layer.size and _is_digest(digest) else None

    def note(self, layer: Layer, digest: str) -> None:
        """Remember a digest."""
        if self._shared is not None:  # first: what is noted here is not put there again
            self._shared.note(layer, digest)
        folders = sorted({file.path.rpartition("/")[0] for file in layer.files})
        self._write(layer.key, {"digest": digest, "size": layer.size, "folders": folders})

    def noted(self) -> Iterator[tuple[str, list[str] | None]]:
        """Every digest, and the folders that its layer has (None: a former release noted it)."""
        for path in self._folder.glob("*.json"):
            with suppress(OSError, ValueError, KeyError, TypeError):
                noted = json.loads(path.read_bytes())
                if is_digest(noted["digest"]):
                    yield noted["digest"], noted.get("folders")


class KnownImages(_Notes):
    """Notes of images, by their tag and the base that they were built on."""

    @classmethod
    def of(cls, workplace: Path) -> "KnownImages":
        """Those of the builders that work there."""
        return cls(workplace / BUILT)

    def digest(self, tag: str, base: str) -> str | None:
        """The digest of the image that was built here last for this tag, if on this base."""
        noted = self._read(tag) or {}
        digest = noted.get("digest")
        return digest if noted.get("base") == base and _is_digest(digest) else None

    def note(self, tag: str, base: str, digest: str) -> None:
        """Remember what was built."""
        self._write(tag, {"base": base, "digest": digest})


def _is_digest(noted: object) -> TypeGuard[str]:
    return isinstance(noted, str) and is_digest(noted)
