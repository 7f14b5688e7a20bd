"""Step ``embedder``: the network, and the projection fitted on the catalogue's own photos.

Made once and then frozen, because every vector depends on it: it is made anew only when the
settings ask for another network. A catalogue that grows keeps its projection.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import suppress

import numpy as np
from numpy.typing import NDArray
from pydantic import JsonValue

from photosearch.catalogue.listing import Photo
from photosearch.embedder import build
from photosearch.embedder.registry import resolve_network
from photosearch.errors import PhotosearchError
from photosearch.images.fetch import fetch_photos
from photosearch.repository.addresses import Address
from photosearch.repository.embedder_roles import Role, note
from photosearch.repository.manifest import Input, Manifest, canonical_digest
from photosearch.repository.storage.port import TagMoved
from photosearch.windows import Window
from photosearch_assets.errors import StepError
from photosearch_assets.steps.context import StepContext
from photosearch_assets.steps.result import StepResult

NAME = "embedder"
_FETCHED_AT_ONCE = 256


def wanted(context: StepContext) -> dict[str, JsonValue]:
    """What the settings ask of an embedder; another answer may mean another embedder."""
    settings = context.settings
    weights = settings.embedder_weights
    preprocessing = {"mean": settings.embedder_mean, "std": settings.embedder_std}
    return {
        "network": settings.embedder_network,
        "weights": None if weights is None else str(weights),
        "precision": settings.embedder_precision,
        "projection_dimensions": settings.projection_dimensions,
        **{name: list(value) for name, value in preprocessing.items() if value is not None},
    }


def is_current(context: StepContext) -> bool:
    """Whether the current embedder is the one that the settings ask for.

    Work for an embedder that the settings name by its fingerprint needs no other.
    """
    if context.settings.embedder_fingerprint is not None:
        return True
    manifest = context.repository.current(Address.embedders())
    return manifest is not None and _answers(manifest, wanted(context), context)


def _answers(manifest: Manifest, asked: dict[str, JsonValue], context: StepContext) -> bool:
    if manifest.recipe == asked:
        return True
    made = context.repository.storage.read(_asked_path(asked))
    return made is not None and made.content == manifest.version.encode()


def _remember(manifest: Manifest, asked: dict[str, JsonValue], context: StepContext) -> None:
    """Keep in the repository that what is asked for comes to this embedder.

    Other settings may come to the very same vectors, such as dimensions of a projection where
    there is none. The version's manifest never changes, so it can't say that; without a
    word of it the embedder would be made again and again, and everything would wait for it.
    """
    if _answers(manifest, asked, context):
        return
    storage, path = context.repository.storage, _asked_path(asked)
    known = storage.read(path)
    with suppress(TagMoved):  # another run has just written it
        storage.replace(path, manifest.version.encode(), None if known is None else known.tag)


def _asked_path(asked: dict[str, JsonValue]) -> str:
    return f"asked/embedders/{canonical_digest(asked)[:32]}"


def run(windows: Sequence[Window], context: StepContext) -> Iterator[StepResult]:
    """Make the embedder unless it is there; ``windows`` is empty."""
    if windows:
        raise StepError("the embedder has no windows", found=windows[0].key)
    started = time.monotonic()
    current = context.repository.current(Address.embedders())
    if current is not None and is_current(context):
        yield _result(current, started, done=False)
        return
    manifest = make(context)
    _remember(manifest, wanted(context), context)
    if current is not None and current.version != manifest.version:
        note(context.repository, Role.PREVIOUS, current.version)
    context.repository.set_head(Address.embedders(), manifest.version)
    context.__dict__.pop("fingerprint", None)
    yield _result(manifest, started, done=True)


def make(context: StepContext) -> Manifest:
    """Build the embedder that the settings ask for and publish it; HEAD stays where it is."""
    settings = context.settings
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
            recipe=dict(wanted(context)),
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
        with context.image_cache.pinned(photo.path for photo in part):
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
