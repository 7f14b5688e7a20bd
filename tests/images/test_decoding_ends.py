"""No photo keeps its decoder for longer, or takes more memory, than the limits say.

What is asserted is CPU time, of this process and of those that decode, never the clock's.
"""

import os
import re
import resource
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import numpy as np
import psutil
import pytest
from PIL import Image

from photosearch.images.decode import decode_if_little_work, decode_photo
from photosearch.images.decoding.decode_processes import Abandoned, Abandonment
from photosearch.images.decoding.decoder import Decoder
from photosearch.images.formats.find_exif import find_exif
from photosearch.images.photo_error import PhotoError
from photosearch.settings.settings import Settings
from tests.images.hostile import (
    HOSTILE,
    bmp_of_runs,
    jpeg_of_exif,
    jpeg_of_fill_bytes,
    noise,
    png,
    png_chunk,
    saved,
    small_png,
)
from tests.processes import stopped
from tests.waiting import until

LIMIT_S = 2.0
PATIENCE_S = 120.0
SLOW = bmp_of_runs(4000, 4000)
"""Some 8 s of CPU in a decoder that nobody ends."""

USUAL: list[tuple[str, dict[str, object]]] = [
    ("JPEG", {}),
    ("JPEG", {"progressive": True}),
    ("PNG", {}),
    ("WEBP", {}),
    ("WEBP", {"lossless": True}),
]
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP", "AVIF")


@pytest.fixture(scope="module")
def decoder() -> Iterator[Decoder]:
    with Decoder(limits(), processes=2) as decoder:
        yield decoder


def limits(cpu_s: float = LIMIT_S, memory_bytes: int = 256 << 20) -> Settings:
    return Settings(decode_cpu_s=cpu_s, decode_memory_bytes=memory_bytes)


def spent_s(decoder: Decoder) -> float:
    """CPU seconds of this process, of those that decode and of those that decoded."""
    total = time.process_time()
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    total += ended.ru_utime + ended.ru_stime
    for pid in decoder.pids:
        times = psutil.Process(pid).cpu_times()
        total += times.user + times.system
    return total


