"""What leaves the image cache, and that nothing leaves it under a step's hands."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from photosearch.files.leases import FileLease, keeping, names_kept
from photosearch.images.cache import ImageCache

DAY_S = 86_400.0
FOREVER = 10_000.0


@pytest.fixture
def cache(tmp_path: Path) -> ImageCache:
    return ImageCache(tmp_path / "cache")


def keep(cache: ImageCache, names: str, size: int = 100) -> int:
    """Put photos of ``size`` bytes, each used a minute after the one before; the bytes put."""
    for place, name in enumerate(names):
        cache.put(name, b"x" * size)
        path = cache.path_of(name)
        assert path is not None
        moment = time.time() - 3600 + 60 * place
        os.utime(path, (moment, moment))
    return size * len(names)


def kept(cache: ImageCache, names: str) -> str:
    return "".join(name for name in names if cache.path_of(name) is not None)


def age(cache: ImageCache, name: str, days: float) -> None:
    path = cache.path_of(name)
    assert path is not None
    moment = time.time() - days * DAY_S
    os.utime(path, (moment, moment))


def test_beyond_its_size_those_used_longest_ago_go(cache: ImageCache) -> None:
    added = keep(cache, "abcdefghij")
    assert cache.read("b") is not None  # b is used now

    gone = cache.sweep(FOREVER, max_bytes=500, added=added)

    assert kept(cache, "abcdefghij") == "bhij"  # nine tenths of the bound
    assert gone == 6


def test_within_its_size_all_stay_and_nobody_walks(
    cache: ImageCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    added = keep(cache, "abc")
    cache.sweep(FOREVER, max_bytes=500, added=added)

    def walked(_cache: Path) -> Iterator[object]:
        raise AssertionError("walked")

    monkeypatch.setattr("photosearch.images.eviction._copies", walked)
    assert cache.sweep(FOREVER, max_bytes=500, added=keep(cache, "de")) == 0
    with pytest.raises(AssertionError, match="walked"):
        cache.sweep(FOREVER, max_bytes=500, added=keep(cache, "f"))


def test_the_count_follows_what_was_put_and_what_went(cache: ImageCache) -> None:
    cache.sweep(FOREVER, max_bytes=500, added=keep(cache, "abc"))
    for names in ("de", "fg", "hi"):
        cache.sweep(FOREVER, max_bytes=500, added=keep(cache, names))

    assert int((cache.folder / "bytes").read_text()) == 100 * len(kept(cache, "abcdefghi"))
    assert len(kept(cache, "abcdefghi")) <= 5


def test_what_is_kept_too_long_goes_even_if_it_was_just_used(cache: ImageCache) -> None:
    keep(cache, "ab")
    age(cache, "a", days=31)
    assert cache.read("a") is not None

    assert cache.sweep(30) == 1

    assert kept(cache, "ab") == "b"


def test_what_a_step_has_pinned_stays_however_old_and_however_full(cache: ImageCache) -> None:
    added = keep(cache, "abcd")
    age(cache, "a", days=99)

    with cache.keep(["a", "b", "../no/such/path"]):
        assert cache.sweep(30, max_bytes=1, added=added) == 2
        assert kept(cache, "abcd") == "ab"

    cache.sweep(30, max_bytes=1, added=1)
    assert kept(cache, "abcd") == ""


def test_a_photo_that_comes_while_it_is_pinned_stays_too(cache: ImageCache) -> None:
    with cache.keep(["late"]):
        added = keep(cache, "ab")
        cache.put("late", b"x" * 100)

        cache.sweep(FOREVER, max_bytes=1, added=added + 100)

        assert cache.read("late") is not None
    assert kept(cache, "ab") == ""


def test_the_pin_of_a_killed_process_holds_nothing(cache: ImageCache) -> None:
    added = keep(cache, "ab")
    code = (
        "import sys, time; from pathlib import Path\n"
        "from photosearch.images.cache import ImageCache\n"
        "with ImageCache(Path(sys.argv[1])).keep('ab'):\n"
        "    print('pinned', flush=True); time.sleep(60)\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(cache.folder)], stdout=subprocess.PIPE
    )
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"pinned\n"
        assert cache.sweep(FOREVER, max_bytes=1, added=added) == 0
        process.kill()

    assert cache.sweep(FOREVER, max_bytes=1, added=1) == 2
    assert list((cache.folder / "pins").glob("*.pin")) == []


def test_who_pins_during_a_deletion_waits_and_then_sees_what_is_gone(
    cache: ImageCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between looking at the pins and deleting, a step begins: it must not be told 'here'."""
    added = keep(cache, "a")
    seen: list[bool] = []
    started = threading.Event()

    def step() -> None:
        started.set()
        with cache.keep(["a"]):
            seen.append(cache.path_of("a") is not None)

    thread = threading.Thread(target=step)

    @contextmanager
    def kept_with_a_step_beginning(folder: Path) -> Iterator[frozenset[str]]:
        with names_kept(folder) as names:
            thread.start()
            started.wait()
            time.sleep(0.1)
            assert seen == []
            yield names

    monkeypatch.setattr("photosearch.files.bounded.names_kept", kept_with_a_step_beginning)
    cache.sweep(FOREVER, max_bytes=1, added=added)
    thread.join()

    assert seen == [False]


def test_steps_beside_an_eviction_that_never_ends_lose_nothing_they_pinned(
    cache: ImageCache,
) -> None:
    ended = threading.Event()
    lost: list[str] = []
    names = [f"{number}.jpg" for number in range(8)]

    def step(number: int) -> None:
        mine = names[number * 2 : number * 2 + 4]
        while not ended.is_set():
            with cache.keep(mine):
                for name in mine:
                    if cache.path_of(name) is None:
                        cache.put(name, b"x" * 50)
                time.sleep(0.001)
                lost.extend(name for name in mine if cache.read(name) is None)

    steps = [threading.Thread(target=step, args=(number,)) for number in range(3)]
    for thread in steps:
        thread.start()
    gone = 0
    deadline = time.monotonic() + 2
    while time.monotonic() < deadline:
        gone += cache.sweep(FOREVER, max_bytes=1, added=1)
    ended.set()
    for thread in steps:
        thread.join()

    assert lost == []
    assert gone > 0


def test_a_draft_that_is_being_written_is_left(cache: ImageCache) -> None:
    added = keep(cache, "a")
    path = cache.path_of("a")
    assert path is not None
    draft, old = path.with_name(".draft"), path.with_name(".old")
    for file in (draft, old):
        file.write_bytes(b"x")
    os.utime(old, (0, 0))

    cache.sweep(30, max_bytes=1, added=added)

    assert draft.exists()
    assert not old.exists()


def test_pins_of_several_owners_add_up_and_end_apart(tmp_path: Path) -> None:
    first, second = FileLease(tmp_path), FileLease(tmp_path)
    first.add(["a", "b"])
    second.add(["b"])
    second.add(["c"])
    with keeping(tmp_path, ["d"]), names_kept(tmp_path) as names:
        assert names == {"a", "b", "c", "d"}
    first.release()
    first.release()

    with names_kept(tmp_path) as names:
        assert names == {"b", "c"}
    second.release()
