"""Blobs that no image in a layout folder names any more.

A registry collects its own garbage; a folder has nobody else. Young blobs stay: they may be
those of an image that is being built, whose tag comes last. Should an old layer go at the very
moment in which a builder finds it, the image is incomplete, is not found, and is built again.
"""

import time
from collections.abc import Collection, Iterator
from contextlib import suppress
from datetime import timedelta

from photosearch.oci.documents import ImageIndex, images_in, parse_document
from photosearch.oci.errors import DamagedImage
from photosearch.oci.layout.layout import LayoutRegistry
from photosearch.oci.registry import Blob, ImageRegistry


def collect_garbage(
    registry: ImageRegistry,
    *,
    grace: timedelta = timedelta(days=1),
    dry_run: bool = False,
    without: Collection[str] = (),
) -> list[Blob]:
    """Delete what a folder's index does not lead to and is older than ``grace``.

    Of a registry, nothing: it does so itself.

    A dry run takes the tags ``without`` for deleted. Returns what went, or would go.

    Raises:
        RegistryRefused: if the folder can't be read or written.
    """
    if not isinstance(registry, LayoutRegistry) or not registry.folder.exists():
        return []  # also not made, by a look
    with registry.changing_tags():
        kept: set[str] = set()
        for tag, digest in registry.named():
            # A deleted tag's documents are gone with it, and are no garbage.
            reached = _documents if tag in without else _reached
            kept.update(reached(registry, digest))
        youngest = time.time() - grace.total_seconds()
        gone = [
            Blob(digest, registry.blob_size(digest) or 0, sent=False)
            for digest in registry.blobs()
            if digest not in kept and registry.written_at(digest) < youngest
        ]
        if not dry_run:
            for blob in gone:
                registry.delete_blob(blob.digest)
            registry.sweep()
    return gone


def _documents(registry: LayoutRegistry, digest: str) -> Iterator[str]:
    """What goes at once when a tag is deleted."""
    with suppress(DamagedImage):
        found = registry.document(digest)
        if found is not None:
            yield from (found[1], *images_in(found[0]))


def _reached(registry: LayoutRegistry, digest: str) -> Iterator[str]:
    with suppress(DamagedImage):  # such an image is built again, and what it had is not needed
        found = registry.document(digest)
        if found is None:
            return
        yield digest
        document = parse_document(found[0], digest)
        if isinstance(document, ImageIndex):
            for image in document.manifests:
                yield from _reached(registry, image.digest)
        else:
            yield document.config.digest
            yield from (layer.digest for layer in document.layers)
