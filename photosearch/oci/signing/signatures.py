"""Signatures of images, where cosign keeps them: beside the image, under a tag of its digest.

The tag ``sha256-<digest>.sig`` names a manifest with a layer for each signature: the layer is
what was signed, a small JSON document that names the image's digest, and its annotation the
signature. So every tool that reads cosign's signatures (cosign itself, skopeo, podman,
admission controllers) can judge ours, and several keys' stand side by side.

A signature is of a digest, wherever the image lies: one that was copied to another registry
with its signature is as good there. The name in the document tells where it was signed.
"""

import base64
import binascii
import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from photosearch.oci.documents import (
    CONFIG,
    Descriptor,
    ImageManifest,
    digest_of,
    is_digest,
    parse_document,
    to_bytes,
    write_manifest,
)
from photosearch.oci.errors import DamagedImage, ImageMissing
from photosearch.oci.registry import Blob, Bytes, ImageRegistry

if TYPE_CHECKING:
    from photosearch.oci.signing.signing_keys import SigningKey, TrustedKey

PAYLOAD = "application/vnd.dev.cosign.simplesigning.v1+json"
SIGNATURE = "dev.cosignproject.cosign/signature"
TYPE = "cosign container image signature"
#: Of one image; what stands behind these is not looked at. A new one is put first.
MOST_SIGNATURES = 32
MOST_PAYLOAD_BYTES = 64 << 10
#: The name of an image in a folder: a folder is moved, and has no host.
IN_A_FOLDER = "localhost/photosearch/serving"
_TAG = re.compile("sha256-([0-9a-f]{64})[.]sig")


@dataclass(frozen=True)
class Signature:
    """What was signed, and the signature; ``fault`` is why it can be neither."""

    payload: bytes = b""
    signature: bytes = b""
    fault: str | None = None


@dataclass(frozen=True)
class Judgement:
    """The keys of which an image has a valid signature, and what is wrong with others."""

    keys: tuple["TrustedKey", ...]
    faults: tuple[str, ...]


def signature_tag(digest: str) -> str:
    """The tag of an image's signatures."""
    if not is_digest(digest):
        raise DamagedImage("digests are sha256: and 64 digits", found=digest)
    return f"{digest.replace(':', '-')}.sig"


def signed_digest(tag: str) -> str | None:
    """The image whose signatures a tag names; None if it is another kind of tag."""
    found = _TAG.fullmatch(tag)
    return None if found is None else f"sha256:{found[1]}"


def judge(registry: ImageRegistry, digest: str, keys: Sequence["TrustedKey"]) -> Judgement:
    """Who of ``keys`` signed the image of this digest.

    Raises:
        RegistryRefused: if the registry does not answer.
    """
    valid: dict[str, TrustedKey] = {}
    faults: list[str] = []
    for one in read_signatures(registry, digest):
        signer = next((key for key in keys if key.has_signed(one.payload, one.signature)), None)
        if one.fault is not None:
            faults.append(one.fault)
        elif signer is None:
            faults.append("a signature by another key, or of something that was changed since")
        else:
            named = _named_by(one.payload)
            if named == digest:
                valid.setdefault(signer.fingerprint, signer)
            else:
                faults.append(f"{signer} signed another image: {named}")
    return Judgement(tuple(valid.values()), tuple(dict.fromkeys(faults)))


def sign(registry: ImageRegistry, digest: str, key: "SigningKey") -> bool:
    """Put a signature of the image beside the others, unless there is one; whether it was put.

    Raises:
        RegistryRefused: if the registry does not take it.
    """
    with registry.lock(f"signature/{digest.removeprefix('sha256:')}"):
        if judge(registry, digest, [key.public]).keys:
            return False
        payload = to_payload(registry, digest)
        blob = _put_whole(registry, payload)
        written = base64.b64encode(key.sign(payload)).decode()
        ours = Descriptor(PAYLOAD, blob.digest, blob.size, {SIGNATURE: written})
        others = _others(registry, digest)
        layers = [ours, *others][:MOST_SIGNATURES]
        config = _config(layers)
        put = registry.put_blob(Bytes(config), digest=digest_of(config))
        manifest = write_manifest(Descriptor(CONFIG, put.digest, put.size), layers, {})
        registry.put_document(manifest, tag=signature_tag(digest))
        return True


def to_payload(registry: ImageRegistry, digest: str) -> bytes:
    """What is signed."""
    place = registry.reference(digest).rpartition("@")[0]
    name = IN_A_FOLDER if place.startswith("oci:") else place
    critical = {
        "identity": {"docker-reference": name},
        "image": {"docker-manifest-digest": digest},
        "type": TYPE,
    }
    return to_bytes({"critical": critical, "optional": None})


