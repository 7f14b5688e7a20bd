"""The catalogue's photos for many hours, by few queries.

A backfill of a month asks once for the month and not 744 times for an hour; a single hour
asks for itself.
"""

from collections import defaultdict
from collections.abc import Collection

from photosearch.catalogue.catalogue import Catalogue
from photosearch.catalogue.hour_digests import HourDigests
from photosearch.catalogue.listing import CatalogueDigest, Photo
from photosearch.windows import HOUR, Granularity, Span, Window

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
    catalogue: Catalogue, hours: Collection[Window], digests: HourDigests
) -> dict[Window, CatalogueDigest]:
    """What the catalogue holds from the first of some hours to the last; those without photos
    are left out."""
    if not hours:
        return {}
    first, last = min(hour.start for hour in hours), max(hour.start for hour in hours)
    return digests.of(catalogue, Span(first, last + HOUR))


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
