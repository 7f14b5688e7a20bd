"""Locks: who waits for whom, and what the end of a holder releases."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from photosearch.files.locks import (
    file_lock,
    is_held,
    lock_name,
    locked_by_name,
    new_locked,
    open_lock,
    take,
)

_HOLD = """
import sys, time
from pathlib import Path
from photosearch.files.locks import file_lock
with file_lock(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


@contextmanager
def held_by_another_process(path: Path) -> Iterator["subprocess.Popen[str]"]:
    process = subprocess.Popen(
        [sys.executable, "-c", _HOLD, str(path)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def test_a_lock_that_another_process_holds_is_refused_or_waited_for_until_that_is_killed(
    tmp_path: Path,
) -> None:
    path = tmp_path / "made" / "lock"
    with held_by_another_process(path) as holder:
        assert is_held(path)
        with pytest.raises(BlockingIOError, match="locked by another"), file_lock(path, wait=False):
            pass
        begun = time.monotonic()
        threading.Timer(0.2, holder.kill).start()
        with file_lock(path):
            assert time.monotonic() - begun > 0.15
            assert is_held(path)
    assert not is_held(path)
    assert not is_held(tmp_path / "none")


def test_a_lock_is_waited_for_as_long_as_was_said_and_no_longer(tmp_path: Path) -> None:
    with file_lock(tmp_path / "lock"):
        mine = open_lock(tmp_path / "lock")
        begun = time.monotonic()
        assert not take(mine, within_s=0.1)
        assert 0.1 <= time.monotonic() - begun < 2

        assert not take(mine, within_s=0)
        os.close(mine)


def test_those_who_share_a_lock_exclude_who_wants_it_alone(tmp_path: Path) -> None:
    alone, together = open_lock(tmp_path / "lock"), open_lock(tmp_path / "lock")
    with file_lock(tmp_path / "lock", shared=True):
        assert take(together, shared=True, within_s=0)
        assert not take(alone, within_s=0)

    os.close(together)

    assert take(alone, within_s=0)
    with pytest.raises(BlockingIOError), file_lock(tmp_path / "lock", shared=True, wait=False):
        pass
    os.close(alone)


def test_threads_wait_for_one_another(tmp_path: Path) -> None:
    told = []

    def second() -> None:
        with locked_by_name(tmp_path, "image/a"):
            told.append("second")

    with locked_by_name(tmp_path, "image/a"):
        thread = threading.Thread(target=second)
        thread.start()
        with locked_by_name(tmp_path, "layer/a"):  # another kind: nobody waits
            thread.join(0.1)
            told.append("first")
    thread.join(10)
    assert told == ["first", "second"]


def test_names_share_few_files_and_one_name_has_always_the_same() -> None:
    names = {lock_name("swap", f"hours/2026-11-{number}/HEAD") for number in range(10_000)}

    assert len(names) == 256
    assert lock_name("swap", "hours/2026-11-22T10/HEAD") == "swap-be"


def test_a_new_file_is_locked_as_soon_as_it_is_there(tmp_path: Path) -> None:
    descriptor, name = new_locked(tmp_path, suffix=".pin")

    assert name.endswith(".pin")
    assert is_held(Path(name))
    assert Path(name).stat().st_mode & 0o777 == 0o600
    os.close(descriptor)
    assert not is_held(Path(name))
