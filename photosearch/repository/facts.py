"""What a look at all windows needs of a manifest, and no more.

A year of hours has some thirty thousand manifests. Whole they would fill memory, and reading
them is what a process that starts waits for; a few members of each are enough to say what is
due, ready and stale. They hold no photo and no listing.
"""

from typing import NamedTuple

from photosearch.repository.addresses import Kind
from photosearch.repository.manifest import Manifest
from photosearch.windows import Window

CATALOGUE = "catalogue"
"""The kind of an input that is the catalogue's rows."""


class Facts(NamedTuple):
    """Of a version: ``taken`` are the indexes that it was glued from; the last two are of photos
    alone, what their report says and the catalogue's rows that it is about."""

    version: str
    digest: str
    recipe_digest: str
    rows: int
    size_bytes: int
    quantiser: str | None = None
    taken: tuple[tuple[Window, str], ...] = ()
    report_digest: str = ""
    catalogue_digest: str = ""


def facts_of(manifest: Manifest) -> Facts:
    """The facts that a manifest tells."""
    is_report = manifest.kind == Kind.PHOTOS
    return Facts(
        version=manifest.version,
        digest=manifest.digest,
        recipe_digest=manifest.recipe_digest,
        rows=manifest.rows,
        size_bytes=manifest.size_bytes,
        quantiser=manifest.quantiser,
        taken=tuple(
            (item.window, item.version)
            for item in manifest.inputs
            if item.kind == Kind.INDEX and item.window is not None
        ),
        report_digest=manifest.report_digest if is_report else "",
        catalogue_digest=next((one.digest for one in manifest.inputs if is_report), ""),
    )
