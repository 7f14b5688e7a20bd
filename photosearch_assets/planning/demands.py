"""Runs to ask for: what is due, cut into stretches, in the order that makes each window once.

Pure rules over what the reconciler has seen. Little is asked for at a time, newest first, and
the same again only after a growing pause. Dagster remembers a run key for ever, so the number
of the attempt is part of it.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import dagster as dg

from photosearch.windows import Window
from photosearch_assets.planning import run_tags
from photosearch_assets.planning.attempts import Attempt
from photosearch_assets.planning.plan import DueWork
from photosearch_assets.planning.stages import QUANTISER, stages
from photosearch_assets.planning.stretches import GAP_WINDOWS, stretches

SOURCE = "reconciler"
FIRST_PAUSE_S = 60.0
LONGEST_PAUSE_S = 3600.0
_REMEMBERED_S = 2 * LONGEST_PAUSE_S
Busy = Collection[tuple[str, Window | None]]


@dataclass(frozen=True)
class Demand:
    """One run to ask for: assets, and an unbroken stretch of windows (or none).

    One that is ``alone`` is asked for only when no demand before it can be, and none after it
    together with it.
    """

    assets: tuple[str, ...]
    windows: Sequence[Window]
    alone: bool = False

    @property
    def key(self) -> str:
        if not self.windows:
            return "+".join(self.assets)
        return f"{'+'.join(self.assets)}:{self.windows[0].key}:{self.windows[-1].start_text}"

    def request(self, attempt: Attempt) -> dg.RunRequest:
        asked = {run_tags.SOURCE: SOURCE, run_tags.ATTEMPT: str(attempt.count)}
        return dg.RunRequest(
            run_key=f"{self.key}@{attempt.since}#{attempt.count}",
            asset_selection=[dg.AssetKey(name) for name in self.assets],
            tags={**asked, **run_tags.range_tags(self.windows)},
        )


def choose(
    demands: Sequence[Demand], attempts: Mapping[str, Attempt], most: int, now: int
) -> tuple[list[dg.RunRequest], dict[str, Attempt]]:
    """The runs to ask for now, at most ``most``, and the attempts to remember.

    What is no longer demanded is forgotten only after the longest pause: a demand also
    vanishes while its run is at work.
    """
    kept = {key: attempt for key, attempt in attempts.items() if now - attempt.at < _REMEMBERED_S}
    requests: list[dg.RunRequest] = []
    for demand in demands:
        if len(requests) >= most or (demand.alone and requests):
            break
        attempt = kept.get(demand.key, Attempt())
        if attempt.may_repeat(now, FIRST_PAUSE_S, LONGEST_PAUSE_S):
            kept[demand.key] = attempt.again(now)
            requests.append(demand.request(kept[demand.key]))
            if demand.alone:
                break
    return requests, kept


def demands_of(
    due: DueWork,
    busy: Busy,
    told_late: Mapping[str, Collection[Window]] = MappingProxyType({}),
) -> Iterator[Demand]:
    """The runs that bring everything up to date, in order; ``busy`` is being made already.

    At the end those of ``told_late``, which is made and only to be recorded.

    A quantiser waits until no photos are being embedded, and every index for it while it is
    trained; an hour that fails again and again, or a training that does, holds up neither.
    """
    photos_are_busy = False
    for stage in stages(due, unmade=due):
        is_busy = _are_busy(stage.assets, stage.windows or (None,), busy)
        if stage is QUANTISER and (is_busy or photos_are_busy):
            return
        if stage.windows:
            photos_are_busy |= stage.decides and is_busy
            yield from _stretched((*stage.assets, *stage.then), stage.windows, busy, stage.avoid)
        elif not is_busy:
            yield Demand(stage.assets, (), alone=stage is QUANTISER)
    if due.embedder:
        return  # what is told late may be made anew
    for name, windows in told_late.items():
        if windows:
            yield from _stretched((name,), windows, busy, gap=0)
        elif (name, None) not in busy:
            yield Demand((name,), ())


def _are_busy(assets: Collection[str], windows: Collection[Window | None], busy: Busy) -> bool:
    return any((asset, window) in busy for asset in assets for window in windows)


def _stretched(
    assets: tuple[str, ...],
    windows: Collection[Window],
    busy: Busy,
    avoid: Collection[Window | None] = (),
    *,
    gap: int = GAP_WINDOWS,
) -> Iterator[Demand]:
    free = [window for window in windows if not _are_busy(assets, [window], busy)]
    unmade = [*avoid, *(window for asset, window in busy if asset in assets)]
    for stretch in reversed(stretches(free, avoid=unmade, gap=gap)):
        yield Demand(assets, stretch)
