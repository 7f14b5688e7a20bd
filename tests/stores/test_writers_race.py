"""Many writers of one window in a bucket: one wins each time, and none is lost."""

import subprocess
import sys

from tests.repository.artifacts import HOUR
from tests.stores.bucket_shelf import BucketShelf

PROCESSES, THREADS = 4, 6


def start_writer(shelf: BucketShelf, *words: str) -> subprocess.Popen[bytes]:
    """The writer's process, which has the shelf's settings."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.stores.writer", *words], stdin=subprocess.PIPE
    )
    assert process.stdin is not None
    process.stdin.write(shelf.settings.model_dump_json().encode())
    process.stdin.close()
    return process


def test_of_24_writers_in_4_processes_that_each_add_to_what_is_there_none_is_lost(
    shelf: BucketShelf,
) -> None:
    writers = [start_writer(shelf, "add", str(THREADS)) for _ in range(PROCESSES)]

    assert [writer.wait(100) for writer in writers] == [0] * PROCESSES

    stored = shelf.storage().read("embedders/HEAD")
    assert stored is not None
    lines = stored.content.decode().splitlines()
    expected = {f"{writer.pid} {number}" for writer in writers for number in range(THREADS)}
    assert sorted(lines[: len(expected)]) == sorted(expected)


def test_publishers_of_the_same_versions_in_4_processes_leave_each_whole(
    shelf: BucketShelf,
) -> None:
    writers = [start_writer(shelf, "once", f"content {n % 2}") for n in range(PROCESSES)]

    assert [writer.wait(100) for writer in writers] == [0] * PROCESSES

    assert len(shelf.repository.versions(HOUR)) == 2
    assert shelf.repository.current(HOUR) in shelf.repository.versions(HOUR)
    assert list(shelf.reopened().verify()) == []
