"""The base images, built once for all tests of a run, in a storage of their own."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NAMES = ("index-server", "api", "step", "code-location", "controller")
PREFIX = "localhost/photosearch"


@dataclass(frozen=True)
class Buildah:
    """buildah with a storage of this run's own."""

    environment: dict[str, str]

    def __call__(self, *arguments: str) -> str:
        done = subprocess.run(
            ["buildah", *arguments], env=self.environment, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()


@pytest.fixture(scope="session")
def buildah(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Buildah]:
    if os.geteuid() != 0 or any(shutil.which(p) is None for p in ("buildah", "unshare")):
        reason = "building images is tested as root with buildah: apt-get install buildah"
        if "CI" in os.environ:
            pytest.fail(reason)
        pytest.skip(reason)
    folder = tmp_path_factory.mktemp("storage")
    configuration = folder / "storage.conf"
    configuration.write_text(
        f'[storage]\ndriver = "overlay"\ngraphroot = "{folder}/graph"\nrunroot = "{folder}/run"\n'
    )
    yield Buildah({**os.environ, "CONTAINERS_STORAGE_CONF": str(configuration)})
    subprocess.run(["umount", "--recursive", "--lazy", folder / "graph"], capture_output=True)
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def base_images(buildah: Buildah) -> dict[str, str]:
    """The base images by name, as the script builds them without a registry of images."""
    command = ["scripts/build-containers", "--tool", "buildah", "--debian", "--prefix", PREFIX]
    done = subprocess.run(
        [*command, "--", "--isolation", "chroot"],
        env=buildah.environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    built = sorted(done.stdout.split())
    assert built == sorted(f"{PREFIX}/{name}:latest" for name in NAMES)
    return {name: f"{PREFIX}/{name}:latest" for name in NAMES}
