"""Which indexes and packs can't be served, said for people.

The builder of images and the deployer each tell at the desk what they refuse, so that packs are
planned by it. The API, the command line and Dagster show the same to people from here.
"""

from collections.abc import Iterator

from index_grpc.serving.desk import CrashingServing, RefusedIndex, ServingDesk
from index_grpc.serving.opening import open_desk
from photosearch.rest.timeline import Trouble
from photosearch.settings.settings import Settings

_DAMAGED = (
    "finer windows answer where they are ready; 'photosearch verify --discard' and "
    "'photosearch materialize' make it again"
)
_CRASHES = (
    "finer windows answer where they are ready, or the version before while its server runs; "
    "see the log, or go back to a version that loads with 'photosearch rollback'"
)
_APART = "its windows are served each on its own until then, so that the one at fault is found"
_REFUSED = "what answered before goes on; 'photosearch verify' looks at its image and signature"
_WHOLE = "what answered before goes on; see the log, and that the machine has memory and disk"


def read_troubles(settings: Settings) -> list[Trouble]:
    """All there are; nothing while no server runs that could tell."""
    return list(_troubles(open_desk(settings)))


def _troubles(desk: ServingDesk) -> Iterator[Trouble]:
    for crashing in desk.crashing():
        yield _of_serving(crashing)
    for refused in (*desk.refused("deployer"), *desk.refused("builder")):
        yield _of_index(refused)


def _of_serving(crashing: CrashingServing) -> Trouble:
    first, last = crashing.windows[0].window, crashing.windows[-1].window
    count = len(crashing.windows)
    held = first.key if count == 1 else f"{count} windows, {first} to {last}"
    times = "once" if crashing.crashes == 1 else f"{crashing.crashes} times"
    if crashing.refused:
        return Trouble(
            what=f"Serving {crashing.name} ({held})",
            reason=f"its index server refused it {times}: {crashing.reason}",
            remedy=_REFUSED,
            retry_at=crashing.retry_at,
        )
    return Trouble(
        what=f"Serving {crashing.name} ({held})",
        reason=f"its index server crashed {crashing.crashes} times as it loaded: {crashing.reason}",
        remedy=_APART if crashing.apart else _WHOLE,
        retry_at=crashing.retry_at,
    )


def _of_index(refused: RefusedIndex) -> Trouble:
    return Trouble(
        what=f"{refused.window} version {refused.version}",
        reason=refused.reason,
        remedy=_CRASHES if refused.crashed else _DAMAGED,
        retry_at=refused.retry_at,
    )
