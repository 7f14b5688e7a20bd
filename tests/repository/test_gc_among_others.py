"""gc beside a pipeline: whatever happens between any two of its looks, nothing needed goes.

A machine of states publishes, glues, moves HEADs, pins, serves and lets time pass; and while
gc works, any of these may happen before each of its accesses to the store, as it may when
another process does them. It may not when gc holds an address's fence, for then that process
would wait.
"""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from photosearch.repository.addresses import Address
from photosearch.repository.errors import ArtifactMissing, HeadPinned
from photosearch.repository.manifest import Manifest
from photosearch.repository.repository import Repository
from photosearch.repository.retention import collect, newest
from photosearch.windows import Window
from tests.repository.artifacts import FINGERPRINT, Shelf, as_input

HOURS = [Window.parse(f"hourly/2026-11-22T{hour:02}") for hour in range(2)]
DAY = Address.index(FINGERPRINT, Window.parse("daily/2026-11-22"))
GRACE = timedelta(days=1)

hours = st.sampled_from(HOURS)
contents = st.integers(0, 3)
#: What another process does: the name of a rule and what it is given.
actions = st.one_of(
    st.tuples(st.just("publish"), hours, contents),
    st.tuples(st.just("publish_only"), hours, contents),
    st.tuples(st.just("glue"), hours, contents),
    st.tuples(st.just("go_back"), hours, contents),
    st.tuples(st.just("serve"), hours, contents),
)


class Interrupted:
    """A store in front of which something else happens before each access outside a fence."""

    def __init__(self, storage: Any, happen: Callable[[], None]) -> None:
        self._storage = storage
        self._happen = happen
        self._fences = 0

    def fence(self, name: str, *, wait: bool = True) -> AbstractContextManager[bool]:
        self._meanwhile()
        return self._held(name, wait=wait)

    @contextmanager
    def _held(self, name: str, *, wait: bool) -> Iterator[bool]:
        with self._storage.fence(name, wait=wait) as ours:
            self._fences += 1
            try:
                yield ours
            finally:
                self._fences -= 1

    def _meanwhile(self) -> None:
        if not self._fences:
            self._happen()

    def __getattr__(self, name: str) -> Any:
        original = getattr(self._storage, name)

        def access(*args: Any, **given: Any) -> Any:
            self._meanwhile()
            return original(*args, **given)

        return access


class GcAmongOthers(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.root = Path(tempfile.mkdtemp())
        self.shelf = Shelf(self.root / "repository", self.root / "work")
        #: What a publish has given out since time last passed: its caller relies on it.
        self.young: list[tuple[Address, Manifest]] = []
        self.served: list[tuple[Address, Manifest]] = []

    def teardown(self) -> None:
        shutil.rmtree(self.root)

    @rule(window=hours, content=contents)
    def publish(self, window: Window, content: int) -> None:
        address, manifest = self.published(window, content)
        self.point(address, manifest.version)

    @rule(window=hours, content=contents)
    def publish_only(self, window: Window, content: int) -> None:
        self.published(window, content)

    @rule(window=hours, content=contents)
    def glue(self, window: Window, content: int) -> None:
        """The day, from what its hours are now."""
        parts = [self.shelf.repository.current(self.index(hour)) for hour in HOURS]
        have = [part for part in parts if part is not None]
        day = self.shelf.publish(
            b"day " + b" ".join(part.version.encode() for part in have),
            DAY,
            inputs=[as_input(part) for part in have],
        )
        self.young.append((DAY, day))
        self.point(DAY, day.version)

    @rule(window=hours, content=contents)
    def go_back(self, window: Window, content: int) -> None:
        """To any version that is there; even contents let it go again."""
        address = self.index(window)
        versions = self.shelf.reopened().versions(address)
        if versions:
            with suppress(ArtifactMissing):  # gc is taking it, or what it was made from
                self.shelf.repository.rollback(address, versions[content % len(versions)].version)
        if content % 2 == 0:
            self.shelf.repository.release(address)

    @rule(window=hours, content=contents)
    def serve(self, window: Window, content: int) -> None:
        """A server takes what is current, as the deployer tells of it before gc asks."""
        manifest = self.shelf.repository.current(self.index(window))
        if manifest is not None and self.gc_is_idle:
            self.served = [*self.served[-1:], (self.index(window), manifest)]

    @rule()
    def let_days_pass(self) -> None:
        self.shelf.make_old(self.shelf.folder)
        self.young.clear()

    gc_is_idle = True

    @rule(keep=st.integers(0, 1), meanwhile=st.lists(actions, max_size=6), every=st.integers(1, 9))
    def collect(self, keep: int, meanwhile: list[tuple[str, Window, int]], every: int) -> None:
        todo = list(meanwhile)
        accesses = 0

        def happen() -> None:
            nonlocal accesses
            accesses += 1
            if todo and accesses % every == 0:
                name, window, content = todo.pop(0)
                getattr(self, name)(window=window, content=content)

        repository = Repository(Interrupted(self.shelf.reopened().storage, happen))
        self.gc_is_idle = False
        collect(
            repository,
            keep=newest(keep),
            grace=GRACE,
            in_use=[(address, manifest.version) for address, manifest in self.served],
        )
        self.gc_is_idle = True

    @invariant()
    def nothing_is_damaged(self) -> None:
        assert [str(damage) for damage in self.shelf.reopened().verify()] == []

    @invariant()
    def what_is_current_served_or_young_is_there_with_all_it_was_made_from(self) -> None:
        seen = self.shelf.reopened()
        needed = [*self.young, *self.served]
        for address in [*map(self.index, HOURS), DAY]:
            head = seen.head(address)
            if head is not None:
                needed.append((address, seen.manifest(address, head.version)))
        for address, manifest in needed:
            found = seen.manifest(address, manifest.version)
            for item in found.inputs:
                assert item.window is not None
                source = Address(address.kind.__class__(item.kind), FINGERPRINT, item.window)
                assert seen.manifest(source, item.version).version == item.version

    def index(self, window: Window) -> Address:
        return Address.index(FINGERPRINT, window)

    def published(self, window: Window, content: int) -> tuple[Address, Manifest]:
        """An hour's index, made from embeddings of its own as a step makes it."""
        vectors = Address.embeddings(FINGERPRINT, window)
        made = self.shelf.publish(b"vectors %d" % content, vectors)
        manifest = self.shelf.publish(b"%d" % content, self.index(window), inputs=[as_input(made)])
        self.young += [(vectors, made), (self.index(window), manifest)]
        return self.index(window), manifest

    def point(self, address: Address, version: str) -> None:
        with suppress(HeadPinned):
            self.shelf.repository.set_head(address, version)


TestGcAmongOthers = GcAmongOthers.TestCase
TestGcAmongOthers.settings = settings(
    max_examples=40,
    stateful_step_count=20,
    # Each step waits for the disk: to make a failure smaller would take longer than a test may.
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
