"""Whose password a registry gets: what Docker's configuration and its helpers say."""

import base64
import json
import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from photosearch.oci.errors import RegistryRefused
from photosearch.oci.remote import docker_config
from photosearch.oci.remote.docker_config import basic, stored_credentials

HOST = "registry.example:5000"
SHOP = basic("shop", "let me in")
Config = Callable[..., None]
Helper = Callable[[str, str], None]


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Config:
    """Writes the configuration."""
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))

    def write(**written: object) -> None:
        (tmp_path / "config.json").write_text(json.dumps(written))

    return write


@pytest.fixture
def helper(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Helper:
    """Makes a credential helper: its name, and what it does with the host in ``$host``."""
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")

    def make(name: str, script: str) -> None:
        program = tmp_path / f"docker-credential-{name}"
        program.write_text(f'#!/bin/sh\ntest "$1" = get || exit 7\nhost=$(cat)\n{script}\n')
        program.chmod(0o755)

    return make


def keeping(user: str, secret: str) -> str:
    return f"echo '{json.dumps({'ServerURL': 'x', 'Username': user, 'Secret': secret})}'"


def test_nothing_is_known_without_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "none"))

    assert stored_credentials(HOST) is None


def test_the_file_is_in_the_home_folder_unless_it_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DOCKER_CONFIG", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".docker").mkdir()
    (tmp_path / ".docker" / "config.json").write_text(json.dumps({"auths": {HOST: {"auth": SHOP}}}))

    assert stored_credentials(HOST) == SHOP


@pytest.mark.parametrize(
    "entry",
    [
        {"auth": SHOP},
        {"username": "shop", "password": "let me in", "email": "shop@shop.example"},
        {"auth": base64.b64encode(b"shop:let me in\0\0").decode()},
    ],
)
@pytest.mark.parametrize("name", [HOST, f"https://{HOST}", f"https://{HOST}/v1/", f"{HOST}/v2"])
def test_what_the_file_has_is_taken(config: Config, name: str, entry: dict[str, str]) -> None:
    config(auths={"other.example": {"auth": basic("other", "x")}, name: entry})

    assert stored_credentials(HOST) == SHOP


def test_another_hosts_are_not_taken(config: Config) -> None:
    config(auths={"example:5000": {"auth": SHOP}, f"{HOST}0": {"auth": SHOP}}, credHelpers={})

    assert stored_credentials(HOST) is None


def test_a_password_may_have_a_colon_and_any_letter(config: Config) -> None:
    written = base64.b64encode("shop:grün:☂".encode()).decode()
    config(auths={HOST: {"auth": written}})

    assert stored_credentials(HOST) == written


def test_this_machine_goes_by_two_names(config: Config) -> None:
    config(auths={"localhost:5000": {"auth": SHOP}})

    assert stored_credentials("127.0.0.1:5000") == SHOP
    assert stored_credentials("127.0.0.1:5001") is None


def test_the_hosts_own_helper_is_asked_before_that_for_all(config: Config, helper: Helper) -> None:
    helper("own", keeping("shop", "let me in"))
    helper("all", keeping("somebody", "else"))
    config(auths={HOST: {}}, credHelpers={HOST: "own"}, credsStore="all")

    assert stored_credentials(HOST) == SHOP
    assert stored_credentials("other.example") == basic("somebody", "else")


def test_a_helper_is_told_the_host(config: Config, helper: Helper) -> None:
    helper("all", 'printf \'{"Username": "%s", "Secret": "x"}\' "$host"')
    config(credsStore="all")

    assert stored_credentials(HOST) == basic(HOST, "x")


def test_a_helper_that_keeps_nothing_or_is_not_there_lets_the_next_be_asked(
    config: Config, helper: Helper
) -> None:
    helper("empty", "echo credentials not found in native keychain; exit 1")
    helper("all", keeping("shop", "let me in"))
    for first in ("empty", "nowhere"):
        config(credHelpers={HOST: first}, credsStore="all")
        assert stored_credentials(HOST) == SHOP

    config(credHelpers={HOST: "nowhere"}, credsStore="empty")
    assert stored_credentials(HOST) is None


@pytest.mark.parametrize(
    "damaged",
    [
        {"auths": []},
        {"auths": {HOST: "shop"}},
        {"auths": {HOST: {"auth": "no base64!"}}},
        {"auths": {HOST: {"auth": base64.b64encode(b"shop").decode()}}},
        {"auths": {HOST: {"auth": 5}}},
        {"credHelpers": [HOST]},
        {"credHelpers": {HOST: ["own"]}},
        {"credsStore": "words"},
        {"credsStore": "other"},
    ],
)
def test_what_is_damaged_is_told_and_names_the_file(
    config: Config, helper: Helper, tmp_path: Path, damaged: dict[str, object]
) -> None:
    helper("words", "echo what?")
    helper("other", 'echo \'{"Username": "shop"}\'')
    config(**damaged)

    with pytest.raises(RegistryRefused, match=rf"credentials for {HOST} .*{tmp_path}/config.json"):
        stored_credentials(HOST)


def test_a_helper_that_hangs_is_told(
    config: Config, helper: Helper, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(docker_config, "HELPER_S", 0.2)
    helper("hung", "exec sleep 60")
    config(credsStore="hung")
    began = time.monotonic()

    with pytest.raises(RegistryRefused, match=subprocess.TimeoutExpired.__name__):
        stored_credentials(HOST)

    assert time.monotonic() - began < 30
