"""Getting into a registry: passwords, tokens, certificates."""

import base64
import json
import time
from pathlib import Path

import pytest

from photosearch.oci.errors import RegistryRefused
from photosearch.oci.image_registry import Bytes, ImageRegistry, open_registry
from tests.oci.conftest import registry_settings
from tests.oci.docker_registry import HTPASSWD, DockerRegistry, running_registry
from tests.oci.token_server import running_token_server

CONTENT = b"layer " * 50_000


@pytest.fixture(autouse=True)
def no_credentials_of_this_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("DOCKER_CONFIG", raising=False)


def docker_configuration(home: Path, address: str, password: str = "let me in") -> None:
    """What ``docker login`` writes."""
    file = home / ".docker" / "config.json"
    file.parent.mkdir(parents=True)
    auth = base64.b64encode(f"shop:{password}".encode()).decode()
    file.write_text(json.dumps({"auths": {address: {"auth": auth}}}))


def keeps_blobs(registry: ImageRegistry) -> bool:
    blob = registry.put_blob(Bytes(CONTENT))
    return registry.blob_size(blob.digest) == len(CONTENT) and registry.tags() == []


def basic(folder: Path) -> dict[str, object]:
    file = folder / "htpasswd"
    file.write_text(HTPASSWD)
    return {"htpasswd": {"realm": "shop", "path": str(file)}}


def test_a_password_in_the_settings_lets_in_and_a_layer_is_sent_once(tmp_path: Path) -> None:
    with running_registry(tmp_path / "registry", auth=basic(tmp_path)) as docker:
        settings = registry_settings(
            tmp_path, docker.address, registry_user="shop", registry_password="let me in"
        )

        assert keeps_blobs(open_registry(settings))

        sent = [request for request in docker.requests() if request.method == "PATCH"]
        assert [request.status for request in sent] == [202]


def test_dockers_configuration_lets_in(tmp_path: Path) -> None:
    with running_registry(tmp_path / "registry", auth=basic(tmp_path)) as docker:
        docker_configuration(tmp_path / "home", docker.address)

        assert keeps_blobs(open_registry(registry_settings(tmp_path, docker.address)))


@pytest.mark.parametrize("password", [None, "wrong"])
def test_without_the_right_password_it_is_told_how_to_sign_in(
    tmp_path: Path, password: str | None
) -> None:
    with running_registry(tmp_path / "registry", auth=basic(tmp_path)) as docker:
        if password is not None:
            docker_configuration(tmp_path / "home", docker.address, password)
        registry = open_registry(registry_settings(tmp_path, docker.address))

        with pytest.raises(RegistryRefused, match=r"found 401 Unauthorized.*docker login"):
            registry.put_blob(Bytes(CONTENT))
        with pytest.raises(RegistryRefused, match="401 Unauthorized"):
            registry.tags()


def test_a_token_is_fetched_for_each_right(tmp_path: Path, certificate: tuple[Path, Path]) -> None:
    with (
        running_token_server(certificate) as tokens,
        running_registry(tmp_path / "registry", auth=tokens.auth()) as docker,
    ):
        docker_configuration(tmp_path / "home", docker.address)
        registry = open_registry(registry_settings(tmp_path, docker.address))

        assert registry.document("today") is None
        assert keeps_blobs(registry)

        # To read comes first, and its token does not do for writing.
        assert tokens.scopes[0].endswith(":pull")
        assert any("push" in scope for scope in tokens.scopes)


def test_a_token_that_has_expired_is_fetched_anew(
    tmp_path: Path, certificate: tuple[Path, Path]
) -> None:
    with (
        # The registry allows a minute for clocks that differ.
        running_token_server(certificate, lifetime_s=-58) as tokens,
        running_registry(tmp_path / "registry", auth=tokens.auth()) as docker,
    ):
        docker_configuration(tmp_path / "home", docker.address)
        registry = open_registry(registry_settings(tmp_path, docker.address))
        assert registry.document("today") is None
        fetched = len(tokens.scopes)
        time.sleep(3)

        assert registry.document("today") is None

        assert len(tokens.scopes) == fetched + 1


def test_a_certificate_file_is_trusted_and_an_unknown_certificate_is_not(
    tmp_path: Path, certificate: tuple[Path, Path]
) -> None:
    file, key = certificate
    with running_registry(tmp_path / "registry", certificate=file, key=key) as docker:
        trusting = registry_settings(
            tmp_path / "trusting",
            docker.address,
            registry_insecure=False,
            registry_ca_file=file,
        )
        other = registry_settings(tmp_path / "other", docker.address, registry_insecure=False)

        assert keeps_blobs(open_registry(trusting))
        with pytest.raises(RegistryRefused, match=r"TLS failed.*registry_ca_file"):
            open_registry(other).tags()


def test_plain_http_is_spoken_only_when_it_is_set(
    tmp_path: Path, docker_registry: DockerRegistry
) -> None:
    settings = registry_settings(tmp_path, docker_registry.address, registry_insecure=False)

    with pytest.raises(RegistryRefused, match="registry_insecure"):
        open_registry(settings).tags()
