"""Which Servings there should be, by what the repository holds.

Level-triggered: every look reads the HEADs as they are, and plans from nothing else, so that
no event can be lost. A look is cheap while nothing changed: manifests are read and packs are
planned again only when a HEAD moved, an hour passed, or the set of refused indexes changed.
"""

import time
from collections.abc import Callable, Collection
from datetime import datetime

from index_grpc.packing import plan_packs
from index_grpc.serving import Serving
from photosearch.repository.addresses import Kind
from photosearch.repository.heads import Current
from photosearch.repository.readiness import ReadyIndex, current_fingerprint, ready_indexes
from photosearch.repository.repository import Repository
from photosearch.settings import Settings
from photosearch.windows import Granularity, Window

#: A look may cost at most this share of the time between two looks.
LOOK_SHARE = 0.05
RefusedKey = tuple[str, str]  # window key, version


class WantedServings:
    """Looks at the repository; keeps what it saw last."""

    def __init__(
        self, settings: Settings, repository: Repository, clock: Callable[[], datetime]
    ) -> None:
        self._settings = settings
        self._repository = repository
        self._clock = clock
        self._heads: tuple[str | None, dict[Window, Current]] = (None, {})
        self._planned_for: tuple[object, ...] | None = None
        self._plan: list[Serving] = []
        self.ready: dict[Window, ReadyIndex] = {}
        self.look_seconds = 0.0

    @property
    def fingerprint(self) -> str | None:
        """The current embedder's fingerprint at the last look."""
        return self._heads[0]

    def look(self) -> None:
        """Read the HEADs, and the manifests behind those that moved."""
        start = time.perf_counter()
        fingerprint = current_fingerprint(self._repository)
        heads = (
            {}
            if fingerprint is None
            else self._repository.current_versions(fingerprint, Kind.INDEX)
        )
        if (fingerprint, heads) != self._heads:
            self.ready = {} if fingerprint is None else ready_indexes(self._repository, fingerprint)
            self._heads = (fingerprint, heads)
            self._planned_for = None
        self.look_seconds = time.perf_counter() - start

    def servings(self, refused: Collection[RefusedKey]) -> list[Serving]:
        """The Servings that should answer, without the refused indexes; newest first."""
        now = self._clock()
        asked = (Window.holding(Granularity.HOURLY, now), frozenset(refused))
        if asked != self._planned_for:
            self._plan = self._planned(now, refused)
            self._planned_for = asked
        return self._plan

    def pause_s(self, poll_s: float) -> float:
        """Seconds until the next look, so that looking stays cheap however many windows."""
        return max(poll_s, self.look_seconds / LOOK_SHARE)

    def _planned(self, now: datetime, refused: Collection[RefusedKey]) -> list[Serving]:
        fingerprint = self.fingerprint
        if fingerprint is None:
            return []
        usable = {
            window: index
            for window, index in self.ready.items()
            if (window.key, index.version) not in refused
        }
        packs = plan_packs(
            usable,
            now,
            self._settings.packing,
            pack_bytes=self._settings.pack_bytes,
            small_pack_bytes=self._settings.small_pack_bytes,
        )
        return [pack.serving(fingerprint) for pack in reversed(packs)]
