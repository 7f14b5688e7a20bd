"""Two embedders side by side, on pictures whose right answers are known.

The queries are the catalogue's own photos, cut and compressed anew as a phone's picture of a
screen would be: the right answer is the photo itself, and for a listing of several photos its
others. Both are asked through their serving images, one pack at a time, so what is compared is
what will be served.
"""

import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from index_grpc.server.loading import load_serving, unpacked_repository
from index_grpc.serving.serving import Serving
from photosearch.catalogue.listing import Photo
from photosearch.embedder.embedder import open_embedder
from photosearch.errors import PhotosearchError
from photosearch.images.decoding.decoder import Decoder
from photosearch.repository.addresses import Address
from photosearch_assets.steps.context import StepContext

QUERIES = 200
K = 10
_KEPT = 0.8
"""Share of each side that is left of a photo when it becomes a query."""


@dataclass(frozen=True)
class EmbedderComparison:
    """What two embedders found; the first of each pair is the current one's.

    ``itself`` is the share of queries whose first hit is the photo they were made of,
    ``sibling`` the share that finds another photo of its listing among ten (None: no listing
    has two photos), ``overlap`` the mean share of ten hits that both have.
    """

    queries: int
    itself: tuple[float, float]
    sibling: tuple[float, float] | None
    overlap: float


def compare_embedders(
    context: StepContext,
    current: Sequence[Serving],
    following: Sequence[Serving],
) -> EmbedderComparison | None:
    """Compare by up to 200 photos of the catalogue; None if none could be read.

    ``current`` and ``following`` are the Servings of one embedder each.
    """
    photos, pictures = [], []
    for photo in context.catalogue.sample_photos(QUERIES):
        try:
            content = context.image_cache.read(photo.path) or context.image_store.read(photo.path)
            pictures.append(_as_query(content, context.decoder))
        except PhotosearchError:
            continue  # it is reported where its window is made
        photos.append(photo)
    if not photos:
        return None
    found = [_found(context, servings, photos, pictures) for servings in (current, following)]
    ids = [photo.photo_id for photo in photos]
    itself = [
        _share(hits[:1] == [photo_id] for photo_id, hits in zip(ids, one, strict=True))
        for one in found
    ]
    pairs = [({*a[:K]}, {*b[:K]}) for a, b in zip(*found, strict=True)]
    return EmbedderComparison(
        queries=len(photos),
        itself=(itself[0], itself[1]),
        sibling=_siblings(context, photos, found),
        overlap=float(np.mean([len(a & b) / max(1, len(a)) for a, b in pairs])),
    )


def _found(
    context: StepContext,
    servings: Sequence[Serving],
    photos: Sequence[Photo],
    pictures: Sequence[NDArray[np.uint8]],
) -> list[list[str]]:
    """Photo ids that each query finds, best first, over all packs."""
    fingerprint = servings[0].fingerprint
    folder = context.repository.local_files(Address.embedders(), fingerprint)
    embedder = open_embedder(folder, fingerprint)
    vectors = embedder.embed(pictures, [photo.photo_id for photo in photos])
    hits: list[list[tuple[float, str]]] = [[] for _ in photos]
    for serving in servings:
        loaded = load_serving(
            serving,
            unpacked_repository(serving, context.settings),
            recall_target=context.settings.recall_target,
        )
        for vector, mine in zip(vectors, hits, strict=True):
            mine += [(hit.score, hit.photo_id) for hit in loaded.pack.search(vector, K + 1, None)]
    return [[photo for _, photo in sorted(mine, key=lambda hit: -hit[0])] for mine in hits]


def _siblings(
    context: StepContext, photos: Sequence[Photo], found: Sequence[Sequence[Sequence[str]]]
) -> tuple[float, float] | None:
    listings = context.catalogue.listings({photo.listing_id for photo in photos})
    others = [
        {*listings[p.listing_id].photo_ids} - {p.photo_id} if p.listing_id in listings else set()
        for p in photos
    ]
    asked = [place for place, ids in enumerate(others) if ids]
    if not asked:
        return None
    first, second = (_share(bool(others[n] & {*one[n][: K + 1]}) for n in asked) for one in found)
    return first, second


def _as_query(content: bytes, decoder: Decoder) -> NDArray[np.uint8]:
    """A photo's middle, compressed anew: uint8 [h, w, 3]."""
    photo = Image.fromarray(decoder.decode(content))
    width, height = photo.size
    left, top = (int(side * (1 - _KEPT) / 2) for side in (width, height))
    out = io.BytesIO()
    photo.crop((left, top, width - left, height - top)).save(out, "JPEG", quality=50)
    return decoder.decode(out.getvalue())


def _share(these: Iterable[bool]) -> float:
    return float(np.mean(list(these)))
