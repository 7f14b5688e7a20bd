"""Which Servings there should be, by what the repository holds.

Level-triggered: every look reads the HEADs as they are, and plans from nothing else, so that
no event can be lost. A look is cheap while nothing changed: manifests are read and packs are
planned again only when a HEAD moved, an hour passed, or other indexes are refused or apart.
"""

import time
from collections.abc import Callable, Collection, Mapping
from datetime import datetime

from index_grpc.serving.packing import plan_packs
from index_grpc.serving.serving import Serving
from photosearch.repository.addresses import Kind
from photosearch.repository.embedder_roles import next_fingerprint
from photosearch.repository.readiness import ReadyIndex, current_fingerprint, ready_in
from photosearch.repository.repository import Repository
from photosearch.repository.watch import Look
from photosearch.settings.settings import Settings
from photosearch.windows import Granularity, Window

#: A look may cost at most this share of the time between two looks.
LOOK_SHARE = 0.05
RefusedKey = tuple[Window, str]  # and the version of its index


class DesiredServings:
    """Looks at the repository; keeps what it saw last."""

    def __init__(
        self, settings: Settings, repository: Repository, clock: Callable[[], datetime]
    ) -> None:
        self._settings = settings
        self._repository = repository
        self._clock = clock
        self._looks: dict[str, Look] = {}
        self._ready: dict[str, Mapping[Window, ReadyIndex]] = {}
        self._planned_for: tuple[object, ...] | None = None
        self._plan: list[Serving] = []
        self._current: frozenset[RefusedKey] | None = None
        #: The current embedder's fingerprint at the last look.
        self.fingerprint: str | None = None
        self.look_seconds = 0.0
        #: Whether the repository could be read yet.
        self.has_looked = False

    @property
    def ready(self) -> Mapping[Window, ReadyIndex]:
        """The current embedder's indexes at the last look."""
        return self._ready.get(self.fingerprint or "", {})

    @property
    def current(self) -> frozenset[RefusedKey]:
        """Window and version of every index that a HEAD names, of the next embedder too."""
        if self._current is None:
            self._current = frozenset(
                (window, index.version)
                for ready in self._ready.values()
                for window, index in ready.items()
            )
        return self._current

    def look(self) -> None:
        """Read the HEADs, and the manifests behind those that moved."""
        start = time.perf_counter()
        self.fingerprint = current_fingerprint(self._repository)
        prepared = next_fingerprint(self._repository)
        # The current embedder's first: its packs are built and asked for before the next one's.
        named = dict.fromkeys(one for one in (self.fingerprint, prepared) if one is not None)
        looks = {one: self._repository.look(one, Kind.INDEX) for one in named}
        if list(looks.items()) != list(self._looks.items()):  # the same ones while nothing moves
            self._ready = {one: ready_in(look) for one, look in looks.items()}
            self._looks = looks
            self._planned_for = None
            self._current = None
        self.look_seconds = time.perf_counter() - start
        self.has_looked = True

    def servings(
        self, refused: Collection[RefusedKey], apart: Collection[RefusedKey] = ()
    ) -> list[Serving]:
        """The Servings that should answer, without the refused indexes; newest first.

        Those of ``apart`` have a Serving each.

        The current embedder's, and after them those of the embedder that is being prepared.
        """
        now = self._clock()
        asked = (Window.holding(Granularity.HOURLY, now), frozenset(refused), frozenset(apart))
        if asked != self._planned_for:
            self._plan = self._planned(now, refused, apart)
            self._planned_for = asked
        return self._plan

    def pause_s(self, poll_s: float) -> float:
        """Seconds until the next look, so that looking stays cheap however many windows."""
        return max(poll_s, self.look_seconds / LOOK_SHARE)

    def _planned(
        self, now: datetime, refused: Collection[RefusedKey], apart: Collection[RefusedKey]
    ) -> list[Serving]:
        servings = []
        for fingerprint, ready in self._ready.items():
            usable = {
                window: index
                for window, index in ready.items()
                if (window, index.version) not in refused
            }
            packs = plan_packs(
                usable,
                now,
                self._settings.packing,
                pack_bytes=self._settings.pack_bytes,
                small_pack_bytes=self._settings.small_pack_bytes,
                apart=apart,
            )
            servings += [pack.serving(fingerprint) for pack in reversed(packs)]
        return servings
