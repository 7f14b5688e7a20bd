"""Where a listing may be on this machine, outside of the model repository.

The copies of the image cache, and what killed steps left behind.
"""

import hashlib
import shutil
from collections.abc import Collection
from pathlib import Path
from typing import Any

from index_grpc.index.index_files import ROWS
from photosearch.files.walk import content_of, files_below
from photosearch.images.cache import ImageCache
from photosearch.settings.settings import Settings
from photosearch_operations.erasure.known_vectors import KnownVectors
from photosearch_operations.erasure.traces import Needles


class Places:
    """The places of one machine."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._cache = ImageCache.of(settings)

    def clean_cache(self, paths: Collection[str], contents: Collection[str]) -> int:
        """Delete the cached copies of the photos; how many there were."""
        count = sum(self._cache.discard(path) for path in paths)
        for entry in self._cache.entries():
            content = content_of(entry)
            if hashlib.sha256(content).hexdigest() in contents:
                entry.unlink(missing_ok=True)
                count += 1
        return count

    def clean_work(self, needles: Needles, vectors: KnownVectors) -> int:
        """Delete the folders of killed steps and servers that hold it; how many."""
        count = 0
        for folder in self.work_folders():
            if any(_holds(file, needles, vectors) for file in files_below(folder)):
                _remove(folder)
                count += 1
        return count

    def work_folders(self) -> list[Path]:
        """Folders that steps and servers fill while they work, and leave when killed."""
        roots = [self._settings.state / "work"]
        return [folder for root in roots if root.is_dir() for folder in root.iterdir()]

    def clean_copies(self, needles: Needles, vectors: KnownVectors) -> int:
        """Delete the copies of a bucket's versions that hold it; how many.

        Those of versions that are deleted here go with them. Another machine may have deleted
        one of which this machine has a copy.
        """
        count = 0
        for folder in {file.parent for file in files_below(self._settings.artifacts_dir)}:
            rows = folder / ROWS
            looked_at = (
                [rows] if rows.exists() else [f for f in files_below(folder) if f.parent == folder]
            )
            if any(_holds(file, needles, vectors) for file in looked_at):
                _remove(folder)
                count += 1
        return count


def _remove(folder: Path) -> None:
    def failed(_call: object, _path: str, error: Any) -> None:
        if not issubclass(error[0], FileNotFoundError):  # gone meanwhile, as a step's own
            raise error[1]

    shutil.rmtree(folder, onerror=failed)


def _holds(file: Path, needles: Needles, vectors: KnownVectors) -> bool:
    content = content_of(file)
    if file.suffix == Path(ROWS).suffix:  # rows of an index, or photos of a report
        return needles.are_in(content)
    return vectors.are_in(content)
