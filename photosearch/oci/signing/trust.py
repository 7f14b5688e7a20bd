"""Which images are signed here, and which are believed.

Two settings that need not stand on one machine: whoever builds images has the private key, and
whoever runs them the public ones. A registry's writers have neither; so what they put there is
not served where keys are set.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from photosearch.oci.errors import ImageError
from photosearch.oci.registry import ImageRegistry
from photosearch.oci.signing.signatures import judge, sign
from photosearch.settings.home import expanded
from photosearch.settings.settings import Settings

if TYPE_CHECKING:
    from photosearch.oci.signing.signing_keys import SigningKey, TrustedKey

_MOST_TOLD = 3


class NotTrusted(ImageError):
    """An image without a valid signature by a key that is trusted here."""


@dataclass(frozen=True)
class ToldSignature:
    """Who signed an image, for people; ``is_wrong`` if it is not served because of that."""

    told: str
    is_wrong: bool


class ImageSigner:
    """Signs what is built, if there is a key; the key is read when it is needed first."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._key: SigningKey | None = None
        self._signed: set[str] = set()

    def has_signed(self, registry: ImageRegistry, digest: str) -> bool:
        """Whether nothing is left to be signed; what was signed is not looked at again.

        Raises:
            KeyRefused: if the key can't be used.
            RegistryRefused: if the registry does not answer.
        """
        if self._settings.signing_key is None or digest in self._signed:
            return True
        is_signed = bool(judge(registry, digest, [self._read_key().public]).keys)
        if is_signed:
            self._signed.add(digest)
        return is_signed

    def sign(self, registry: ImageRegistry, digest: str) -> None:
        """Sign an image, unless the key has.

        Raises:
            KeyRefused: if the key can't be used.
            RegistryRefused: if the registry does not take the signature.
        """
        if self._settings.signing_key is not None:
            sign(registry, digest, self._read_key())
            self._signed.add(digest)

    def _read_key(self) -> "SigningKey":
        if self._key is None:
            self._key = _signing_key(self._settings)
        return self._key


def require_trusted(settings: Settings, registry: ImageRegistry, digest: str) -> None:
    """Refuse an image that no trusted key signed; without ``trusted_keys`` none is.

    Raises:
        NotTrusted: if it is not to be served.
        KeyRefused: if a trusted key can't be read: then nobody knows what is trusted.
        RegistryRefused: if the registry does not answer.
    """
    if not settings.trusted_keys:
        return
    keys = trusted_keys(settings)
    judgement = judge(registry, digest, keys)
    if not judgement.keys:
        raise NotTrusted(
            f"the image {digest} is not signed by a trusted key",
            found=_faults(judgement.faults),
            limit=f"a signature by {' or '.join(map(str, keys))}",
            remedy="'photosearch materialize' signs it where signing_key is set",
        )


def tell_signature(settings: Settings, registry: ImageRegistry, digest: str) -> ToldSignature:
    """Who signed an image, as far as the keys of the settings tell.

    Raises:
        KeyRefused: if a key can't be read.
        RegistryRefused: if the registry does not answer.
    """
    keys: Sequence[TrustedKey] = trusted_keys(settings)
    if not keys and settings.signing_key is not None:
        keys = [_signing_key(settings).public]
    judgement = judge(registry, digest, keys)
    if judgement.keys:
        return ToldSignature(f"signed by {' and '.join(map(str, judgement.keys))}", is_wrong=False)
    return ToldSignature(_faults(judgement.faults), is_wrong=bool(settings.trusted_keys))


def trusted_keys(settings: Settings) -> list["TrustedKey"]:
    """The keys that are trusted.

    Raises:
        KeyRefused: if one can't be read.
    """
    if not settings.trusted_keys:
        return []
    from photosearch.oci.signing.signing_keys import read_trusted_key

    folder = settings.base_dir
    return [read_trusted_key(expanded(path), folder) for path in settings.trusted_keys]


def _signing_key(settings: Settings) -> "SigningKey":
    from photosearch.oci.signing.signing_keys import KeyRefused, read_signing_key

    assert settings.signing_key is not None
    password = settings.signing_key_password
    key = read_signing_key(
        expanded(settings.signing_key),
        settings.base_dir,
        None if password is None else password.get_secret_value(),
    )
    trusted = trusted_keys(settings)
    if trusted and key.public.fingerprint not in {one.fingerprint for one in trusted}:
        raise KeyRefused(
            "the key that signs images is none of those that are trusted here",
            found=str(key.public),
            limit=", ".join(map(str, trusted)),
            remedy="add its public key to trusted_keys first, wherever images are served",
        )
    return key


def _faults(faults: Sequence[str]) -> str:
    more = f"; and {len(faults) - _MOST_TOLD} more" if len(faults) > _MOST_TOLD else ""
    return ("; ".join(faults[:_MOST_TOLD]) + more) or "no signature"
