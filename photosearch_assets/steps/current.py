"""The current artifacts of one kind, and how a step puts its own among them.

A step asks here two things. Before the work: is what this window has made from the very
inputs and recipe of now? After it: publish, and move HEAD from the version that was seen
before the work. When another run moved HEAD meanwhile, the one made from today's inputs
stays, so two runs of one window at once end as one. A window that a person pinned stays as
it is, whatever it would be made from today.
"""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import JsonValue

from photosearch.repository.addresses import Address, Kind
from photosearch.repository.errors import ArtifactMissing, HeadMoved, HeadPinned
from photosearch.repository.facts import Facts, facts_of
from photosearch.repository.manifest import Input, Manifest, recipe_digest
from photosearch.repository.repository import Repository
from photosearch.repository.watch import Look
from photosearch.windows import Window
from photosearch_assets.errors import StepError

_TRIES = 8


class Part(NamedTuple):
    """What was or would be an input, as its members."""

    kind: str
    window: Window | None
    version: str
    digest: str


@lru_cache(maxsize=65_536)
def digest_of(parts: tuple[Part, ...], how: str) -> str:
    """The digest of a recipe; ``how`` as canonical JSON.

    Remembered, because a look asks for the same ten thousand again and again.
    """
    inputs = [
        Input(kind=p.kind, window=p.window, version=p.version, digest=p.digest) for p in parts
    ]
    return recipe_digest(inputs, json.loads(how))


@dataclass(frozen=True)
class Recipe:
    """What an artifact is to be made from and how, known before the work."""

    inputs: tuple[Input, ...]
    how: Mapping[str, JsonValue]

    @cached_property
    def digest(self) -> str:
        return recipe_digest(self.inputs, self.how)


def as_part(kind: Kind, window: Window | None, facts: Facts | Manifest) -> Part:
    """A version as an input of what would be made from it."""
    return Part(kind, window, facts.version, facts.digest)


def as_input(manifest: Manifest) -> Input:
    """``manifest`` as an input of what is made from it."""
    return Input(
        kind=manifest.kind,
        window=manifest.window,
        version=manifest.version,
        digest=manifest.digest,
    )


class Shelf:
    """Embeddings or indexes of one fingerprint, by window.

    ``look`` is taken once, by one listing; what this object publishes is kept up in ``heads`` and
    ``facts``.
    ``pinned`` are the windows whose version a person chose.
    """

    def __init__(
        self, repository: Repository, fingerprint: str, kind: Kind, look: Look | None = None
    ) -> None:
        self.repository = repository
        self.fingerprint = fingerprint
        self.kind = kind
        self._moved: dict[Window, Facts] = {}
        if look is not None:
            self.look = look

    @cached_property
    def look(self) -> Look:
        return self.repository.look(self.fingerprint, self.kind)

    @cached_property
    def heads(self) -> dict[Window, str]:
        return {window: current.version for window, current in self.look.current.items()}

    @property
    def pinned(self) -> frozenset[Window]:
        return self.look.once(_pinned)

    @property
    def facts(self) -> Mapping[Window, Facts]:
        """What is known of the current versions, of all at once."""
        return {**self.look.facts, **self._moved} if self._moved else self.look.facts

    def address(self, window: Window) -> Address:
        return Address(self.kind, self.fingerprint, window)

    def current(self, window: Window) -> Manifest | None:
        """The manifest of the window's current version.

        None also when HEAD leads to no version, so that the window is made again.
        """
        version, address = self.heads.get(window), self.address(window)
        if version is None:
            return None
        try:
            return self.repository.manifest(address, version)
        except ArtifactMissing:
            # Since HEADs were listed it may have been replaced, and collected.
            found = self.repository.current(address)
            if found is not None:
                self.heads[window] = found.version
            return found

    def require(self, window: Window, remedy: str) -> Manifest:
        """The current manifest.

        Raises:
            StepError: if there is none; ``remedy`` says how to get one.
        """
        manifest = self.current(window)
        if manifest is None:
            raise StepError(f"{window.key} has no {self.kind} yet", remedy=remedy)
        return manifest

    def folder(self, manifest: Manifest) -> Path:
        """The files of ``manifest``, verified."""
        assert manifest.window is not None
        address = self.address(manifest.window)
        return self.repository.local_files(address, manifest.version)

    def is_made_of(self, window: Window, recipe: Recipe) -> bool:
        """Whether the window's current version was made from exactly this."""
        manifest = self.current(window)
        return manifest is not None and manifest.recipe_digest == recipe.digest

    def publish(
        self,
        window: Window,
        recipe: Recipe,
        files: Mapping[str, Path],
        *,
        rows: int,
        dimension: int,
        may_serve: Callable[[Manifest], bool] = lambda _manifest: True,
        recipe_now: Callable[[], Recipe] | None = None,
        **fields: Any,
    ) -> Manifest:
        """Publish a version and, if ``may_serve`` allows it, make it the current one.

        ``recipe_now`` tells what the window would be made from at this instant; it decides
        when another run has moved HEAD since the work began.
        """
        manifest = self.repository.publish(
            self.address(window),
            files,
            rows=rows,
            dimension=dimension,
            inputs=list(recipe.inputs),
            recipe=dict(recipe.how),
            **fields,
        )
        if may_serve(manifest):
            self._make_current(window, manifest, recipe_now or (lambda: recipe))
        return manifest

    def _make_current(
        self, window: Window, manifest: Manifest, recipe_now: Callable[[], Recipe]
    ) -> None:
        address = self.address(window)
        seen = self.heads.get(window)
        head = self.repository.head(address)
        for attempt in range(_TRIES):
            found = None if head is None else head.version
            if found == manifest.version:
                break
            if head is not None and head.is_pinned:  # since this work began
                self._keep_up(window, self.repository.manifest(address, head.version))
                return
            if found is not None and found != seen:
                theirs = self.repository.manifest(address, found)
                if theirs.recipe_digest == recipe_now().digest:
                    self._keep_up(window, theirs)
                    return
            try:
                self.repository.move_head(address, manifest.version, head)
                break
            except (HeadMoved, HeadPinned):
                time.sleep(0.01 * attempt)
                head = self.repository.head(address)
        else:
            raise StepError(
                f"{address} is moved by others again and again",
                found=f"{_TRIES} changes while version {manifest.version} waited",
                remedy="run one materialization of this window at a time",
            )
        self._keep_up(window, manifest)

    def _keep_up(self, window: Window, manifest: Manifest) -> None:
        self.heads[window] = manifest.version
        self._moved[window] = facts_of(manifest)


def _pinned(look: Look) -> frozenset[Window]:
    return frozenset(window for window, one in look.current.items() if one.is_pinned)
