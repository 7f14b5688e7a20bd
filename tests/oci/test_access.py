"""Getting into a registry: passwords, tokens, certificates."""

import base64
import json
import os
import time
from pathlib import Path
from typing import Any

import pytest

from index_grpc.shipping.image import build_serving_image
from photosearch.oci.documents import this_platform
from photosearch.oci.errors import ImageMissing, RegistryRefused
from photosearch.oci.opening import open_builder, open_registry
from photosearch.oci.registry import Bytes, ImageRegistry
from photosearch.settings.settings import load_settings
from tests.controller.made_repository import MadeRepository
from tests.oci.conftest import registry_settings
from tests.oci.docker_registry import HTPASSWD, DockerRegistry, running_registry
from tests.oci.test_bad_input import put_base, serving_of
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


def test_dockers_configuration_is_where_docker_config_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running_registry(tmp_path / "registry", auth=basic(tmp_path)) as docker:
        docker_configuration(tmp_path / "home", docker.address, "wrong")
        docker_configuration(tmp_path / "pod", docker.address)
        monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "pod" / ".docker"))

        assert keeps_blobs(open_registry(registry_settings(tmp_path, docker.address)))


def credential_helper(folder: Path, address: str, script: str, monkeypatch: Any) -> None:
    """What ``docker login`` leaves where a helper keeps the passwords."""
    file = folder / ".docker" / "config.json"
    file.parent.mkdir(parents=True)
    file.write_text(json.dumps({"auths": {address: {}}, "credHelpers": {address: "shop"}}))
    helper = folder / "docker-credential-shop"
    helper.write_text(f"#!/bin/sh\ncat > /dev/null\n{script}\n")
    helper.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")


def test_a_credential_helper_lets_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with running_registry(tmp_path / "registry", auth=basic(tmp_path)) as docker:
        told = json.dumps({"Username": "shop", "Secret": "let me in"})
        credential_helper(tmp_path / "home", docker.address, f"echo '{told}'", monkeypatch)

        assert keeps_blobs(open_registry(registry_settings(tmp_path, docker.address)))


@pytest.mark.parametrize("damage", ["no JSON", "a list", "a helper's words", "a helper's rights"])
def test_credentials_that_can_not_be_read_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: str
) -> None:
    home = tmp_path / "home"
    with running_registry(tmp_path / "registry", auth=basic(tmp_path)) as docker:
        credential_helper(home, docker.address, "echo what?", monkeypatch)
        if damage == "a helper's rights":
            (home / "docker-credential-shop").chmod(0o644)
        elif damage != "a helper's words":
            text = "{" if damage == "no JSON" else "[1]"
            (home / ".docker" / "config.json").write_text(text)
        registry = open_registry(registry_settings(tmp_path, docker.address))

        with pytest.raises(RegistryRefused, match=r"credentials for .* found .*docker login"):
            registry.tags()


def test_the_base_images_host_never_sees_the_registrys_password(
    tmp_path: Path, certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    file, key = certificate
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    auth = basic(tmp_path)
    with (
        running_registry(tmp_path / "registry", auth=auth) as ours,
        running_registry(tmp_path / "other", auth=auth, certificate=file, key=key) as theirs,
    ):
        settings = registry_settings(
            tmp_path,
            ours.address,
            registry_user="shop",
            registry_password="let me in",
            base_image=f"{theirs.address}/shop/index-server:1.0",
        )

        # Theirs is spoken to by TLS, though ours is not, and as nobody.
        with pytest.raises(RegistryRefused, match=f"401 Unauthorized.* from {theirs.address}"):
            open_builder(settings).read_base()
        docker_configuration(tmp_path / "home", theirs.address)
        with pytest.raises(ImageMissing, match="there is no base image"):
            open_builder(settings).read_base()
        assert keeps_blobs(open_registry(settings))


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


def test_a_base_is_mounted_with_a_right_to_each_of_the_two_repositories(
    tmp_path: Path, certificate: tuple[Path, Path]
) -> None:
    with (
        running_token_server(certificate) as tokens,
        running_registry(tmp_path / "registry", auth=tokens.auth()) as docker,
    ):
        docker_configuration(tmp_path / "home", docker.address)
        bases = registry_settings(tmp_path / "bases", docker.address)
        url = f"oci://{docker.address}/shop/base"
        put_base(open_registry(load_settings(bases.file, registry_url=url)), "1", this_platform())
        settings = registry_settings(
            tmp_path / "shop", docker.address, base_image=f"{docker.address}/shop/base:1"
        )
        made = MadeRepository(settings)

        serving = serving_of(made.hour("hourly/2026-11-22T00"))
        build_serving_image(serving, made.repository, open_builder(settings))

        mounts = [r.status for r in docker.requests() if "mount=" in r.path]
        assert 201 in mounts


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
