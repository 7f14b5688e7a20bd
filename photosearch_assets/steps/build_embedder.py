"""Step ``embedder``: the network, and the projection fitted on the catalogue's own photos.

Made once and then frozen, because every vector depends on it: it is made anew only when it is
lost. A catalogue that grows keeps its projection.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import suppress

import numpy as np
from numpy.typing import NDArray

from photosearch.catalogue.listing import Photo
from photosearch.embedder import build
from photosearch.embedder.registry import resolve_network
from photosearch.errors import PhotosearchError
from photosearch.images.fetch import fetch_photos
from photosearch.repository.addresses import Address
from photosearch.repository.embedder_roles import Role, note
from photosearch.repository.errors import ArtifactMissing, HeadMoved
from photosearch.repository.manifest import Input, Manifest, canonical_digest
from photosearch.repository.wanted_embedder import (
    Recipe,
    WantedEmbedder,
    read_wanted,
    recipe_of,
    settings_for,
    want,
)
from photosearch.windows import Window
from photosearch_assets.errors import StepError
from photosearch_assets.steps.context import StepContext
from photosearch_assets.steps.result import StepResult

NAME = "embedder"
_FETCHED_AT_ONCE = 256


def is_current(context: StepContext) -> bool:
    """Whether the current embedder is the one that is wanted.

    Work for an embedder that the settings name by its fingerprint needs no other.
    """
    if context.settings.embedder_fingerprint is not None:
        return True
    current = context.repository.current(Address.embedders())
    wanted, _ = read_wanted(context.repository.storage)
    return current is not None and (wanted is None or wanted.version == current.version)


def run(windows: Sequence[Window], context: StepContext) -> Iterator[StepResult]:
    """Make the embedder that is wanted unless it is current; ``windows`` is empty."""
    if windows:
        raise StepError("the embedder has no windows", found=windows[0].key)
    started = time.monotonic()
    current = context.repository.current(Address.embedders())
    if current is not None and is_current(context):
        yield _result(current, started, done=False)
        return
    manifest = _wanted(context)
    if current is not None and current.version != manifest.version:
        note(context.repository, Role.PREVIOUS, current.version)
    context.repository.set_head(Address.embedders(), manifest.version)
    context.forget_embedder()
    yield _result(manifest, started, done=True)


def _wanted(context: StepContext) -> Manifest:
    """The embedder that is wanted, made if it is not there; the first is the settings'."""
    repository = context.repository
    while True:
        wanted, tag = read_wanted(repository.storage)
        if wanted is not None:
            with suppress(ArtifactMissing):
                return repository.manifest(Address.embedders(), wanted.version)
        recipe = recipe_of(context.settings) if wanted is None else wanted.recipe
        made = make(context, recipe)
        # Another machine, of other settings, may have been quicker: then its embedder it is.
        with suppress(HeadMoved):
            want(repository.storage, WantedEmbedder(made.version, recipe), tag)
            return made


def make(context: StepContext, recipe: Recipe) -> Manifest:
    """Build the embedder of this recipe and publish it; HEAD stays where it is."""
    settings = settings_for(context.settings, recipe)
    photo_count = context.catalogue.photo_count()
    with context.work_folder(NAME) as work:
        network = resolve_network(settings, work)
        # Some photos will not decode: the sample is taken a little larger.
        size = build.sample_size(settings, network, photo_count) * 11 // 10
        sample = context.catalogue.sample_photos(size) if size else []
        decoded = _decoded(sample, network.preprocessing.side, context)
        built = build.build_embedder(settings, decoded, photo_count, work, network=network)
        digest = canonical_digest([photo.photo_id for photo in sample])
        return context.repository.publish(
            Address.embedders(),
            {file.name: file for file in sorted(built.folder.iterdir())},
            rows=len(sample),
            dimension=built.dimension,
            inputs=[Input(kind="catalogue", window=None, version=digest[:16], digest=digest)],
            recipe=dict(recipe),
            details=built.details,
            run_id=context.run_id,
            version=built.fingerprint,
        )


def _decoded(
    photos: Sequence[Photo], side: int, context: StepContext
) -> Iterator[NDArray[np.uint8]]:
    for first in range(0, len(photos), _FETCHED_AT_ONCE):
        part = photos[first : first + _FETCHED_AT_ONCE]
        # No eviction takes one before it is read: the sample, and so the projection, would
        # depend on the size of the cache.
        with context.image_cache.keep(photo.path for photo in part):
            fetch_photos(part, context.image_store, context.image_cache, settings=context.settings)
            for photo in part:
                content = context.image_cache.read(photo.path)
                if content is None:
                    continue  # the hour's own step reports it with its reason
                try:
                    yield context.decoder.decode(content, side=side, name=photo.path)
                except PhotosearchError:
                    continue
                finally:
                    context.on_photos(1)


def _result(manifest: Manifest, started: float, *, done: bool) -> StepResult:
    return StepResult(
        step=NAME,
        version=manifest.version,
        digest=manifest.digest,
        rows=manifest.rows,
        size_bytes=manifest.size_bytes,
        seconds=time.monotonic() - started,
        done=done,
        note=", ".join(f"{name} {value}" for name, value in sorted(manifest.details.items())),
    )
