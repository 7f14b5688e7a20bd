"""What is written is there whole, or as it was before."""

import errno
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from photosearch.files.whole import Staging, beside, drafted, write_whole

_STAGE = """
import os, sys, time
from pathlib import Path
from photosearch.files.whole import Staging, write_all
with Staging(Path(sys.argv[1])).file() as (path, descriptor):
    write_all(descriptor, b"half")
    print(path, flush=True)
    time.sleep(60)
"""


@contextmanager
def umask(mask: int) -> Iterator[None]:
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)


def mode_of(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_a_file_is_replaced_and_its_folder_made(tmp_path: Path) -> None:
    file = tmp_path / "made" / "deep" / "file.json"

    write_whole(file, "größer")
    assert file.read_text("utf-8") == "größer"

    write_whole(file, b"\x00\xff")
    assert file.read_bytes() == b"\x00\xff"
    assert list(file.parent.iterdir()) == [file]


def test_a_file_in_the_folder_at_hand_is_written_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    write_whole("file", "here")

    assert (tmp_path / "file").read_text() == "here"


def test_a_disk_that_is_full_leaves_what_was_there_and_no_draft(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "file"
    write_whole(file, "before")
    taken: list[memoryview] = []

    def write(descriptor: int, content: memoryview) -> int:
        if taken:
            raise OSError(errno.ENOSPC, "No space left on device")
        taken.append(content)
        return len(content) // 2

    monkeypatch.setattr(os, "write", write)
    with pytest.raises(OSError, match="No space"):
        write_whole(file, "afterwards")

    assert file.read_text() == "before"
    assert list(tmp_path.iterdir()) == [file]


def test_a_disk_that_takes_a_part_at_a_time_gets_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, content: write(descriptor, content[:3]))

    write_whole(tmp_path / "file", "0123456789")

    assert (tmp_path / "file").read_text() == "0123456789"


def test_a_reader_sees_the_old_or_the_new_and_never_a_part(tmp_path: Path) -> None:
    file = tmp_path / "file"
    write_whole(file, b"a" * 100_000)
    seen = set()
    ended = threading.Event()

    def read() -> None:
        while not ended.is_set():
            seen.add(file.read_bytes())

    reader = threading.Thread(target=read)
    reader.start()
    for letter in b"bcdefgh" * 10:
        write_whole(file, bytes([letter]) * 100_000)
    ended.set()
    reader.join()

    assert all(len(content) == 100_000 and len(set(content)) == 1 for content in seen)


def test_a_file_is_its_owners_alone_unless_it_is_said_otherwise(tmp_path: Path) -> None:
    with umask(0o027):
        write_whole(tmp_path / "own", "")
        write_whole(tmp_path / "told", "", mode=0o664)
    with umask(0):
        write_whole(tmp_path / "open", "")

    assert mode_of(tmp_path / "own") == 0o600
    assert mode_of(tmp_path / "open") == 0o600
    assert mode_of(tmp_path / "told") == 0o640


def test_a_file_keeps_its_mode_where_that_is_asked(tmp_path: Path) -> None:
    file = tmp_path / "file"
    with umask(0o077):
        write_whole(file, "", mode=0o666, keep_mode=True)
        assert mode_of(file) == 0o600

        file.chmod(0o646)
        write_whole(file, "again", mode=0o600, keep_mode=True)

    assert mode_of(file) == 0o646


def test_a_draft_goes_if_nobody_renamed_it(tmp_path: Path) -> None:
    file = tmp_path / "file"
    with drafted(beside(file), b"content") as draft:
        assert Path(draft).read_bytes() == b"content"
        assert Path(draft).name.startswith(".")
    assert list(tmp_path.iterdir()) == []

    with drafted(beside(file), b"content") as draft:
        Path(draft).replace(file)
    assert list(tmp_path.iterdir()) == [file]

    with pytest.raises(ValueError), drafted(beside(file), b"content"):
        raise ValueError
    assert list(tmp_path.iterdir()) == [file]


def test_a_synced_draft_is_on_the_disk_before_it_can_be_renamed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced = []
    monkeypatch.setattr(os, "fsync", lambda file: synced.append(os.fstat(file).st_size))

    with drafted(beside(tmp_path / "file"), b"content"):
        assert synced == []
    with drafted(beside(tmp_path / "file"), b"content", synced=True):
        assert synced == [7]


def test_what_a_killed_writer_left_goes_and_what_one_writes_stays(tmp_path: Path) -> None:
    writer = subprocess.Popen(
        [sys.executable, "-c", _STAGE, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    assert writer.stdout is not None
    left = Path(writer.stdout.readline().strip())
    with Staging(tmp_path).file() as (mine, _):
        assert {left, mine} == set(tmp_path.iterdir())
        assert mode_of(mine) == 0o644

    writer.kill()
    writer.wait()
    writer.stdout.close()
    Staging(tmp_path).sweep()

    assert list(tmp_path.iterdir()) == []
