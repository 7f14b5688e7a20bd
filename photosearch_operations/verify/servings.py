"""Whether the Servings that are asked for are what was asked.

What is on the desk is sealed. A Serving that was lost is asked for by the next comparison; where
none runs it is gone with its server, so an image that is there and planned tells of it.
"""

from collections.abc import Collection, Iterator

from index_grpc.serving.desk import ServingDesk
from index_grpc.serving.opening import open_desk
from index_grpc.shipping.reconcile import ServingReconciler
from photosearch.errors import PhotosearchError
from photosearch.settings.settings import Settings
from photosearch.terminal.wording import counted


def changed_servings(
    settings: Settings, *, discard: bool = False, looked_at: list[str] | None = None
) -> Iterator[str]:
    """One line for each file of a Serving, or note beside, that is not as it was written, and
    for each Serving whose image is there and that nobody asks for."""
    desk = open_desk(settings)
    asked = len(desk.asked())
    told = set()
    for damage in desk.damages(discard=discard):
        told.add(damage.serving)
        done = "discarded" if discard else "'photosearch verify --discard' deletes it"
        yield (
            f"{damage.where} is not as it was written: found {damage.found}; {done}, "
            f"and {damage.again}"
        )
    if looked_at is not None and asked:
        looked_at.append(counted(asked, "Serving"))
    yield from _not_asked_for(settings, desk, told)


def _not_asked_for(
    settings: Settings, desk: ServingDesk, told: Collection[str | None]
) -> Iterator[str]:
    try:
        compared = ServingReconciler.open(settings).compare()
    except (PhotosearchError, OSError):
        return  # told by whoever looks at the repository and at the registry
    if compared.unbuilt:
        return  # while images are built, those that are there wait for the others
    asked = desk.asked()  # now: they may have been asked for meanwhile
    for serving in compared.unasked:
        if serving.name not in asked and serving.name not in told:
            yield (
                f"Serving {serving.name} is not asked for: found its image {serving.image}; "
                "'photosearch materialize' asks for it"
            )
