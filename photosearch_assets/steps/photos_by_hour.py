"""The catalogue's photos for many hours, by few queries.

A backfill of a month asks once for the month and not 744 times for an hour; a single hour
asks for itself.
"""

from collections import defaultdict
from collections.abc import Collection

from photosearch.catalogue.catalogue import Catalogue
from photosearch.catalogue.listing import CatalogueDigest, Photo
from photosearch.windows import Granularity, Span, Window

_HOURS_WORTH_A_DAY = 3
_DAYS_WORTH_A_MONTH = 4


def photos_by_hour(catalogue: Catalogue, hours: Collection[Window]) -> dict[Window, list[Photo]]:
    """The photos of every hour, each list sorted by (listed_at, photo_id); empty ones too."""
    found: dict[Window, list[Photo]] = {hour: [] for hour in hours}
    for stretch in covering(hours):
        for photo in catalogue.photos_in(stretch):
            hour = Window.holding(Granularity.HOURLY, photo.listed_at)
            if hour in found:
                found[hour].append(photo)
    return found


def digests_by_hour(
    catalogue: Catalogue, hours: Collection[Window]
) -> dict[Window, CatalogueDigest]:
    """What the catalogue holds for every hour; hours without photos are left out."""
    if not hours:
        return {}
    wanted = set(hours)
    span = Span(min(hour.start for hour in wanted), max(hour.end for hour in wanted))
    found = catalogue.hour_digests(span)
    return {hour: digest for hour, digest in found.items() if hour in wanted}


def covering(hours: Collection[Window]) -> list[Window]:
    """Windows that hold all ``hours`` and not much more: months, days and single hours."""
    by_month: defaultdict[Window, defaultdict[Window, list[Window]]] = defaultdict(
        lambda: defaultdict(list)
    )
    for hour in hours:
        day = Window.holding(Granularity.DAILY, hour.start)
        by_month[Window.holding(Granularity.MONTHLY, hour.start)][day].append(hour)
    chosen: list[Window] = []
    for month, days in sorted(by_month.items()):
        if len(days) >= _DAYS_WORTH_A_MONTH:
            chosen.append(month)
            continue
        for day, within in sorted(days.items()):
            chosen.extend([day] if len(within) >= _HOURS_WORTH_A_DAY else sorted(within))
    return chosen