def memory_bytes(pid: int, kind: str) -> int:
    (line,) = re.findall(rf"{kind}:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    return int(line) << 10


@pytest.mark.parametrize("kind", HOSTILE)
def test_no_file_is_more_work_than_the_limits(kind: str, decoder: Decoder) -> None:
    photo = HOSTILE[kind]()
    before = spent_s(decoder)

    with suppress(PhotoError):  # some are read, and some are refused
        decoder.decode(photo, name="photo 'a'")

    # A process that is ended is started anew, for some half a second of CPU.
    assert spent_s(decoder) - before < LIMIT_S + 2.0
    for pid in decoder.pids:
        assert memory_bytes(pid, "VmHWM") < 400 << 20
    assert decoder.decode(saved(noise(300, 200), "GIF")).shape == (200, 300, 3)


def test_what_is_decoded_without_a_process_is_little_work() -> None:
    for photo in (
        jpeg_of_fill_bytes(8_380_000, is_ended=False),
        jpeg_of_fill_bytes(8_380_000, is_ended=False, progressive=True),
        jpeg_of_fill_bytes(15 << 20, is_ended=True, progressive=True),
        jpeg_of_exif(900),
        small_png(before=png_chunk(b"eXIf", b"Exif\0\0" * 690_000)),
    ):
        before = time.process_time()
        with suppress(PhotoError):
            decode_if_little_work(photo, max_megapixels=110)
        assert time.process_time() - before < 1.5


@pytest.mark.parametrize("kind", HOSTILE)
def test_looking_for_a_date_is_little_work(kind: str) -> None:
    photo = HOSTILE[kind]()
    with tempfile.TemporaryFile() as file:
        file.write(photo)
        file.seek(0)

        before = time.process_time()
        find_exif(file)

    assert time.process_time() - before < 1.0


@pytest.mark.parametrize("kind", [kind for kind in HOSTILE if kind.startswith("AVIF of 100,000")])
def test_what_an_avif_names_is_counted_before(kind: str) -> None:
    with pytest.raises(PhotoError, match="more than 10,000 boxes and entries"):
        decode_photo(HOSTILE[kind](), max_megapixels=110)


def test_a_photo_that_takes_too_long_says_so(decoder: Decoder) -> None:
    with pytest.raises(PhotoError) as caught:
        decoder.decode(SLOW, name="photo 'a.bmp'")

    error = caught.value
    assert error.what == "photo 'a.bmp' takes too much work to decode"
    assert error.found == "more than 0.633 s of CPU"
    assert error.limit == "0.633 s for 16.0 megapixels (decode_cpu_s)"


def test_a_photo_that_takes_too_much_memory_says_so(decoder: Decoder) -> None:
    for photo in (
        png(9000, 9000, b"", colour=6),
        HOSTILE["WebP of 100 megapixels"](),
        HOSTILE["TIFF of overlapping tags"](),
    ):
        with pytest.raises(PhotoError) as caught:
            decoder.decode(photo, name="photo 'a'")
        assert caught.value.what == "photo 'a' takes too much memory to decode"
        assert caught.value.limit == "256 MiB (decode_memory_bytes)"


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("size", [(80, 60), (950, 710)])
def test_pixels_are_the_same_wherever_they_are_made(
    kind: str, size: tuple[int, int], decoder: Decoder
) -> None:
    photo = saved(noise(*size), kind)

    apart = decoder.decode_apart(photo, side=224, name="photo")

    assert np.array_equal(apart, decode_photo(photo, max_megapixels=110))
    assert np.array_equal(decoder.decode(photo), apart)


def test_a_usual_jpeg_png_or_webp_needs_no_process() -> None:
    with Decoder(limits()) as decoder:
        for kind, options in USUAL:
            pixels = decoder.decode(saved(noise(800, 600), kind, **options))
            assert pixels.shape == (300, 400, 3)
        assert decoder.pids == []

        decoder.decode(saved(noise(80, 60), "GIF"))
        assert len(decoder.pids) == 1


def test_what_is_given_up_is_not_decoded_on() -> None:
    with Decoder(limits(cpu_s=600.0), processes=2) as decoder, ThreadPoolExecutor(8) as threads:
        abandonments = [Abandonment() for _ in range(6)]
        waiting = [
            threads.submit(decoder.decode_apart, SLOW, side=224, name="a", abandonment=abandonment)
            for abandonment in abandonments
        ]
        until(lambda: len(decoder.pids) > 0)

        for abandonment in abandonments:
            abandonment.give_up()

        for one in waiting:
            assert isinstance(one.exception(PATIENCE_S), Abandoned)
        assert decoder.decode(saved(noise(300, 200), "GIF")).shape == (200, 300, 3)


def test_a_photo_that_was_given_up_before_is_not_begun(decoder: Decoder) -> None:
    abandonment = Abandonment()
    abandonment.give_up()

    with pytest.raises(Abandoned):
        decoder.decode_apart(SLOW, side=224, name="a", abandonment=abandonment)


def test_large_photos_leave_a_place_for_small_ones() -> None:
    with Decoder(limits(cpu_s=600.0), processes=2) as decoder, ThreadPoolExecutor(8) as threads:
        abandonments = [Abandonment() for _ in range(4)]
        large = [
            threads.submit(decoder.decode_apart, SLOW, side=224, name="a", abandonment=abandonment)
            for abandonment in abandonments
        ]
        until(lambda: len(decoder.pids) > 0)

        with stopped(decoder.pids[0]):
            small = decoder.decode(saved(noise(300, 200), "GIF"))

            assert small.shape == (200, 300, 3)
            assert not any(one.done() for one in large)
        for abandonment in abandonments:
            abandonment.give_up()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGSEGV])
def test_a_process_that_was_ended_is_replaced(number: signal.Signals) -> None:
    photo = saved(noise(300, 200), "GIF")
    with Decoder(limits(), processes=2) as decoder:
        decoder.decode(photo)
        (first,) = decoder.pids

        os.kill(first, number)

        assert decoder.decode(photo).shape == (200, 300, 3)
        assert first not in decoder.pids


def test_what_photos_before_it_left_is_not_a_photos_fault() -> None:
    photo = saved(Image.new("RGB", (2000, 2000)), "TIFF", compression="tiff_lzw")
    with Decoder(limits(), processes=1) as decoder:
        decoder.decode(saved(noise(30, 20), "GIF"))
        (first,) = decoder.pids
        # As if all but 4 MiB of its memory were in use.
        little = memory_bytes(first, "VmData") + (4 << 20)
        resource.prlimit(first, resource.RLIMIT_DATA, (little, little))

        assert decoder.decode(photo).shape[2] == 3
        assert first not in decoder.pids


