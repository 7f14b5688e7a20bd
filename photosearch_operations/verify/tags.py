"""Whether the tags of the registry name what they say.

Builders and deployers find an image by its name, so one that lost its name is gone for them
though all its bytes are there, and another that has the name would be served. What a serving
image holds decides its name and what a signature signs decides its tag: both are worked out again.
"""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from index_grpc.shipping.annotations import serving_of
from photosearch.oci.building.put_layers import NAMES
from photosearch.oci.documents import ImageIndex, ImageManifest, parse_document
from photosearch.oci.errors import DamagedImage
from photosearch.oci.layout.check import layout_faults
from photosearch.oci.layout.layout import LayoutRegistry
from photosearch.oci.registry import ImageRegistry
from photosearch.oci.signing.signatures import PAYLOAD, signature_tag, signed_digest, signed_digests

#: As Servings are named: the first window and ten digits of what is in it.
_SERVING = re.compile("(hourly|daily|monthly)-[0-9t-]+-[0-9a-f]{10}")
_AGAIN = "'photosearch materialize' names and signs again what Servings ask for"


@dataclass(frozen=True)
class _Named:
    """A name of the registry, and what its document should be called; None: by no rule of ours."""

    tag: str | None
    digest: str
    right: str | None
    lacks: str | None = None


def wrong_tags(registry: ImageRegistry, *, discard: bool) -> Iterator[str]:
    """One line for each name that is another image's, or names nothing.

    In a folder, ``discard`` takes such a name away. A registry deletes an image under all its
    names or not at all, so there the name stays.

    Raises:
        RegistryRefused: if the registry does not answer, or a folder's index can't be understood.
    """
    if isinstance(registry, LayoutRegistry):
        yield from layout_faults(registry, discard=discard)
        names: Collection[tuple[str | None, str | None]] = registry.named()
    else:
        names = [(tag, None) for tag in registry.tags()]
    found = [one for tag, digest in names if (one := _look(registry, tag, digest)) is not None]
    own = {one.tag for one in found if one.tag == one.right}
    for one in found:
        if one.lacks is not None:
            remedy = _taken_away(registry, one, discard=discard)
            named = "an image without a tag" if one.tag is None else f"tag {one.tag}"
            yield f"{named} names what is not there: found no {one.lacks}; {remedy}"
        elif one.right is not None and not _is_right(one, own):
            remedy = _taken_away(registry, one, discard=discard)
            named = "an image has no tag" if one.tag is None else f"tag {one.tag} is another's"
            yield f"{named}: found {one.digest}, which is {one.right}; {remedy}"


def _is_right(one: _Named, own: Collection[str | None]) -> bool:
    """A further name that a person gave is no fault, while its own is there too."""
    if one.tag == one.right:
        return True
    looks_like_ours = one.tag is None or _SERVING.fullmatch(one.tag) or signed_digest(one.tag)
    return one.right in own and not looks_like_ours


def _taken_away(registry: ImageRegistry, one: _Named, *, discard: bool) -> str:
    if not isinstance(registry, LayoutRegistry):
        return f"{_AGAIN}; else delete the tag in the registry"
    if not discard:
        return f"'photosearch verify --discard' takes the name away, and then {_AGAIN}"
    registry.unname(one.tag, one.digest)
    return "the name was taken away"


def _look(registry: ImageRegistry, tag: str | None, digest: str | None) -> _Named | None:
    """What there is to say of a name; None if nothing, or damaged_images tells it."""
    try:
        found = registry.document(digest or tag or "")
        if found is None:
            # Of a folder it was told; in a registry it may have been deleted since it was listed.
            gone = not isinstance(registry, LayoutRegistry) and tag in registry.tags()
            return _Named(tag, "", None, f"document of {tag}") if gone else None
        content, digest = found
        document = parse_document(content, digest)
        if isinstance(document, ImageManifest):
            return _signatures(registry, document, tag, digest)
        return _image(registry, document, tag, digest)
    except DamagedImage:
        return None


def _signatures(
    registry: ImageRegistry, document: ImageManifest, tag: str | None, digest: str
) -> _Named | None:
    if not any(layer.media_type == PAYLOAD for layer in document.layers):
        return None
    if not registry.has_image(digest):
        return _Named(tag, digest, None, "signature with all its parts")
    signed = signed_digests(registry, document)
    return _Named(tag, digest, signature_tag(signed.pop())) if len(signed) == 1 else None


def _image(
    registry: ImageRegistry, index: ImageIndex, tag: str | None, digest: str
) -> _Named | None:
    if f"{NAMES}.serving" not in index.annotations or len(index.manifests) != 1:
        return None
    image = index.manifests[0].digest
    found = registry.document(image)
    if found is None:
        return _Named(tag, digest, None, f"image {image}")
    document = parse_document(found[0], image)
    return _Named(tag, digest, serving_of(document.annotations).name)
