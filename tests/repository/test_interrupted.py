"""A writer that is killed, or whose disk is full: nothing half is ever visible."""

import builtins
import fcntl
import io
import os
import random
import resource
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from photosearch.repository.errors import StorageError
from photosearch.repository.retention import collect
from tests.repository.artifacts import HOUR, Shelf, end_of, in_process, kill

# Every call by which a publish changes the disk or takes a lock; killing before each of
# them is killing at every point that can differ.
CALLS: list[tuple[Any, str]] = [
    (os, "mkdir"),
    (os, "open"),
    (os, "link"),
    (os, "unlink"),
    (os, "replace"),
    (os, "utime"),
    (os, "fsync"),
    (os, "close"),
    (io, "open"),
    (builtins, "open"),
    (shutil, "copyfile"),
    (fcntl, "flock"),
]
KILLED = -9


def test_a_kill_at_any_point_leaves_all_or_nothing_and_the_next_publish_finishes(
    folder_shelf: Shelf,
) -> None:
    before = folder_shelf.made_current(b"before")
    for points in count():
        content = os.urandom(2000)
        ended = end_of(in_process(partial(publish_until, folder_shelf, content, points)))
        if ended == 0:
            break
        assert ended == KILLED

        seen = folder_shelf.reopened()
        visible = seen.versions(HOUR)
        current = seen.current(HOUR)
        assert list(seen.verify()) == []
        assert current in visible
        assert before in visible

        made = folder_shelf.made_current(content)
        assert folder_shelf.reopened().current(HOUR) == made
        assert list(folder_shelf.reopened().verify()) == []
        before = made

    assert points > 20
    collect(folder_shelf.repository, grace=timedelta(0))
    assert not any("#" in name for name in folder_shelf.names())


def test_a_kill_at_any_moment_leaves_all_or_nothing(folder_shelf: Shelf) -> None:
    chance = random.Random(7)
    folder_shelf.made_current(b"before")

    def publish_for_ever() -> None:
        folder_shelf.repository = folder_shelf.reopened()
        while True:
            folder_shelf.made_current(os.urandom(3 << 20))

    for _ in range(12):
        process = in_process(publish_for_ever)
        time.sleep(chance.uniform(0.001, 0.12))
        kill(process)
        assert end_of(process) == KILLED

        seen = folder_shelf.reopened()
        assert seen.current(HOUR) in seen.versions(HOUR)
        assert list(seen.verify()) == []

    folder_shelf.made_current(b"after")
    collect(folder_shelf.repository, keep=lambda address, manifests: [], grace=timedelta(0))
    assert len(folder_shelf.names()) == 4  # HEAD, and the version that it names


def test_a_lock_that_a_killed_writer_held_is_free(folder_shelf: Shelf) -> None:
    def hold() -> None:
        with folder_shelf.repository.storage.fence(HOUR.path):
            (folder_shelf.work / "held").touch()
            time.sleep(60)

    folder_shelf.made_current(b"before")
    process = in_process(hold)
    while not (folder_shelf.work / "held").exists():
        time.sleep(0.005)
    with folder_shelf.repository.storage.fence(HOUR.path, wait=False) as ours:
        assert not ours
    kill(process)
    end_of(process)

    assert folder_shelf.made_current(b"after") == folder_shelf.reopened().current(HOUR)


def test_a_writer_that_hangs_with_the_lock_is_reported(
    folder_shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("photosearch.repository.storage.folder.LOCK_TIMEOUT_S", 0.05)

    with (
        folder_shelf.repository.storage.fence(HOUR.path),
        pytest.raises(StorageError, match="being written by another process"),
    ):
        folder_shelf.publish(b"1")


def test_a_file_size_limit_leaves_nothing_visible(folder_shelf: Shelf) -> None:
    before = folder_shelf.made_current(b"before")
    known = folder_shelf.names()

    def publish_too_much() -> None:
        files = folder_shelf.files(os.urandom(1 << 20))
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
        with pytest.raises(StorageError, match="could not be written") as refusal:
            folder_shelf.repository.publish(HOUR, files, rows=1, dimension=2, inputs=[], recipe={})
        assert "File too large" in (refusal.value.found or "")
        assert "ulimit -f" in (refusal.value.remedy or "")

    assert end_of(in_process(publish_too_much)) == 0
    assert folder_shelf.reopened().versions(HOUR) == [before]
    assert folder_shelf.names() == known


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of one megabyte."""
    place = tmp_path / "disk"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(place)]
    mounted = subprocess.run(command, capture_output=True, text=True, check=False)
    if mounted.returncode:
        pytest.skip(f"no right to mount a small file system: {mounted.stderr.strip()}")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def test_a_full_disk_leaves_nothing_visible_and_gives_back_what_it_took(
    small_disk: Path, tmp_path: Path
) -> None:
    shelf = Shelf(small_disk / "repository", tmp_path / "work")
    before = shelf.made_current(b"x" * 300_000)
    known, free = shelf.names(), shutil.disk_usage(small_disk).free

    with pytest.raises(StorageError) as full:
        shelf.publish(b"y" * 900_000)

    assert HOUR.path in full.value.what
    assert "No space left on device" in (full.value.found or "")
    assert "free space" in (full.value.remedy or "")
    assert shelf.names() == known
    assert shutil.disk_usage(small_disk).free == free
    assert shelf.reopened().versions(HOUR) == [before]
    assert shelf.made_current(b"z" * 300_000) == shelf.reopened().current(HOUR)


def test_a_disk_that_fills_up_anywhere_in_a_publish_leaves_all_or_nothing(
    small_disk: Path, tmp_path: Path
) -> None:
    """Less and less room is left, so that files, manifest or HEAD is what does not fit."""
    shelf = Shelf(small_disk / "repository", tmp_path / "work")
    before = shelf.made_current(b"before")
    failures = 0

    for pages in range(12):
        filler = small_disk / "filler"
        filler.write_bytes(b"")
        room = shutil.disk_usage(small_disk).free
        filler.write_bytes(b"\1" * (room - pages * 4096))
        try:
            shelf.made_current(b"content %d" % pages)
        except StorageError:
            failures += 1
        seen = shelf.reopened()
        assert seen.current(HOUR) in seen.versions(HOUR)
        assert before in seen.versions(HOUR)
        assert list(seen.verify()) == []
        filler.unlink()

    assert 1 <= failures < 12
    assert shelf.made_current(b"after") == shelf.reopened().current(HOUR)


def test_a_folder_that_may_not_be_written_is_a_clear_error(folder_shelf: Shelf) -> None:
    folder_shelf.folder.write_text("a file where the repository should be")

    with pytest.raises(StorageError, match="could not be") as refusal:
        folder_shelf.publish(b"1")

    assert refusal.value.remedy


def publish_until(shelf: Shelf, content: bytes, calls: int) -> None:
    """Publish and make current, but die by SIGKILL before the call number ``calls``."""
    shelf.repository = shelf.reopened()
    files = shelf.files(content)
    left = calls

    def dying(original: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            nonlocal left
            if left == 0:
                if original is copyfile:  # in the middle of a file
                    Path(args[1]).write_bytes(Path(args[0]).read_bytes()[:1000])
                os.kill(os.getpid(), 9)
            left -= 1
            return original(*args, **kwargs)

        return call

    copyfile = shutil.copyfile
    for module, name in CALLS:
        setattr(module, name, dying(getattr(module, name)))
    made = shelf.repository.publish(
        HOUR, files, rows=1, dimension=2, inputs=[], recipe={"step": "t"}
    )
    shelf.repository.set_head(HOUR, made.version)
