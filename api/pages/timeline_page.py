"""``/v1/windows`` as it is sent: worked out in a thread, once for all who ask.

Every open page asks for it every few seconds, and a year of hours is milliseconds of work
that searches on the same cores would wait for. So an answer is kept as bytes for as long as
what it is made of stays the same, who asks while it is looked at shares what is found, and
after an answer that was dear to make the next one waits for twenty times as long: however many
ask, and however long the timeline is, this page takes some percent of a core at most.

Only the clock's time differs from one caller to the next; it is set into the bytes. The ETag
names all the rest, weakly, so that who asks again is sent nothing while nothing has changed.
"""

import asyncio
import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from pydantic import TypeAdapter

from api.fleet.planner import Planner
from api.pages.timeline import Facts, timeline_of
from photosearch.rest.timeline import Trouble

COST_FACTOR = 20
CHEAP_S = 0.01
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MOMENT = TypeAdapter(datetime)
_NOW = b'"now":'


@dataclass(frozen=True)
class Page:
    """An answer but for the time of day."""

    before_now: bytes
    after_now: bytes
    digest: str
    retries: tuple[datetime, ...]

    def at(self, now: datetime) -> tuple[bytes, str]:
        """The body at this moment, and the ETag: another one when a retry has become due."""
        due = sum(one <= now for one in self.retries)
        body = self.before_now + _MOMENT.dump_json(now) + self.after_now
        return body, f'W/"{self.digest}-{due}"'


def page_of(facts: Facts) -> Page:
    """Write the timeline of ``facts``, without the time of day."""
    body = timeline_of(facts, _EPOCH).model_dump_json().encode()
    before, found, after = body.partition(_NOW + _MOMENT.dump_json(_EPOCH))
    assert found
    digest = hashlib.sha256(body).hexdigest()[:32]
    return Page(before + _NOW, after, digest, tuple(one.retry_at for one in facts.troubles))


def _timed(facts: Facts) -> tuple[Page, float]:
    """The page, and the seconds of processor time that it took."""
    before = time.thread_time()
    return page_of(facts), time.thread_time() - before


class TimelinePage:
    """The page of one API; for one event loop.

    ``fingerprints`` are those of the open embedders, the repository's current one first.
    """

    def __init__(
        self,
        fingerprints: Callable[[], Sequence[str]],
        planner: Planner,
        read_troubles: Callable[[], list[Trouble]],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._fingerprints = fingerprints
        self._planner = planner
        self._read_troubles = read_troubles
        self._clock = clock
        self._lock = asyncio.Lock()
        self._troubles: list[Trouble] = []
        self._troubles_read = float("-inf")
        self._made_of: object = None
        self._page: Page | None = None
        self._page_until = float("-inf")

    async def now(self) -> tuple[bytes, str]:
        """The body, and its ETag.

        Raises:
            ApiProblem: if no hour has closed since the timeline's start.
        """
        asked = self._clock()
        async with self._lock:  # many who come at once wait for one
            page = await self._current(asked)
        return page.at(self._planner.now())

    async def _current(self, asked: float) -> Page:
        if self._page is not None and self._clock() < self._page_until:
            return self._page
        if self._troubles_read < asked:
            began = self._clock()
            self._troubles = await asyncio.to_thread(self._read_troubles)
            self._troubles_read = began
        facts = await self._facts()
        made_of = _identity(facts)
        if self._page is not None and made_of == self._made_of:
            return self._page
        page, cost_s = await asyncio.to_thread(_timed, facts)
        self._page, self._made_of = page, made_of
        self._page_until = self._clock() + COST_FACTOR * max(0.0, cost_s - CHEAP_S)
        return page

    async def _facts(self) -> Facts:
        planner = self._planner
        fingerprints = self._fingerprints()
        fingerprint = await planner.choose(fingerprints) if fingerprints else None
        plan = await planner.plan(fingerprint or "")
        return Facts(
            fingerprint,
            plan,
            planner.repository.current(fingerprint or ""),
            planner.discovery.fleet,
            planner.pool.suspects(),
            tuple(self._troubles),
        )


def _identity(facts: Facts) -> object:
    """What tells these facts from others; the plan last, which is compared at length."""
    return (
        facts.fingerprint,
        facts.current.reading,
        facts.fleet.generation,
        facts.suspects,
        facts.troubles,
        facts.plan,
    )
