"""Which windows travel together in one index server.

Each searcher pays for scoring all centroids, so few large packs cost least; but a pack is
loaded anew whenever one of its windows changes. So windows are packed by how often they
change: closed months fill packs up to a size in time order, the closed days of the current
month are one pack, the hours of the current day another. Finer windows that stand in for a
closed day or month that is missing or stale travel apart from all three, so that a repair in
the past reloads no other pack. Packs that are small together travel as one all the same: to
load them anew takes less than to ask one more server with every query.

A window that is not over is no window yet, though a machine whose clock was ahead made one: it
would hide the finer ones that are right. By the asker's clock it waits until its time is over.

Pure functions over what is ready; the deployer on one machine and the sensor of a cluster
ask the same ones.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import accumulate, chain, groupby
from typing import Literal, Protocol

from index_grpc.serving.serving import Serving
from photosearch.cover import closed_gaps, cover
from photosearch.windows import Granularity, Span, Window

Policy = Literal["tiers", "each"]


class ReadyWindow(Protocol):
    """What packing asks of a ready index; the repository's ``ReadyIndex`` is one."""

    @property
    def version(self) -> str: ...
    @property
    def size_bytes(self) -> int: ...
    @property
    def quantiser(self) -> str | None: ...
    @property
    def stale(self) -> bool: ...


@dataclass(frozen=True)
class PackPlan:
    """One pack: disjoint windows in time order, encoded with one quantiser (None: exact)."""

    tier: str
    quantiser: str | None
    windows: tuple[tuple[Window, str], ...]

    def serving(self, fingerprint: str) -> Serving:
        """The Serving that serves this pack."""
        return Serving.of(
            self.windows, fingerprint=fingerprint, quantiser=self.quantiser, tier=self.tier
        )


def plan_packs(
    ready: Mapping[Window, ReadyWindow],
    now: datetime,
    policy: Policy,
    *,
    pack_bytes: int,
    small_pack_bytes: int,
    apart: Collection[tuple[Window, str]] = (),
) -> list[PackPlan]:
    """Divide the windows that should answer into packs, in time order of their first window.

    Every window of :func:`choose_windows` is in exactly one pack; a pack has one quantiser.
    The smallest packs of a quantiser are joined while they are within ``small_pack_bytes``.
    Those of ``apart`` (window and version) have a pack each.
    """
    groups: dict[tuple[str, str | None], list[Window]] = {}
    for window in choose_windows(ready, now):
        alone = policy == "each" or (window, ready[window].version) in apart
        tier = "each" if alone else _tier(window, now)
        groups.setdefault((tier, ready[window].quantiser), []).append(window)

    packs = [
        PackPlan(tier, quantiser, tuple((w, ready[w].version) for w in pack))
        for (tier, quantiser), windows in groups.items()
        for pack in _divide(tier, windows, lambda w: ready[w].size_bytes, pack_bytes)
    ]
    if policy == "tiers":
        alone_packs = [pack for pack in packs if pack.tier == "each"]
        others = [pack for pack in packs if pack.tier != "each"]
        packs = alone_packs + _join_small(others, lambda w: ready[w].size_bytes, small_pack_bytes)
    return sorted(packs, key=lambda pack: (pack.windows[0][0], pack.quantiser or ""))


def choose_windows(ready: Mapping[Window, ReadyWindow], now: datetime) -> list[Window]:
    """The windows that should answer at ``now``, disjoint and in time order.

    The cover of what is ready, over and not stale. Where that leaves a gap before ``now``, a
    stale window fills it: a day that lacks a late listing is better than no day. The finest that
    does is taken; one that was made before its time was over counts as stale.
    """
    begun = [window for window in ready if window.start < now]
    if not begun:
        return []
    span = Span(min(w.start for w in begun), max(w.end for w in begun))
    usable = {w for w in begun if w.is_closed(now) and not ready[w].stale}
    chosen = cover(usable, span)
    for granularity in (Granularity.HOURLY, Granularity.DAILY, Granularity.MONTHLY):
        left = [w for w in begun if w.granularity is granularity and w not in usable]
        gaps = closed_gaps(chosen.gaps, Window.holding(Granularity.HOURLY, now).start)
        usable.update(w for w in left if any(_overlap(w, gap) for gap in gaps))
        chosen = cover(usable, span)
    return list(chosen.windows)


def _tier(window: Window, now: datetime) -> str:
    if window.granularity is Granularity.MONTHLY:
        return "months"
    parent = window.parent()
    assert parent is not None
    if parent.is_closed(now):
        return "stand-ins"
    return "days" if window.granularity is Granularity.DAILY else "hours"


def _divide(
    tier: str, windows: list[Window], size: Callable[[Window], int], pack_bytes: int
) -> Iterator[list[Window]]:
    if tier == "each":
        yield from ([window] for window in windows)
    elif tier in ("days", "hours"):
        yield windows
    else:
        yield from _fill(windows, size, pack_bytes)


def _fill(
    windows: Iterable[Window], size: Callable[[Window], int], pack_bytes: int
) -> Iterator[list[Window]]:
    """Fill packs in time order, so that a new last window leaves all but the last as they are."""
    filled = 0
    number = 0

    def pack_number(window: Window) -> int:
        nonlocal filled, number
        if filled and filled + size(window) > pack_bytes:
            number, filled = number + 1, 0
        filled += size(window)
        return number

    for _, pack in groupby(windows, pack_number):
        yield list(pack)


def _join_small(
    packs: Iterable[PackPlan], size: Callable[[Window], int], limit: int
) -> list[PackPlan]:
    """Join the smallest packs of each quantiser while they are within ``limit`` bytes."""
    joined: list[PackPlan] = []
    for quantiser in {pack.quantiser for pack in packs}:
        sized = sorted(
            (sum(size(window) for window, _ in pack.windows), pack.windows, pack.tier)
            for pack in packs
            if pack.quantiser == quantiser
        )
        totals = accumulate(bytes_ for bytes_, _, _ in sized)
        small = sum(total <= limit for total in totals)
        if small > 1:
            windows = sorted(chain.from_iterable(pack for _, pack, _ in sized[:small]))
            joined.append(PackPlan("small", quantiser, tuple(windows)))
            sized = sized[small:]
        joined += [PackPlan(tier, quantiser, windows) for _, windows, tier in sized]
    return joined


def _overlap(window: Window, gap: Span) -> bool:
    return window.start < gap.end and gap.start < window.end
