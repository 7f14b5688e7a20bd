"""Which layer a content has, remembered between builds.

A layer's digest is known only by making it. So the digest is noted under the key of its
content, and believed when the registry has a blob of that digest and of the size that the
content must have; otherwise the layer is made. Losing these notes costs reading, never
correctness: whoever pulls compares every file with the index's own manifest. So those that were
used longest ago go when there are many.

A registry lists no blobs. So the notes are also what is known of layers that no image names, or
names any more.
"""

import json
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from photosearch.oci.documents import is_digest
from photosearch.oci.layers import Layer
from photosearch.whole_file import write_whole

#: Their folder, below a registry's workplace.
NOTES = "layers"

#: A year of hourly indexes makes 8,760 layers; a pack has at most some hundred.
MOST_HINTS = 4096


class LayerHints:
    """Notes in a folder, one small file a layer."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def digest(self, layer: Layer) -> str | None:
        """The digest noted for this content."""
        with suppress(OSError, ValueError, KeyError, TypeError):
            path = self._path(layer)
            noted = json.loads(path.read_bytes())
            if noted["size"] == layer.size and is_digest(noted["digest"]):
                with suppress(OSError):
                    os.utime(path)
                return str(noted["digest"])
        return None

    def note(self, layer: Layer, digest: str) -> None:
        """Remember a digest; a disk that refuses is no error here."""
        with suppress(OSError):
            folders = sorted({file.path.rpartition("/")[0] for file in layer.files})
            text = json.dumps({"digest": digest, "size": layer.size, "folders": folders})
            write_whole(self._path(layer), text)
            self._forget_oldest()

    def noted(self) -> Iterator[tuple[str, list[str] | None]]:
        """Every digest, and the folders that its layer has (None: a former release noted it)."""
        for path in self._folder.glob("*.json"):
            with suppress(OSError, ValueError, KeyError, TypeError):
                noted = json.loads(path.read_bytes())
                if is_digest(noted["digest"]):
                    yield noted["digest"], noted.get("folders")

    def _forget_oldest(self) -> None:
        names = os.listdir(self._folder)  # noqa: PTH208 (for each layer that is made)
        if len(names) <= MOST_HINTS:
            return
        notes = [(path.stat().st_mtime, path) for path in map(self._folder.joinpath, names)]
        # A quarter at once, so that looking at all of them is seldom.
        for _, path in sorted(notes, reverse=True)[MOST_HINTS - MOST_HINTS // 4 :]:
            path.unlink(missing_ok=True)

    def _path(self, layer: Layer) -> Path:
        return self._folder / f"{layer.key}.json"
