"""Steps ``serving_image`` and ``index_service``: from indexes to what answers queries.

The first builds the image of every pack that the HEADs ask for, the second asks for the packs
as Servings, each by its image's digest. Both compare what is there with what should be, so
either may be run at any time, twice, or after the other was killed.
"""

import time
from collections.abc import Iterable, Iterator, Sequence

from index_grpc.serving.not_served import read_troubles
from index_grpc.serving.opening import open_desk
from index_grpc.serving.serving import Serving
from index_grpc.shipping.reconcile import ServingReconciler
from photosearch.oci.building.build import BuiltImage
from photosearch.repository.manifest import canonical_digest
from photosearch.rest.timeline import Trouble
from photosearch.terminal.wording import first_of
from photosearch.windows import Window
from photosearch_assets.errors import StepError
from photosearch_assets.markdown import literal
from photosearch_assets.steps.context import StepContext
from photosearch_assets.steps.result import CheckOutcome, StepResult

SERVING_IMAGE = "serving_image"
INDEX_SERVICE = "index_service"


def is_due(context: StepContext) -> bool:
    """Whether an image is missing, or other Servings are asked for than should be."""
    return not _reconciler(context).compare().is_settled


def build_images(windows: Sequence[Window], context: StepContext) -> Iterator[StepResult]:
    """Build every serving image that is missing; ``windows`` is empty.

    Raises:
        StepError: if none of them could be built. Where some could, the check tells of the
            others, and what is there is served.
    """
    _require_none(windows, SERVING_IMAGE)
    started = time.monotonic()
    built = _reconciler(context).build()
    found = first_of(built.failed, 5, "; ")
    if built.failed and not built.images:
        raise StepError(
            "no serving image could be built",
            found=found,
            remedy="what is served goes on; this is tried again by itself",
        )
    made = [image for _, image in built.images if image.pushed_bytes]
    yield StepResult(
        step=SERVING_IMAGE,
        digest=canonical_digest([*sorted(image.digest for _, image in built.images)]),
        rows=_rows(context, [serving for serving, _ in built.images]),
        size_bytes=sum(image.pushed_bytes for _, image in built.images),
        seconds=time.monotonic() - started,
        done=bool(made),
        note=f"images: {len(built.images)}, built now: {len(made)}, "
        f"new layers: {sum(image.pushed_layers for image in made)}",
        report=_image_table(built.images),
        checks=(
            CheckOutcome(
                name="every_pack_has_an_image",
                passed=not built.failed,
                found=found or f"{len(built.images)} images",
                limit="no index or image left out",
            ),
        ),
    )


def ask_for_servings(windows: Sequence[Window], context: StepContext) -> Iterator[StepResult]:
    """Ask for the Servings whose images are there; ``windows`` is empty."""
    _require_none(windows, INDEX_SERVICE)
    started = time.monotonic()
    found = _reconciler(context).ask()
    troubles = read_troubles(context.settings)
    yield StepResult(
        step=INDEX_SERVICE,
        digest=canonical_digest([*sorted(f"{one.name} {one.image}" for one in found.ready)]),
        rows=_rows(context, found.ready),
        seconds=time.monotonic() - started,
        done=bool(found.unasked or found.surplus),
        note=f"Servings: {len(found.ready)}, new: {len(found.unasked)}, "
        f"may retire: {len(found.surplus)}, waiting for an image: {len(found.unbuilt)}",
        report=_serving_table(context, found.ready, troubles),
        checks=(
            CheckOutcome(
                name="every_pack_loads",
                passed=not troubles,
                found=first_of(troubles, 5, "; ") or f"{len(found.ready)} Servings",
                limit="no index refused, no index server that crashes",
            ),
        ),
    )


def _reconciler(context: StepContext) -> ServingReconciler:
    return ServingReconciler(context.settings, context.repository, context.image_builder)


def _rows(context: StepContext, servings: Iterable[Serving]) -> int:
    from photosearch.repository.readiness import ready_indexes

    names = list(servings)
    total = 0
    for fingerprint in {serving.fingerprint for serving in names}:
        ready = ready_indexes(context.repository, fingerprint)
        held = {w.window for s in names if s.fingerprint == fingerprint for w in s.windows}
        total += sum(index.rows for window, index in ready.items() if window in held)
    return total


def _image_table(images: Sequence[tuple[Serving, BuiltImage]]) -> str:
    lines = ["| pack | windows | layers | new | bytes sent | digest |", "| --- " * 6 + "|"]
    lines += [
        f"| {serving.name} | {_span(serving)} | {len(image.layers)} | {image.pushed_layers} "
        f"| {image.pushed_bytes:,} | `{image.digest[:19]}…` |"
        for serving, image in images
    ]
    return "\n".join(lines)


def _serving_table(
    context: StepContext, servings: Sequence[Serving], troubles: Sequence[Trouble]
) -> str:
    answering = {e.serving: e for e in open_desk(context.settings).endpoints.read()}
    lines = ["| Serving | tier | windows | image | answers |", "| --- " * 5 + "|"]
    for serving in servings:
        endpoint = answering.get(serving.name)
        answers = "not yet" if endpoint is None else f"at {endpoint.address}"
        lines.append(
            f"| {serving.name} | {serving.tier} | {_span(serving)} "
            f"| `{(serving.image or '')[:19]}…` | {answers} |"
        )
    lines += ["", *(f"* {literal(str(trouble))}" for trouble in troubles)] if troubles else []
    return "\n".join(lines)


def _span(serving: Serving) -> str:
    keys = [served.window.key for served in serving.windows]
    return keys[0] if len(keys) == 1 else f"{len(keys)}, {keys[0]} to {keys[-1]}"


def _require_none(windows: Sequence[Window], step: str) -> None:
    if windows:
        raise StepError(f"the step {step} has no windows", found=windows[0].key)
