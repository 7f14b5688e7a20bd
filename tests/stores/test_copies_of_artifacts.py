"""The copies of a bucket's artifacts on this machine: how many stay, and which."""

import hashlib
import os
import resource
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from photosearch.files.bounded import Entry
from photosearch.repository.errors import StorageError
from photosearch.repository.manifest import FileEntry
from photosearch.repository.storage.local_copies import ArtifactCache
from tests.repository.artifacts import end_of, in_process

SIZE = 1000


@pytest.fixture
def cache(tmp_path: Path) -> ArtifactCache:
    return ArtifactCache(tmp_path / "artifacts", max_bytes=10 * SIZE)


def versions(cache: ArtifactCache) -> list[str]:
    return sorted(path.parent.name for path in cache.root.rglob("vectors.npy"))


def put(cache: ArtifactCache, version: str, work: Path) -> None:
    """Keep a version as who has made it does; it counts as used an hour ago and later."""
    made = work / "made"
    made.write_bytes(version.encode().ljust(SIZE))
    cache.put(version, {"vectors.npy": made})
    made.unlink()
    moment = time.time() - 3600 + int(version)
    if (cache.root / version).exists():
        os.utime(cache.root / version, (moment, moment))


def fetch(cache: ArtifactCache, version: str) -> Path:
    content = version.encode().ljust(SIZE)

    def bring(_name: str, path: Path) -> bool:
        path.write_bytes(content)
        return True

    entry = FileEntry(size=SIZE, sha256=hashlib.sha256(content).hexdigest())
    return cache.folder(version, {"vectors.npy": entry}, bring)


def test_what_this_machine_makes_itself_stays_within_the_bound_too(
    cache: ArtifactCache, tmp_path: Path
) -> None:
    for number in range(10, 40):
        put(cache, f"{number}", tmp_path)

    left = versions(cache)
    assert len(left) <= 10
    assert left == [f"{number}" for number in range(40 - len(left), 40)]


def test_what_a_process_asked_for_stays_while_it_uses_it(
    cache: ArtifactCache, tmp_path: Path
) -> None:
    with cache.using():
        fetch(cache, "1")
        os.utime(cache.root / "1", (0, 0))
        for number in range(10, 40):
            put(cache, f"{number}", tmp_path)
        assert "1" in versions(cache)
        os.utime(cache.root / "1", (0, 0))

    for number in range(40, 60):
        put(cache, f"{number}", tmp_path)
    assert "1" not in versions(cache)


def test_all_copies_are_walked_seldom(
    cache: ArtifactCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    walks = []
    folders = ArtifactCache._folders

    def counted(one: ArtifactCache) -> Iterator[Entry]:
        walks.append(one)
        return folders(one)

    monkeypatch.setattr(ArtifactCache, "_folders", counted)
    large = ArtifactCache(cache.root, max_bytes=1000 * SIZE)
    for number in range(100):
        fetch(large, f"{number}")
        fetch(large, f"{number}")

    assert len(walks) == 1


def test_a_disk_without_room_for_a_pin_is_a_clear_error(cache: ArtifactCache) -> None:
    def without_room() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
        with pytest.raises(StorageError, match=r"the copy of 1 can't be written.*move state_dir"):
            fetch(cache, "1")

    assert end_of(in_process(without_room)) == 0
