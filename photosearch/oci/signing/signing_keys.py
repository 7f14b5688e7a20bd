"""The keys that sign images and those that are trusted to, read from PEM files.

One kind: ECDSA on the curve P-256, which is what cosign makes and all who read its signatures
understand. What is in a file is told by its PEM label, so that a certificate, a private key in
a public one's place, or cosign's own encrypted form is named as what it is.
"""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from photosearch.oci.errors import ImageError

MOST_KEY_BYTES = 64 << 10
KIND = "ECDSA on the curve P-256, in PEM"
MAKE = "openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out signing.pem"
MAKE_PUBLIC = "openssl pkey -in signing.pem -pubout -out trusted.pem"
_BLOCK = re.compile(rb"-----BEGIN ([A-Z0-9 ]+)-----.*?-----END \1-----", re.DOTALL)
_PRIVATE = ("PRIVATE KEY", "ENCRYPTED PRIVATE KEY", "EC PRIVATE KEY")
_ECDSA = ec.ECDSA(hashes.SHA256())


class KeyRefused(ImageError):
    """A key file that is missing, or is not one that signs images."""


@dataclass(frozen=True)
class TrustedKey:
    """A public key; ``path`` as the settings name it."""

    path: Path
    _key: ec.EllipticCurvePublicKey

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the key itself, by which two files of one key are known to be the same."""
        return hashlib.sha256(
            self._key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        ).hexdigest()

    def __str__(self) -> str:
        return f"{self.path} (sha256 {self.fingerprint[:16]})"

    def has_signed(self, content: bytes, signature: bytes) -> bool:
        """Whether the signature is this key's, of just these bytes."""
        try:
            self._key.verify(signature, content, _ECDSA)
        except InvalidSignature:
            return False
        return True


@dataclass(frozen=True)
class SigningKey:
    """A private key, and the public one that belongs to it."""

    public: TrustedKey
    _key: ec.EllipticCurvePrivateKey

    def sign(self, content: bytes) -> bytes:
        """ASN.1, as openssl and cosign write it."""
        return self._key.sign(content, _ECDSA)


def read_trusted_key(path: Path, folder: Path) -> TrustedKey:
    """The public key in a file, whose path counts from ``folder``.

    Raises:
        KeyRefused: if there is none that could be trusted.
    """
    make = f"make it with '{MAKE_PUBLIC}'"
    _, block = _one_block(path, folder, ("PUBLIC KEY",), "trusted_keys", make)
    try:
        key = load_pem_public_key(block)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise _refused(path, "trusted_keys", _first_line(error), make) from error
    if not isinstance(key, ec.EllipticCurvePublicKey) or not _is_p256(key):
        raise _refused(path, "trusted_keys", _kind(key), make)
    return TrustedKey(path, key)


def read_signing_key(path: Path, folder: Path, password: str | None) -> SigningKey:
    """The private key in a file, whose path counts from ``folder``.

    Raises:
        KeyRefused: if there is none that could sign, or the password is missing or wrong.
    """
    make = f"make one with '{MAKE}'"
    label, block = _one_block(path, folder, _PRIVATE, "signing_key", make)
    is_encrypted = label == "ENCRYPTED PRIVATE KEY" or b"Proc-Type: 4,ENCRYPTED" in block
    if is_encrypted and password is None:
        raise _refused(
            path, "signing_key", "an encrypted key without a password", "set signing_key_password"
        )
    if password is not None and not is_encrypted:
        raise _refused(
            path,
            "signing_key",
            "a key that is not encrypted, and a password for it",
            "encrypt it with 'openssl pkcs8 -topk8', or leave signing_key_password out",
        )
    try:
        key = load_pem_private_key(block, None if password is None else password.encode())
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        found, remedy = _first_line(error), make
        if is_encrypted:
            remedy = "correct signing_key_password"
        raise _refused(path, "signing_key", found, remedy) from error
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not _is_p256(key):
        raise _refused(path, "signing_key", _kind(key), make)
    return SigningKey(TrustedKey(path, key.public_key()), key)


def _one_block(
    path: Path, folder: Path, labels: tuple[str, ...], setting: str, make: str
) -> tuple[str, bytes]:
    """The one PEM block of a key file, and its label."""
    content = _read(folder / path, path, setting)
    blocks = {found[1].decode(): found[0] for found in _BLOCK.finditer(content)}
    blocks.pop("EC PARAMETERS", None)  # which openssl ecparam writes before its key
    count = len(_BLOCK.findall(content)) - (b"BEGIN EC PARAMETERS" in content)
    if count != 1:
        found = f"{count} PEM blocks" if count else "no PEM block"
        raise _refused(path, setting, found, f"name one key a file; {make}")
    [(label, block)] = blocks.items()
    if label not in labels:
        told = f"a block '{label}'"
        if "COSIGN" in label or "SIGSTORE" in label:
            told = "a key in cosign's own encrypted form"
        raise _refused(path, setting, told, make)
    return label, block


def _read(file: Path, path: Path, setting: str) -> bytes:
    try:
        if not file.is_file():  # a pipe would be waited for
            raise _refused(path, setting, "no such file", f"correct {setting}")
        with file.open("rb") as opened:
            content = opened.read(MOST_KEY_BYTES + 1)
    except OSError as error:
        raise _refused(path, setting, str(error), f"correct {setting}") from error
    if len(content) > MOST_KEY_BYTES:
        raise _refused(path, setting, f"more than {MOST_KEY_BYTES} bytes", f"correct {setting}")
    return content


def _refused(path: Path, setting: str, found: str, remedy: str) -> KeyRefused:
    return KeyRefused(
        f"{setting}: {path} is no key that images can be signed by",
        found=found,
        limit=KIND,
        remedy=remedy,
    )


def _is_p256(key: ec.EllipticCurvePublicKey | ec.EllipticCurvePrivateKey) -> bool:
    return isinstance(key.curve, ec.SECP256R1)


def _kind(key: object) -> str:
    if isinstance(key, ec.EllipticCurvePublicKey | ec.EllipticCurvePrivateKey):
        return f"an ECDSA key on the curve {key.curve.name}"
    name = type(key).__name__.removesuffix("PublicKey").removesuffix("PrivateKey").lstrip("_")
    return f"a key of another kind ({name})"


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)
