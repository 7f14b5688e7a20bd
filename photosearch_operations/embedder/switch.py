"""Another embedder without a gap: prepared beside the current one, compared, switched at once.

While it is prepared its windows are made newest first, shipped and served like any others,
and no query is asked of them. The switch is one move of HEAD, when the next embedder's servers
cover all the time that the current one's do. Everything before is found again by looking, so a
preparation may be killed and goes on when it is asked for again.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from index_grpc.serving.opening import open_desk
from index_grpc.serving.serving import Serving
from index_grpc.shipping.reconcile import ServingReconciler
from photosearch.cover import cover
from photosearch.repository.addresses import Address
from photosearch.repository.embedder_roles import Role, note, read_noted
from photosearch.repository.manifest import Manifest
from photosearch.repository.readiness import current_fingerprint, ready_indexes
from photosearch.repository.repository import Repository
from photosearch.repository.wanted_embedder import (
    Recipe,
    WantedEmbedder,
    read_wanted,
    recipe_of,
    want,
)
from photosearch.settings.settings import Settings
from photosearch.terminal.wording import first_of
from photosearch.windows import Span
from photosearch_assets.errors import AssetsError
from photosearch_assets.steps import build_embedder
from photosearch_assets.steps.context import StepContext

if TYPE_CHECKING:
    import dagster as dg

    from photosearch_assets.planning.stages import Stage
    from photosearch_assets.runners.progress import Watcher

SERVERS_TIMEOUT_S = 900.0
FOLLOW_S = 3.0
"""The API looks at HEAD every second: until it has, the old embedder's servers stay."""


