"""Photos that no index has because they could not be fetched, decoded or embedded.

What one run told, the next would not: an hour with such a photo is made, and up to date. So
they are read from what is current, whichever run made it.
"""

from collections.abc import Iterator

from photosearch.photo_notes import PhotoFailure
from photosearch.repository.addresses import Kind
from photosearch.repository.readiness import current_fingerprint
from photosearch.repository.repository import Repository
from photosearch.settings.settings import Settings
from photosearch_assets.steps.current import Shelf


def unusable_photos(settings: Settings) -> Iterator[PhotoFailure]:
    """Those of the timeline, hour by hour, each with its reason."""
    repository = Repository.of(settings)
    fingerprint = current_fingerprint(repository)
    if fingerprint is None:
        return
    shelf = Shelf(repository, fingerprint, Kind.EMBEDDINGS)
    for hour in sorted(shelf.heads):
        manifest = shelf.current(hour) if hour.end > settings.timeline_start else None
        if manifest is not None:
            yield from manifest.failures
