"""Step ``quantiser``: the partitioner and codebook that all windows share.

Trained on a sample of all embeddings as soon as there are ``quantiser_min_photos``, and again
when there are four times as many or an index missed its recall. Until then every index is
exact and this step says how many photos are still to come. A miss is answered by one training:
another on nearly the same photos would change little.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from index_grpc.index.index_files import EmbeddingsFolder
from index_grpc.index.quantiser import train_quantiser
from photosearch.repository.addresses import Address, Kind
from photosearch.repository.manifest import Input, Manifest, canonical_digest
from photosearch.windows import Window
from photosearch_assets.errors import StepError
from photosearch_assets.steps.context import StepContext
from photosearch_assets.steps.recall_gate import has_missed_recall
from photosearch_assets.steps.result import StepResult

NAME = "quantiser"
GROWTH = 4.0
"""A catalogue this many times larger than at the last training is trained anew."""

GROWTH_AFTER_MISS = 1.5
"""Where training after a missed recall did not help, this growth is waited for."""

AFTER_MISS = "after_miss"
"""In a quantiser's details: whether it was trained because an index missed its recall."""

_SEED = 0
_SEED_AFTER_MISS = 1
"""The same photos and the same seed may come to the quantiser that has just missed."""


@dataclass(frozen=True)
class Verdict:
    """Whether to train now, and the reason in words."""

    is_due: bool
    reason: str
    after_miss: bool = False


def verdict(context: StepContext) -> Verdict:
    """Whether a quantiser is to be trained now."""
    rows = sum(facts.rows for facts in context.shelf(Kind.EMBEDDINGS).facts.values())
    least = context.settings.quantiser_min_photos
    current = context.repository.current(Address.quantisers(context.fingerprint))
    if current is None:
        if rows < least:
            return Verdict(False, f"exact search: {rows} photos of the {least} a quantiser needs")
        return Verdict(True, f"{rows} photos: the first quantiser")
    trained_on = int(str(current.details.get("catalogue_rows", current.rows)))
    growth = rows / max(1, trained_on)
    if growth >= GROWTH:
        return Verdict(True, f"{rows} photos, {growth:.1f} times those of the last training")
    if has_missed_recall(context, current.version):
        if growth >= GROWTH_AFTER_MISS or not current.details.get(AFTER_MISS):
            reason = f"an index missed its recall; {growth:.1f} times the photos now"
            return Verdict(True, reason, after_miss=True)
        reason = f"an index missed its recall again; trained anew at {GROWTH_AFTER_MISS} times "
        return Verdict(False, f"{reason}the {trained_on} photos of the last training; {rows} now")
    return Verdict(False, f"trained on {current.rows} of {trained_on} photos; {rows} now")


def run(windows: Sequence[Window], context: StepContext) -> Iterator[StepResult]:
    """Train the quantiser if it is due; ``windows`` is empty."""
    if windows:
        raise StepError("the quantiser has no windows", found=windows[0].key)
    started = time.monotonic()
    decision = verdict(context)
    address = Address.quantisers(context.fingerprint)
    current = context.repository.current(address)
    if decision.is_due:
        current = _train(context, after_miss=decision.after_miss)
    yield StepResult(
        step=NAME,
        version=None if current is None else current.version,
        digest="" if current is None else current.digest,
        rows=0 if current is None else current.rows,
        size_bytes=0 if current is None else current.size_bytes,
        seconds=time.monotonic() - started,
        done=decision.is_due,
        note=decision.reason,
    )


def _train(context: StepContext, *, after_miss: bool) -> Manifest:
    shelf = context.shelf(Kind.EMBEDDINGS)
    address = Address.quantisers(context.fingerprint)
    before = context.repository.head(address)
    manifests = [
        manifest
        for window in sorted(shelf.heads)
        if (manifest := shelf.current(window)) is not None and manifest.rows
    ]
    catalogue_rows = sum(manifest.rows for manifest in manifests)
    seed = _SEED_AFTER_MISS if after_miss else _SEED
    sample = _sample(context, manifests, catalogue_rows, seed)
    digest = canonical_digest([manifest.digest for manifest in manifests])
    with context.work_folder(NAME) as work:
        trained = train_quantiser(
            sample, work / "quantiser", largest_pack_rows=catalogue_rows, seed=seed
        )
        manifest = context.repository.publish(
            address,
            {file.name: file for file in sorted((work / "quantiser").iterdir())},
            rows=len(sample),
            dimension=trained.dimension,
            inputs=[Input(kind="embeddings", window=None, version=digest[:16], digest=digest)],
            recipe={"step": "train", "format": 1, "seed": seed},
            details={
                "catalogue_rows": catalogue_rows,
                "leaves": trained.leaves,
                AFTER_MISS: after_miss,
            },
            run_id=context.run_id,
        )
    if context.repository.head(address) == before:
        context.repository.set_head(address, manifest.version)
        return manifest
    # Another run trained meanwhile. Training is not reproducible: the first one stays.
    return context.repository.current(address) or manifest


def _sample(
    context: StepContext, manifests: Sequence[Manifest], catalogue_rows: int, seed: int
) -> NDArray[np.float32]:
    """At most ``quantiser_sample`` rows float32 [n, dim], the same share of every window."""
    shelf = context.shelf(Kind.EMBEDDINGS)
    wanted = min(context.settings.quantiser_sample, catalogue_rows)
    chosen = np.sort(np.random.default_rng(seed).choice(catalogue_rows, wanted, replace=False))
    parts = []
    first = 0
    for manifest in manifests:
        low, high = np.searchsorted(chosen, [first, first + manifest.rows])
        if high > low:
            vectors = EmbeddingsFolder.open(shelf.folder(manifest)).read_vectors()
            parts.append(vectors[chosen[low:high] - first])
        first += manifest.rows
    return np.ascontiguousarray(np.concatenate(parts))
