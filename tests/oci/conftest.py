"""Both places of images, and certificates that openssl makes."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from photosearch.oci.building.build import ImageBuilder
from photosearch.oci.opening import open_builder
from photosearch.oci.registry import ImageRegistry
from photosearch.settings.settings import Settings
from tests.controller.made_repository import MadeRepository, made_settings
from tests.oci.docker_registry import DockerRegistry, running_registry

NAME = "shop/indexes"


@pytest.fixture
def docker_registry(tmp_path: Path) -> Iterator[DockerRegistry]:
    """An open registry that speaks plain HTTP."""
    with running_registry(tmp_path / "docker-registry") as registry:
        yield registry


@pytest.fixture(params=["folder", "registry"])
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    """Settings of a shop whose images lie in a folder, or in a registry."""
    if request.param == "folder":
        return made_settings(tmp_path / "shop")
    address = request.getfixturevalue("docker_registry").address
    return registry_settings(tmp_path / "shop", address)


@pytest.fixture
def builder(settings: Settings) -> ImageBuilder:
    return open_builder(settings)


@pytest.fixture
def registry(builder: ImageBuilder) -> ImageRegistry:
    return builder.registry


@pytest.fixture
def made(settings: Settings) -> MadeRepository:
    return MadeRepository(settings)


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 that signs itself, and its key."""
    folder = tmp_path_factory.mktemp("certificate")
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"),
            *("-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"),
            *("-keyout", str(key), "-out", str(certificate)),
        ],
        check=True,
        capture_output=True,
    )
    return certificate, key


def registry_settings(folder: Path, address: str, **values: object) -> Settings:
    """Settings of a shop whose images lie in the registry at ``address``."""
    url = f"oci://{address}/{NAME}"
    return made_settings(folder, **{"registry_url": url, "registry_insecure": True, **values})
