"""The order of work: which assets are made before which, and who waits for whom.

One rule for a person's ``materialize``, which looks again after a stage, and for the reconciler,
which asks for runs and looks again at its next tick.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from photosearch.windows import Window
from photosearch_assets.planning.plan import DueWork
from photosearch_assets.planning.stretches import stretches


@dataclass(frozen=True)
class Stage:
    """Assets to make for some windows, none of those to ``avoid``; without windows for assets
    that have none.

    ``then`` can be made in the same run if nobody looks again in between. What comes after one
    that ``decides`` is another once it is made.
    """

    name: str
    assets: tuple[str, ...]
    windows: Sequence[Window] = ()
    avoid: Collection[Window | None] = ()
    then: tuple[str, ...] = ()
    decides: bool = False

    @property
    def size(self) -> int:
        """How many results the stage has."""
        return sum(max(1, len(windows)) for windows in self.stretches()) * len(self.assets)

    def stretches(self) -> list[Sequence[Window]]:
        """The windows in unbroken runs of at most a month of hours, newest first."""
        if not self.windows:
            return [()]
        return list(reversed(stretches(self.windows, avoid=self.avoid)))


EMBEDDER = Stage("embedder", ("embedder",), decides=True)
QUANTISER = Stage("quantiser", ("quantiser",), decides=True)
SHIPPING = Stage("serving images", ("serving_image", "index_service"))


def stages(due: DueWork, unmade: DueWork) -> Iterator[Stage]:
    """What to make of ``due``, in order, where ``unmade`` will not be there by then.

    A coarse window waits until nothing finer in it is unmade, so that it is glued once, and an
    index until its photos are embedded. Everything waits for the embedder, and the quantiser
    for the photos, of which it is trained.
    """
    if due.embedder:
        yield EMBEDDER
        return
    photos = {*due.images, *due.embeddings}
    if photos:
        yield Stage(
            "photos to vectors",
            ("images", "embeddings"),
            sorted(photos),
            then=("hourly_index",),
            decides=True,
        )
    if due.quantiser:
        yield QUANTISER
    yield from _indexes("hourly indexes", due.hours, {*unmade.images, *unmade.embeddings})
    yield from _indexes("daily indexes", due.days, {hour.parent() for hour in unmade.hours})
    yield from _indexes("monthly indexes", due.months, {day.parent() for day in unmade.days})


def _indexes(
    name: str, windows: Sequence[Window], avoid: Collection[Window | None]
) -> Iterator[Stage]:
    """The stage of one granularity's indexes, if it has a window."""
    left = [window for window in windows if window not in avoid]
    if left:
        yield Stage(name, (f"{left[0].granularity.value}_index",), left, avoid)
