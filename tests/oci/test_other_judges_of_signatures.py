"""What signs here is understood by others: openssl judges, skopeo finds and copies it."""

import base64
import json
import shutil
import subprocess
from pathlib import Path

import pytest

from index_grpc.shipping.image import build_serving_image
from photosearch.oci.opening import open_builder
from photosearch.oci.signing.signatures import PAYLOAD, SIGNATURE, read_signatures, sign
from photosearch.oci.signing.signing_keys import read_signing_key
from tests.controller.made_repository import MadeRepository, made_settings
from tests.oci.conftest import NAME, registry_settings
from tests.oci.docker_registry import DockerRegistry
from tests.oci.keys import PASSWORD, encrypted, make_key, openssl
from tests.oci.test_bad_input import serving_of


@pytest.mark.parametrize("is_encrypted", [False, True])
def test_openssl_verifies_a_signature(tmp_path: Path, is_encrypted: bool) -> None:
    settings = made_settings(tmp_path / "shop")
    made, builder = MadeRepository(settings), open_builder(settings)
    registry = builder.registry
    private, public = make_key(tmp_path)
    serving = serving_of(made.hour("hourly/2026-11-22T00"))
    digest = build_serving_image(serving, made.repository, builder).digest
    path, password = (encrypted(private), PASSWORD) if is_encrypted else (private, None)
    sign(registry, digest, read_signing_key(path, tmp_path, password))

    (found,) = read_signatures(registry, digest)
    payload, signature = tmp_path / "payload", tmp_path / "signature"
    payload.write_bytes(found.payload)
    signature.write_bytes(found.signature)

    judged = openssl("dgst", "-sha256", "-verify", public, "-signature", signature, payload)
    assert b"Verified OK" in judged.stdout
    payload.write_bytes(found.payload.replace(digest[-8:].encode(), b"00000000"))
    judged = openssl(
        "dgst", "-sha256", "-verify", public, "-signature", signature, payload, check=False
    )
    assert judged.returncode != 0
    critical = json.loads(found.payload)["critical"]
    assert critical["image"] == {"docker-manifest-digest": digest}
    assert critical["type"] == "cosign container image signature"


def test_skopeo_finds_the_signature_and_carries_it_along(
    docker_registry: DockerRegistry, tmp_path: Path
) -> None:
    if shutil.which("skopeo") is None:
        pytest.skip("skopeo is not installed: apt-get install skopeo")
    settings = registry_settings(tmp_path / "shop", docker_registry.address)
    made, builder = MadeRepository(settings), open_builder(settings)
    registry = builder.registry
    private, _ = make_key(tmp_path)
    serving = serving_of(made.hour("hourly/2026-11-22T00", rows=3))
    digest = build_serving_image(serving, made.repository, builder).digest
    sign(registry, digest, read_signing_key(private, tmp_path, None))
    (ours,) = read_signatures(registry, digest)

    copied = _copy(docker_registry, digest, tmp_path / "copied")

    (found,) = copied.glob("signature-*")
    # A copy in a folder begins with its kind; JSON follows, with the bytes in base64.
    told = json.loads(found.read_bytes()[found.read_bytes().index(b"{") :])
    assert base64.b64decode(told["payload"]) == ours.payload
    assert told["mimeType"] == PAYLOAD
    assert base64.b64decode(told["annotations"][SIGNATURE]) == ours.signature


def _copy(registry: DockerRegistry, digest: str, folder: Path) -> Path:
    """Copy an image into a folder, with the signatures attached to it.

    By a policy that asks for none: Debian's skopeo is built without judging them.
    """
    folder.mkdir()
    policy = {"default": [{"type": "insecureAcceptAnything"}]}
    (folder / "policy.json").write_text(json.dumps(policy))
    (folder / "registries.d").mkdir()
    attached = f"docker:\n  {registry.address}:\n    use-sigstore-attachments: true\n"
    (folder / "registries.d" / "shop.yaml").write_text(attached)
    subprocess.run(
        [
            *("skopeo", "--policy", folder / "policy.json"),
            *("--registries.d", folder / "registries.d", "copy", "--src-tls-verify=false"),
            *(f"docker://{registry.address}/{NAME}@{digest}", f"dir:{folder / 'image'}"),
        ],
        check=True,
        timeout=120,
    )
    return folder / "image"
