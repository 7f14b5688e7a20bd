"""What an image may be called, and where a name leads."""

from pathlib import Path

import pytest

from photosearch.oci.errors import ImageError
from photosearch.oci.names import ImageName, parse_image_name
from photosearch.oci.opening import open_builder, open_registry
from photosearch.oci.remote.remote import RemoteRegistry
from tests.controller.made_repository import made_settings

DIGEST = "sha256:" + "0" * 64


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("registry:5000/shop/indexes", ("registry:5000", "shop/indexes", None, None)),
        ("registry/shop/indexes:1.0", ("registry", "shop/indexes", "1.0", None)),
        ("ghcr.io/a.b/c_d--e:latest", ("ghcr.io", "a.b/c_d--e", "latest", None)),
        (f"127.0.0.1:5000/x@{DIGEST}", ("127.0.0.1:5000", "x", None, DIGEST)),
        (f"[::1]:5000/x:1@{DIGEST}", ("[::1]:5000", "x", "1", DIGEST)),
    ],
)
def test_a_name_has_a_host_a_path_and_perhaps_a_tag_and_a_digest(
    name: str, parts: tuple[str, str, str | None, str | None]
) -> None:
    assert parse_image_name(name) == ImageName(*parts)


@pytest.mark.parametrize(
    "url",
    [
        *("oci://", "oci://registry:5000", "oci://registry:5000/", "oci:///shop"),
        *("oci://registry:port/shop", "oci://registry/Shop", "oci://registry/a b"),
        *("oci://registry/a//b", "oci://registry/a?b=1", "oci://registry/../a"),
        *("oci://registry/shop:tag", f"oci://registry/shop@{DIGEST}"),
        *("oci://[::1/shop", "http://registry/shop", "docker://registry/shop", "file://host/x"),
    ],
)
def test_a_url_that_leads_to_no_registry_is_refused_unasked(tmp_path: Path, url: str) -> None:
    with pytest.raises(ImageError, match=r"oci://HOST:PORT/NAME: found .*correct registry_url"):
        open_registry(made_settings(tmp_path, registry_url=url))


def test_a_password_in_the_url_is_refused_and_not_shown(tmp_path: Path) -> None:
    settings = made_settings(tmp_path, registry_url="oci://shop:secret@registry:5000/shop")

    with pytest.raises(ImageError, match="settings of their own") as refusal:
        open_registry(settings)

    assert "secret" not in str(refusal.value)


@pytest.mark.parametrize(
    "name", ["", "python", "python:3.11", "registry/x:", "registry/x@sha256:1"]
)
def test_a_base_that_is_no_image_is_refused_unasked(tmp_path: Path, name: str) -> None:
    with pytest.raises(ImageError, match=r"base_image names no image.*HOST:PORT/NAME:TAG"):
        open_builder(made_settings(tmp_path, base_image=name))


def test_a_host_needs_no_dot(tmp_path: Path) -> None:
    registry = open_registry(made_settings(tmp_path, registry_url="oci://registry/shop/indexes"))

    assert isinstance(registry, RemoteRegistry)
    assert registry.client.url("tags/list") == "https://registry/v2/shop/indexes/tags/list"
    assert registry.reference(DIGEST) == f"registry/shop/indexes@{DIGEST}"
