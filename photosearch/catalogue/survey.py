"""A look at all listings: how many a search can find, and which rule leaves out the others.

One reading of the table. Each listing counts under the first rule that leaves it out, so that
the numbers add up to all of them.
"""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime

from photosearch.catalogue.left_out import Reason
from photosearch.windows import Granularity, Window


@dataclass
class LeftOut:
    """How many are left out by one rule, one of them, and why that one is."""

    example: str | None
    why: str
    count: int = 0


@dataclass
class Survey:
    """What the listings are; a listing whose hour is not over is ``waiting``."""

    now: datetime
    listings: int = 0
    searchable: int = 0
    waiting: int = 0
    oldest: datetime | None = None
    newest: datetime | None = None
    statuses: Counter[str | None] = field(default_factory=Counter)
    left_out: dict[Reason, LeftOut] = field(default_factory=dict)
    unreadable_prices: LeftOut | None = None

    @property
    def live(self) -> int:
        """How many have a status that may be shown."""
        hidden = self.left_out.get(Reason.STATUS)
        return sum(self.statuses.values()) - (0 if hidden is None else hidden.count)

    def leave_out(self, reason: Reason, example: str | None, why: str) -> None:
        self.left_out.setdefault(reason, LeftOut(example, why)).count += 1

    def count_time(self, moment: datetime) -> None:
        """A time that could be read."""
        self.oldest = moment if self.oldest is None else min(self.oldest, moment)
        self.newest = moment if self.newest is None else max(self.newest, moment)

    def count_price(self, listing_id: str, value: object) -> None:
        """A price that there is, and that is none."""
        if self.unreadable_prices is None:
            self.unreadable_prices = LeftOut(listing_id, repr(value)[:60])
        self.unreadable_prices.count += 1

    def place(self, moment: datetime) -> None:
        """A listing that nothing leaves out."""
        hour = Window.holding(Granularity.HOURLY, self.now)
        if hour.start <= moment <= self.now:
            self.waiting += 1
        else:
            self.searchable += 1
