"""Which key files are taken, and how the others are told, in one line."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from photosearch.oci.signing.signing_keys import KeyRefused, read_signing_key, read_trusted_key
from tests.oci.keys import PASSWORD, encrypted, make_key, openssl

_LABEL = "ENCRYPTED SIGSTORE PRIVATE KEY"
COSIGN = f"-----BEGIN {_LABEL}-----\nQUJD\n-----END {_LABEL}-----\n"


def _rsa(folder: Path) -> Path:
    openssl("genpkey", "-algorithm", "RSA", "-out", folder / "rsa.pem")
    return folder / "rsa.pem"


def _ed25519(folder: Path) -> Path:
    openssl("genpkey", "-algorithm", "ED25519", "-out", folder / "ed.pem")
    return folder / "ed.pem"


def _written(content: bytes | str) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        data = content.encode() if isinstance(content, str) else content
        (folder / "written.pem").write_bytes(data)
        return folder / "written.pem"

    return write


def _certificate(folder: Path) -> Path:
    key = make_key(folder)[0]
    made = folder / "certificate.pem"
    openssl("req", "-x509", "-key", key, "-subj", "/CN=shop", "-out", made)
    return made


def _two(folder: Path) -> Path:
    both = make_key(folder, "a")[1].read_bytes() + make_key(folder, "b")[1].read_bytes()
    return _written(both)(folder)


def _fifo(folder: Path) -> Path:
    os.mkfifo(folder / "pipe")
    return folder / "pipe"


@pytest.mark.parametrize("way", ["pkcs8", "encrypted", "ecparam"])
def test_a_key_that_openssl_makes_signs_what_its_public_key_verifies(
    tmp_path: Path, way: str
) -> None:
    private, public = make_key(tmp_path)
    password = None
    if way == "encrypted":
        private, password = encrypted(private), PASSWORD
    if way == "ecparam":
        openssl("ecparam", "-name", "prime256v1", "-genkey", "-out", private)
        openssl("ec", "-in", private, "-pubout", "-out", public)

    key = read_signing_key(private, tmp_path, password)
    trusted = read_trusted_key(Path(public.name), tmp_path)

    assert trusted.has_signed(b"content", key.sign(b"content"))
    assert not trusted.has_signed(b"another", key.sign(b"content"))
    assert not trusted.has_signed(b"content", b"no signature")
    assert key.public.fingerprint == trusted.fingerprint


WRONG: dict[str, tuple[Callable[[Path], Path], str]] = {
    "missing": (lambda folder: folder / "none.pem", "no such file"),
    "a folder": (lambda folder: folder, "no such file"),
    "a pipe": (_fifo, "no such file"),
    "empty": (_written(b""), "no PEM block"),
    "garbage": (_written(bytes(range(256)) * 4), "no PEM block"),
    "too large": (_written(b"x" * (1 << 20)), "more than 65536 bytes"),
    "cosign's own": (_written(COSIGN), "cosign's own encrypted form"),
    "a certificate": (_certificate, "a block 'CERTIFICATE'"),
    "P-384": (lambda folder: make_key(folder, curve="P-384")[0], "the curve secp384r1"),
    "RSA": (_rsa, "another kind (RSA)"),
    "Ed25519": (_ed25519, "another kind (Ed25519)"),
    "public": (lambda folder: make_key(folder)[1], "a block 'PUBLIC KEY'"),
}


@pytest.mark.parametrize("kind", WRONG)
def test_what_is_no_signing_key_is_named(tmp_path: Path, kind: str) -> None:
    make, found = WRONG[kind]

    with pytest.raises(KeyRefused) as refused:
        read_signing_key(make(tmp_path), tmp_path, None)

    told = str(refused.value)
    assert found in told
    assert "signing_key" in told
    assert "the limit is ECDSA on the curve P-256" in told
    assert "\n" not in told


TRUSTED = {kind: wrong for kind, wrong in WRONG.items() if kind not in ("P-384", "RSA", "public")}
TRUSTED |= {
    "private": (lambda folder: make_key(folder)[0], "a block 'PRIVATE KEY'"),
    "P-384": (lambda folder: make_key(folder, curve="P-384")[1], "the curve secp384r1"),
    "two keys": (_two, "2 PEM blocks"),
    "damaged": (
        _written("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"),
        "is no key",
    ),
}
del TRUSTED["Ed25519"]


@pytest.mark.parametrize("kind", TRUSTED)
def test_what_is_no_trusted_key_is_named(tmp_path: Path, kind: str) -> None:
    make, found = TRUSTED[kind]

    with pytest.raises(KeyRefused) as refused:
        read_trusted_key(make(tmp_path), tmp_path)

    told = str(refused.value)
    assert found in told
    assert "trusted_keys" in told
    assert "\n" not in told


@pytest.mark.parametrize(
    ("is_encrypted", "password", "found"),
    [
        (True, None, "an encrypted key without a password"),
        (True, "wrong", "signing_key_password"),
        (False, PASSWORD, "not encrypted"),
    ],
)
def test_a_password_that_does_not_fit_is_told(
    tmp_path: Path, is_encrypted: bool, password: str | None, found: str
) -> None:
    private = make_key(tmp_path)[0]
    path = encrypted(private) if is_encrypted else private

    with pytest.raises(KeyRefused) as refused:
        read_signing_key(path, tmp_path, password)

    assert found in str(refused.value)
    assert PASSWORD not in str(refused.value)
