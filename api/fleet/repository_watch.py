"""What the model repository calls current, for the API's plans.

Reading ten thousand HEADs costs a noticeable part of a second, so it happens in a thread and
never in a query, and the pause grows with what a reading took: watching costs at most two
percent of a core. The embedders' HEAD is one small file and is read every round.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

from api.fleet.plan import CurrentIndex
from photosearch.repository.addresses import Kind
from photosearch.repository.embedder_roles import next_fingerprint
from photosearch.repository.readiness import ReadyIndex, current_fingerprint, ready_in
from photosearch.repository.repository import Repository
from photosearch.windows import Window

logger = logging.getLogger(__name__)

PAUSE_S = 2.0
PAUSE_SHARE = 50  # pauses are at least so many times as long as a reading


@dataclass(frozen=True)
class CurrentIndexes:
    """One reading: every ready index of one embedder, at one instant."""

    reading: int = 0
    indexes: Mapping[Window, ReadyIndex] = field(default_factory=dict)
    windows: Mapping[Window, CurrentIndex] = field(default_factory=dict)


NOTHING = CurrentIndexes()


class RepositoryWatch:
    """The repository's state as of the last reading."""

    def __init__(self, repository: Repository, pause_s: float = PAUSE_S) -> None:
        self.repository = repository
        self.head: str | None = None
        self._pause_s = pause_s
        self._readings = 0
        self._current: dict[str, CurrentIndexes] = {}
        self._last_cost_s = 0.0

    def current(self, fingerprint: str) -> CurrentIndexes:
        """The last reading of this embedder's indexes; empty before there is one."""
        return self._current.get(fingerprint, NOTHING)

    def read_head(self) -> str | None:
        """The current embedder, read now (blocking)."""
        self.head = current_fingerprint(self.repository)
        return self.head

    def read_next(self) -> str | None:
        """The embedder that is being prepared, read now (blocking)."""
        return next_fingerprint(self.repository)

    def read(self, fingerprint: str) -> CurrentIndexes:
        """Read one embedder's indexes now (blocking)."""
        start = time.monotonic()
        indexes = ready_in(self.repository.look(fingerprint, Kind.INDEX))
        self._last_cost_s = time.monotonic() - start
        known = self.current(fingerprint)
        if indexes is not known.indexes or known is NOTHING:  # the same one while nothing moves
            self._readings += 1
            windows = {
                window: CurrentIndex(one.version, one.stale) for window, one in indexes.items()
            }
            known = self._current[fingerprint] = CurrentIndexes(self._readings, indexes, windows)
        return known

    async def watch(self, fingerprints: Callable[[], Collection[str]]) -> None:
        """Keep reading, until cancelled, the indexes of all embedders that answer."""
        while True:
            for fingerprint in fingerprints():
                try:
                    await asyncio.to_thread(self.read, fingerprint)
                except Exception:  # plans go on with the last reading
                    logger.exception("the indexes of %s can't be read", fingerprint)
            await asyncio.sleep(max(self._pause_s, PAUSE_SHARE * self._last_cost_s))
