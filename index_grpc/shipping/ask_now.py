"""Asking for Servings at once, when a person moved a HEAD and waits for it.

The sensor would see it at its next tick and start a run; building and asking from here takes
the seconds that the work takes. Whatever fails here is told and left to the sensor.
"""

from collections.abc import Iterator

from index_grpc.shipping.reconcile import place_servings
from photosearch.errors import PhotosearchError
from photosearch.settings.settings import Settings


def ask_now(settings: Settings) -> Iterator[str]:
    """Build and ask for what is current, if anything was ever asked for; yields problems."""
    if not settings.servings_dir.is_dir():
        return
    try:
        yield from place_servings(settings).failed
    except PhotosearchError as error:
        yield str(error)