def read_signatures(registry: ImageRegistry, digest: str) -> Iterator[Signature]:
    """All signatures of an image, those that can't be read with why.

    Raises:
        RegistryRefused: if the registry does not answer.
    """
    try:
        layers = _layers(registry, digest)
    except DamagedImage as damage:
        yield Signature(fault=f"signatures that can't be read ({damage})")
        return
    payloads: dict[str, bytes | str] = {}
    for layer in layers[:MOST_SIGNATURES]:
        if layer.digest not in payloads:
            payloads[layer.digest] = _payload(registry, layer)
        payload = payloads[layer.digest]
        try:
            signature = base64.b64decode(layer.annotations.get(SIGNATURE, ""), validate=True)
        except (binascii.Error, ValueError):
            signature = b""
        if isinstance(payload, str):
            yield Signature(fault=payload)
        elif layer.media_type != PAYLOAD or not signature:
            yield Signature(fault="a signature that is not written as cosign's are")
        else:
            yield Signature(payload, signature)


def signed_digests(registry: ImageRegistry, signatures: ImageManifest) -> set[str]:
    """The digests that the documents of signatures name, whoever signed them."""
    documents = [_payload(registry, one) for one in signatures.layers[:MOST_SIGNATURES]]
    named = {_named_by(one) for one in documents if isinstance(one, bytes)}
    return {one for one in named if is_digest(one)}


def unneeded_signatures(registry: ImageRegistry, gone: Iterable[str]) -> Iterator[str]:
    """The tags of signatures whose image is not there, or is one of ``gone``."""
    without = set(gone)
    for tag in registry.tags():
        digest = signed_digest(tag)
        if digest is not None and (digest in without or not _has_document(registry, digest)):
            yield tag


def _has_document(registry: ImageRegistry, digest: str) -> bool:
    try:
        return registry.document(digest) is not None
    except DamagedImage:  # told as what it is, and built again under the same digest
        return True


def _layers(registry: ImageRegistry, digest: str) -> tuple[Descriptor, ...]:
    tag = signature_tag(digest)
    found = registry.document(tag)
    if found is None:
        return ()
    document = parse_document(found[0], tag)
    if not isinstance(document, ImageManifest):
        raise DamagedImage(f"{tag} has no signatures", found="an index of images")
    return document.layers


def _put_whole(registry: ImageRegistry, payload: bytes) -> Blob:
    """Put a document that is signed; one that rotted has its size, and would be taken for it."""
    digest = digest_of(payload)
    there = registry.blob_size(digest) is not None
    if there and isinstance(_payload(registry, Descriptor(PAYLOAD, digest, len(payload))), str):
        registry.delete_blob(digest)
    return registry.put_blob(Bytes(payload), digest=digest)


def _others(registry: ImageRegistry, digest: str) -> list[Descriptor]:
    """The signatures that are there; what is no list of signatures is put anew."""
    try:
        return [
            layer
            for layer in _layers(registry, digest)
            if is_digest(layer.digest) and registry.blob_size(layer.digest) == layer.size
        ]
    except DamagedImage:
        return []


def _payload(registry: ImageRegistry, layer: Descriptor) -> bytes | str:
    """The document that was signed, or why it can't be had."""
    if layer.size > MOST_PAYLOAD_BYTES:
        return f"a signature of {layer.size} bytes; at most {MOST_PAYLOAD_BYTES} are read"
    content = b""
    try:
        with registry.open_blob(layer.digest) as chunks:
            for chunk in chunks:
                content += chunk
                if len(content) > layer.size:
                    break
    except (ImageMissing, DamagedImage) as error:
        return f"a signature whose document can't be read ({error})"
    if f"sha256:{hashlib.sha256(content).hexdigest()}" != layer.digest:
        return "a signature whose document was changed"
    return content


def _named_by(payload: bytes) -> str:
    """The digest that a signed document names, or what is wrong with it."""
    try:
        critical = json.loads(payload)["critical"]
        if critical["type"] != TYPE:
            return "of another kind"
        return str(critical["image"]["docker-manifest-digest"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return "none that is understood"


def _config(layers: Sequence[Descriptor]) -> bytes:
    """An image's configuration, which tools want of every manifest."""
    return to_bytes(
        {
            "architecture": "",
            "config": {},
            "os": "",
            "rootfs": {"type": "layers", "diff_ids": [layer.digest for layer in layers]},
        }
    )
