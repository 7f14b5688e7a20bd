"""Clocks that are ahead, behind and set back: searches go on, and what is wrong is told."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from photosearch.windows import Granularity, Window
from torture.history import faults, shown
from torture.shop import Shop


def torture(shop: Shop, minutes: float) -> Iterator[str]:
    """Set clocks, once each way; how many ``minutes`` there are does not matter."""
    now = datetime.now(UTC)
    month = Window.holding(Granularity.MONTHLY, now)
    ahead = month.end + timedelta(days=2) - now
    shop.add(30)
    shop.run("init", "--photos", "photos")
    shop.run("materialize")
    if shop.run("materialize", at=ahead) != 0:
        yield f"materialize does not end well {ahead.days} days ahead"
    if "before their time was over" not in shop.said("verify")[1]:
        yield "verify does not tell of windows that were made ahead of their time"
    if shop.run("materialize") != 0:
        yield "materialize does not end well after the clock was set back"
    with shop.running() as api:
        yield from (f"clock set back: {fault}" for fault in shown(shop, api))
    for days in (-1, -20, -400):
        at = timedelta(days=days)
        with shop.running(at=at) as api:
            yield from (f"API {-days} days behind: {fault}" for fault in shown(shop, api))
            told = api.search(next(iter(shop.live.values())))["coverage"]["staleness"]["ahead_s"]
            if told < 3600:
                yield f"an API {-days} days behind does not say so (ahead_s {told})"
    yield from (one for one in faults(shop) if "verify" not in one)  # which tells until the end
