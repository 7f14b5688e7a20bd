"""Windows of one kind as runs: unbroken stretches, because Dagster's runs have no gaps."""

from collections.abc import Collection, Sequence

from photosearch.windows import Granularity, Window

WINDOWS_A_RUN = {Granularity.HOURLY: 31 * 24, Granularity.DAILY: 31, Granularity.MONTHLY: 12}
"""The most of one run: a run costs about a second of its own, however small its windows."""

GAP_WINDOWS = 24
"""Stretches so close are one run: passing over a finished window costs less than a run."""


def stretches(
    windows: Collection[Window],
    *,
    avoid: Collection[Window | None] = (),
    longest: int | None = None,
    gap: int = GAP_WINDOWS,
) -> list[Sequence[Window]]:
    """Unbroken stretches in time order that hold ``windows`` and bridge gaps of up to ``gap``.

    None is longer than ``longest`` (a run's most, by default), and none holds a window to
    ``avoid``: a step that can't make one refuses all of its run.
    """
    found: list[list[Window]] = []
    avoided = frozenset(avoid)
    for window in sorted(windows):
        most = WINDOWS_A_RUN[window.granularity] if longest is None else longest
        last = found[-1] if found else None
        between: list[Window] = []
        if last is not None:
            following = Window(window.granularity, last[-1].end)
            while following < window and len(between) <= gap:
                between.append(following)
                following = Window(window.granularity, following.end)
        is_bridged = len(between) <= gap and avoided.isdisjoint(between)
        if last is None or not is_bridged or len(last) + len(between) >= most:
            found.append([window])
        else:
            last.extend([*between, window])
    return list(found)