@dataclass
class EmbedderSwitch:
    """One preparation, for the settings' repository; ``following`` is the next embedder."""

    settings: Settings
    repository: Repository = field(init=False)
    following: WantedEmbedder = field(init=False)
    before: str = field(init=False)

    def __post_init__(self) -> None:
        self.repository = Repository.of(self.settings)
        current = current_fingerprint(self.repository)
        if current is None:
            raise AssetsError(
                "there is no embedder to switch from",
                remedy="set embedder_network and run 'photosearch materialize'",
            )
        self.before = current

    @property
    def fingerprint(self) -> str:
        """The next embedder's."""
        return self.following.version

    def prepare(self, network: str, *, on_photos: Callable[[int], None]) -> Manifest:
        """Make the embedder of ``network`` and note that it is being prepared.

        Made each time, for the network's file may be another by now; the same file and photos
        give the same embedder, and so a killed preparation goes on.

        Raises:
            PhotosearchError: if there is no such network, or it is the current one.
        """
        asked = self.settings.model_copy(
            update={"embedder_network": network, "embedder_fingerprint": None}
        )
        recipe = recipe_of(asked)
        with StepContext(asked, on_photos=on_photos) as context:
            made = build_embedder.make(context, recipe)
        return self._noted(made, recipe)

    def prepare_previous(self) -> Manifest:
        """Take the embedder that was current before.

        Raises:
            AssetsError: if none was.
        """
        noted = read_noted(self.repository, Role.PREVIOUS)
        if noted is None:
            raise AssetsError(
                "no embedder was current before this one",
                found=f"only {self.before}",
                remedy="name a network: photosearch embedder use NAME",
            )
        manifest = self.repository.manifest(Address.embedders(), noted.fingerprint)
        return self._noted(manifest, manifest.recipe)

    def _noted(self, manifest: Manifest, recipe: Recipe) -> Manifest:
        self.following = WantedEmbedder(manifest.version, recipe)
        if manifest.version == self.before:
            # Asked for in other words, perhaps: by these it is made again, should it be lost.
            want(self.repository.storage, self.following, read_wanted(self.repository.storage)[1])
            raise AssetsError(
                "this embedder is the current one already", found=manifest.version[:16]
            )
        note(self.repository, Role.NEXT, manifest.version)
        return manifest

    def materialize(
        self, instance: "dg.DagsterInstance", watcher: "Watcher", now: datetime | None = None
    ) -> Iterator["Stage"]:
        """Make for the next embedder every window that the current one has, newest first.

        Yields each stage before it runs.

        Raises:
            AssetsError: if a run fails.
        """
        from photosearch_assets.materialize.materializer import Materializer

        settings = self.settings.model_copy(update={"embedder_fingerprint": self.fingerprint})
        work = Materializer(settings, instance, watcher, now=now)
        yield from work.run(list(ready_indexes(self.repository, self.before)))
        if work.summary.has_failed:
            raise AssetsError(
                "the next embedder's windows could not all be made",
                found=first_of(work.summary.failed_runs, 3, "; "),
                remedy="the current embedder goes on answering; see to it, then run this again",
            )

    def lacks(self) -> list[Span]:
        """Time that the current embedder's indexes cover and the next one's do not."""
        current = ready_indexes(self.repository, self.before)
        following = ready_indexes(self.repository, self.fingerprint)
        if not current:
            return []
        span = Span(min(w.start for w in current), max(w.end for w in current))
        return _without(cover(following, span).gaps, cover(current, span).gaps)

    def servings(self) -> list[Serving]:
        """The next embedder's Servings, all asked for.

        Raises:
            AssetsError: if an image is missing.
        """
        reconciler = ServingReconciler.open(self.settings)
        built = reconciler.build()
        reconciler.ask()
        found = reconciler.compare()
        mine = [one for one in found.ready if one.fingerprint == self.fingerprint]
        if found.unbuilt or not mine:
            raise AssetsError(
                "the next embedder's images could not all be built",
                found=first_of(built.failed, 3, "; ") or "no index",
                remedy="the current embedder goes on answering; see to it, then run this again",
            )
        return mine

    def both(self) -> tuple[list[Serving], list[Serving]]:
        """The Servings of the current and of the next embedder."""
        ready = ServingReconciler.open(self.settings).compare().ready
        current, following = (
            [one for one in ready if one.fingerprint == fingerprint]
            for fingerprint in (self.before, self.fingerprint)
        )
        return current, following

    def wait_for_servers(self, servings: list[Serving]) -> bool:
        """Wait until all answer; False at once when nothing is served on this machine.

        Raises:
            AssetsError: if they do not in a quarter of an hour.
        """
        limit = time.monotonic() + SERVERS_TIMEOUT_S
        names = {serving.name for serving in servings}
        while True:
            announced = open_desk(self.settings).endpoints.read()
            missing = names - {endpoint.serving for endpoint in announced}
            if not missing or not announced:
                return bool(announced)
            if time.monotonic() > limit:
                raise AssetsError(
                    "the next embedder's servers do not all answer",
                    found=f"{len(missing)} of {len(names)} are missing, as {min(missing)}",
                    limit=f"{SERVERS_TIMEOUT_S:.0f} s",
                    remedy="the current embedder goes on answering; see the deployer's log",
                )
            time.sleep(0.2)

    def switch(self) -> None:
        """Make the next embedder the current one, in one step.

        Raises:
            HeadMoved: if another process moved the embedders' HEAD meanwhile.
        """
        _, tag = read_wanted(self.repository.storage)
        head = self.repository.head(Address.embedders())
        if head is None or head.version != self.before:
            raise AssetsError(
                "the current embedder changed meanwhile",
                found=str(head and head.version),
                limit=self.before,
                remedy="run this again",
            )
        # First of all: of one killed later, '--back' could not return.
        note(self.repository, Role.PREVIOUS, self.before)
        # Wanted before HEAD: a tick between the two finds it made, and moves HEAD itself.
        want(self.repository.storage, self.following, tag)
        self.repository.move_head(Address.embedders(), self.fingerprint, head)
        note(self.repository, Role.NEXT, "")

    def retire_before(self) -> None:
        """Ask for the old embedder's Servings no longer, once callers have had time to turn."""
        time.sleep(FOLLOW_S)
        ServingReconciler.open(self.settings).ask()


def _without(spans: Iterable[Span], others: Iterable[Span]) -> list[Span]:
    """The time of ``spans`` that is in none of ``others``; both in time order, each disjoint."""
    left = []
    for span in spans:
        start = span.start
        for other in others:
            if start < other.end and other.start < span.end:
                if start < other.start:
                    left.append(Span(start, other.start))
                start = other.end
        if start < span.end:
            left.append(Span(start, span.end))
    return left


def give_up(repository: Repository) -> str | None:
    """Prepare no embedder any more; returns the one that was being prepared."""
    noted = read_noted(repository, Role.NEXT)
    if noted is not None:
        note(repository, Role.NEXT, "")
    return None if noted is None else noted.fingerprint
