"""Building a serving image of 256 MB, over reading, hashing and writing the same bytes once.

Eight windows of 32 MB go into an OCI layout folder, a layer each. The bare way beside it reads
the same files, takes one SHA-256 and writes one file; both have their bytes on the disk at the
end (fsync). The builder compares every file with its manifest as well, so it hashes twice.
Where buildah is installed, it builds an image of the same files. All in turn, in one run, from
files that are in memory; medians.
"""

import hashlib
import os
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TypeVar

from bench.rows import BenchRow
from index_grpc.serving.serving import Serving
from index_grpc.shipping.image import build_serving_image
from photosearch.oci.building.build import BuiltImage
from photosearch.oci.opening import open_builder
from photosearch.repository.addresses import Address
from photosearch.repository.repository import Repository
from photosearch.settings.settings import SETTINGS_FILE, Settings, load_settings
from photosearch.windows import Window

WINDOWS = 8
WINDOW_BYTES = 32 << 20
ROUNDS = 7
BUILDAH_ROUNDS = 3
FINGERPRINT = "bench"
CHUNK_BYTES = 1 << 20
Result = TypeVar("Result")


def measure() -> list[BenchRow]:
    """Publish the windows, then build their image and its rivals in turn."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        settings = _settings(folder)
        repository = Repository.open(settings.repository_url)
        serving, files = _publish(repository, folder / "made")
        bare: list[float] = []
        built: list[float] = []
        again: list[float] = []
        pushed_again = 0
        for number in range(ROUNDS):
            registry = settings.state / f"registry-{number}"
            build = partial(_build, serving, repository, settings, registry)
            bare.append(_seconds(partial(_read_hash_write, files, folder / "copy"))[0])
            built.append(_seconds(build)[0])
            seconds, image = _seconds(build)
            again.append(seconds)
            pushed_again += image.pushed_bytes
            shutil.rmtree(registry)
            shutil.rmtree(settings.state / "images")
        rows = _rows(bare, built, again, pushed_again)
        if shutil.which("buildah") is not None and os.geteuid() == 0:
            taken = _buildah(files, folder / "buildah")
            seconds = statistics.median(taken)
            rows.append(
                BenchRow(
                    "buildah builds the same, over our build",
                    seconds / statistics.median(built),
                    "×",
                    None,
                    f"{seconds:.2f} s, FROM scratch and a COPY a window, into its own storage",
                )
            )
        return rows


def _rows(
    bare: list[float], built: list[float], again: list[float], pushed_again: int
) -> list[BenchRow]:
    ratios = [ours / theirs for ours, theirs in zip(built, bare, strict=True)]
    each = ", ".join(f"{ratio:.2f}" for ratio in ratios)
    size = WINDOWS * WINDOW_BYTES >> 20
    return [
        BenchRow(
            f"serving image of {size} MB over reading, hashing and writing once",
            statistics.median(ratios),
            "×",
            "≤ 1.5",
            f"{statistics.median(built):.2f} s over {statistics.median(bare):.2f} s; rounds {each}",
        ),
        BenchRow(
            "bytes pushed the second time",
            pushed_again,
            "bytes",
            "0",
            f"{statistics.median(again) * 1000:.0f} ms to find the image",
        ),
    ]


def _settings(folder: Path) -> Settings:
    (folder / SETTINGS_FILE).write_text('state_dir = "state"\n')
    return load_settings(folder / SETTINGS_FILE)


def _publish(repository: Repository, folder: Path) -> tuple[Serving, Mapping[str, Path]]:
    """Windows of random bytes: what is in an index is nothing to its image."""
    folder.mkdir()
    windows = [Window.parse(f"daily/2026-10-{day:02d}") for day in range(1, WINDOWS + 1)]
    versions = []
    files: dict[str, Path] = {}
    for window in windows:
        content = folder / "vectors.npy"
        content.write_bytes(os.urandom(WINDOW_BYTES))
        address = Address.index(FINGERPRINT, window)
        manifest = repository.publish(
            address, {content.name: content}, rows=1, dimension=256, inputs=[], recipe={}
        )
        versions.append((window, manifest.version))
        here = repository.local_files(address, manifest.version, verify=False)
        files[window.start_text] = here / content.name
    return Serving.of(versions, fingerprint=FINGERPRINT, quantiser=None), files


def _build(
    serving: Serving, repository: Repository, settings: Settings, registry: Path
) -> BuiltImage:
    chosen = settings.model_copy(update={"registry_url": str(registry)})
    return build_serving_image(serving, repository, open_builder(chosen))


def _read_hash_write(files: Mapping[str, Path], copy: Path) -> None:
    digest = hashlib.sha256()
    with copy.open("wb") as written:
        for path in files.values():
            with path.open("rb") as read:
                while chunk := read.read(CHUNK_BYTES):
                    digest.update(chunk)
                    written.write(chunk)
        written.flush()
        os.fsync(written.fileno())
    copy.unlink()


def _buildah(files: Mapping[str, Path], folder: Path) -> list[float]:
    """Seconds of each build, in a storage of its own."""
    folder.mkdir()
    for name, path in files.items():
        os.link(path, folder / name)
    copies = "".join(f"COPY {name} /index/{name}\n" for name in files)
    (folder / "Containerfile").write_text(f"FROM scratch\n{copies}")
    with tempfile.TemporaryDirectory() as storage:
        stores = ["--root", f"{storage}/graph", "--runroot", f"{storage}/run"]
        command = ["buildah", *stores, "build", "--quiet", "--no-cache", str(folder)]
        run = partial(subprocess.run, command, check=True, capture_output=True)
        taken = [_seconds(run)[0] for _ in range(BUILDAH_ROUNDS)]
        subprocess.run(["umount", f"{storage}/graph/overlay"], capture_output=True)
    return taken


def _seconds(work: Callable[[], Result]) -> tuple[float, Result]:
    began = time.perf_counter()
    result = work()
    return time.perf_counter() - began, result