@pytest.mark.parametrize("kind", ["PNG", "GIF"])
def test_a_fault_of_ours_makes_one_photo_unusable(
    kind: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A PNG so small is decoded here, a GIF in a process of its own."""
    broken = "from photosearch.images.formats import gif\ngif.first_picture = lambda data: 1 // 0\n"
    (tmp_path / "sitecustomize.py").write_text(broken)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.setattr("photosearch.images.formats.png.read_png", lambda data: 1 // 0)

    with Decoder(limits(), processes=1) as decoder:
        with pytest.raises(PhotoError, match=r"a fault of photosearch itself .*ZeroDivisionError"):
            decoder.decode(saved(noise(30, 20), kind), name="photo 'a'")
        assert decoder.decode(saved(noise(30, 20), "TIFF")).shape == (20, 30, 3)


def test_a_photo_that_ends_every_process_is_unusable(monkeypatch: pytest.MonkeyPatch) -> None:
    with Decoder(limits(cpu_s=600.0), processes=1) as decoder:
        stop = threading.Event()

        def kill() -> None:
            while not stop.wait(0.02):
                for pid in decoder.pids:
                    os.kill(pid, signal.SIGKILL)

        killer = threading.Thread(target=kill)
        killer.start()
        try:
            with pytest.raises(PhotoError, match="twice the process that decoded it ended"):
                decoder.decode_apart(SLOW, side=224, name="photo")
        finally:
            stop.set()
            killer.join()
        assert decoder.decode(saved(noise(300, 200), "GIF")).shape == (200, 300, 3)


def test_many_threads_share_the_processes(decoder: Decoder) -> None:
    photos = [saved(noise(40 + n, 30), kind) for n in range(8) for kind in ("TIFF", "GIF", "AVIF")]

    with ThreadPoolExecutor(12) as threads:
        shapes = [one.shape for one in threads.map(decoder.decode, photos)]

    assert shapes == [(30, 40 + n, 3) for n in range(8) for _ in range(3)]
    assert len(decoder.pids) <= 2


def test_closing_ends_the_processes_and_whoever_waits() -> None:
    decoder = Decoder(limits(cpu_s=600.0), processes=1)
    with ThreadPoolExecutor(3) as threads:
        waiting = [threads.submit(decoder.decode, SLOW) for _ in range(3)]
        until(lambda: len(decoder.pids) == 1)
        (pid,) = decoder.pids

        decoder.close()

        for one in waiting:
            assert isinstance(one.exception(PATIENCE_S), Abandoned)
    assert not psutil.pid_exists(pid)


_PARENT = """
import sys, threading
from pathlib import Path
from photosearch.images.decoding.decoder import Decoder
from photosearch.settings.settings import Settings
decoder = Decoder(Settings(decode_cpu_s=600), processes=1)
photo = Path(sys.argv[1]).read_bytes()
threading.Thread(target=decoder.decode, args=[photo], daemon=True).start()
while not decoder.pids: pass
print(decoder.pids[0], flush=True)
sys.stdin.read()
"""


def test_a_process_that_decodes_ends_with_its_parent(tmp_path: Path) -> None:
    photo = tmp_path / "slow.bmp"
    photo.write_bytes(bmp_of_runs(2000, 7000))
    with subprocess.Popen(
        [sys.executable, "-c", _PARENT, photo], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as parent:
        assert parent.stdout is not None
        worker = psutil.Process(int(parent.stdout.readline()))
        until(lambda: worker.cpu_times().user > 1.5)  # it has started and decodes

        parent.kill()
        parent.wait()

    until(lambda: not worker.is_running() or worker.status() == psutil.STATUS_ZOMBIE)


def test_the_processes_hold_nothing_of_their_parents(decoder: Decoder, tmp_path: Path) -> None:
    with (tmp_path / "secret").open("w+b") as file:
        os.set_inheritable(file.fileno(), True)
        with Decoder(limits(), processes=1) as fresh:
            fresh.decode(saved(noise(80, 60), "GIF"))
            opened = psutil.Process(fresh.pids[0]).open_files()

    assert [one.path for one in opened if "secret" in one.path] == []
