"""The demo's listings: which goods, when they were listed, and under which names.

Everything follows from the number of listings, the seed and one moment, ``now``. The plan of a
demo folder is therefore kept as those three numbers only (:mod:`photosearch_demo.folder`), and
a run that was killed goes on with the same shop.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from photosearch.catalogue.listing import Listing, Photo
from photosearch.windows import HOUR, Granularity, Window
from photosearch_demo.draw.distinct import seed_of
from photosearch_demo.draw.products import KIND_OF, KINDS, Ware

SECOND_PHOTO_SHARE = 0.15

# How busy sellers are, an hour of the day and a day of the week (Monday first). Zeros and the
# small numbers of the night leave hours empty, as real shops have them.
_HOURS = (2, 1, 0.3, 0, 0, 0.3, 1, 3, 5, 6, 7, 7, 8, 7, 6, 6, 7, 8, 10, 12, 12, 10, 7, 4)
_DAYS = (1.0, 0.9, 0.9, 1.0, 1.0, 1.2, 1.5)


@dataclass(frozen=True)
class DrawnListing:
    """One listing and what it is drawn from; ``shots`` photos of it are taken."""

    kind: Ware
    seed: int
    listed_at: datetime
    shots: int

    @property
    def listing_id(self) -> str:
        return f"{self.kind.name.replace(' ', '-')}-{self.seed:04d}"

    def photo_path(self, shot: int) -> str:
        """Where its photo lies below the folder of photos; also the photo's id."""
        return f"{self.kind.name.replace(' ', '-')}/{self.listing_id}-{shot + 1}.jpg"

    @property
    def listing(self) -> Listing:
        paths = tuple(self.photo_path(shot) for shot in range(self.shots))
        return Listing(
            self.listing_id,
            self.kind.title(self.seed),
            self.kind.price(self.seed),
            self.kind.name,
            "live",
            self.listed_at,
            paths,
        )

    @property
    def photos(self) -> list[Photo]:
        return [
            Photo(path, self.listing_id, path, self.listed_at)
            for path in map(self.photo_path, range(self.shots))
        ]


def timeline_start(now: datetime) -> datetime:
    """The start of the earlier of the two closed months before ``now``."""
    month = Window.holding(Granularity.MONTHLY, now)
    for _ in range(2):
        month = Window.holding(Granularity.MONTHLY, month.start - HOUR)
    return month.start


def plan_shop(listings: int, now: datetime, seed: int = 1) -> list[DrawnListing]:
    """The shop's listings in the order of their times, all before the last full hour.

    ``now`` is in UTC. A kind is offered as often as its share says.
    """
    rng = np.random.default_rng(seed)
    start = timeline_start(now)
    times = _times(rng, listings, start, now)
    offered = [kind for kind in KINDS for _ in range(kind.share)]
    kinds = rng.permutation(listings) % len(offered)
    taken = dict.fromkeys(KIND_OF, 0)
    plan = []
    for moment, index in zip(times, kinds, strict=True):
        kind = offered[index]
        shots = 2 if rng.random() < SECOND_PHOTO_SHARE else 1
        plan.append(DrawnListing(kind, seed_of(kind, taken[kind.name]), moment, shots))
        taken[kind.name] += 1
    return plan


def _times(rng: np.random.Generator, count: int, start: datetime, now: datetime) -> list[datetime]:
    end = Window.holding(Granularity.HOURLY, now).start
    hours = int((end - start) / HOUR)
    weights: NDArray[np.float64] = np.array(
        [
            _HOURS[(start + index * HOUR).hour] * _DAYS[(start + index * HOUR).weekday()]
            for index in range(hours)
        ]
    )
    chosen = np.sort(rng.choice(hours, count, p=weights / weights.sum()))
    seconds = rng.integers(0, 3600, count)
    moments = [
        start + int(hour) * HOUR + timedelta(seconds=int(second))
        for hour, second in zip(chosen, seconds, strict=True)
    ]
    return sorted(moments)
