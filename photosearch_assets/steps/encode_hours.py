"""Step ``hourly_index``: an hour's embeddings as an index, under the shared quantiser.

Many hours are encoded in one call, because starting ScaNN costs more than encoding a small
hour. An hour whose index finds too few of the true neighbours is kept as a version, so that
one can look at it, but HEAD does not move and nobody serves it.
"""

import json
import time
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from pydantic import JsonValue

from index_grpc.index.encode import EncodedIndex, Encoder, EncodeTask
from photosearch.errors import PhotosearchError
from photosearch.repository.addresses import Address, Kind
from photosearch.repository.errors import DamagedArtifact
from photosearch.repository.manifest import Manifest
from photosearch.windows import Window
from photosearch_assets.steps.checks import coverage, recall_at_target
from photosearch_assets.steps.context import StepContext
from photosearch_assets.steps.current import Recipe, Shelf, as_input, as_part, digest_of
from photosearch_assets.steps.parallel import in_parallel
from photosearch_assets.steps.recall_gate import RecallGate
from photosearch_assets.steps.result import StepResult

NAME = "hourly_index"
HOW: dict[str, JsonValue] = {"step": "encode", "format": 1}
_HOW = json.dumps(HOW)
PINNED = "pinned: stays as it is until 'photosearch rollback WINDOW --release'"
_HOURS_AT_ONCE = 256


@dataclass(frozen=True)
class CurrentQuantiser:
    """The quantiser that windows are encoded with now; none before there are enough photos."""

    manifest: Manifest | None
    folder: Path | None

    @classmethod
    def of(cls, context: StepContext, *, with_files: bool = True) -> "CurrentQuantiser":
        address = Address.quantisers(context.fingerprint)
        manifest = context.repository.current(address)
        if manifest is None or not with_files:
            return cls(manifest, None)
        return cls(manifest, context.repository.local_files(address, manifest.version))

    @property
    def version(self) -> str | None:
        return None if self.manifest is None else self.manifest.version


def recipe_of(embeddings: Manifest, quantiser: CurrentQuantiser) -> Recipe:
    """What an hour's index is made from."""
    inputs = [as_input(embeddings)]
    if quantiser.manifest is not None:
        inputs.append(as_input(quantiser.manifest))
    return Recipe(tuple(inputs), HOW)


def due(windows: Collection[Window], context: StepContext) -> list[Window]:
    """The hours, among those that have embeddings, whose index is missing or out of date.

    A pinned hour never is.
    """
    embeddings, indexes = context.shelf(Kind.EMBEDDINGS).facts, context.shelf(Kind.INDEX)
    made, pinned = indexes.facts, indexes.pinned
    quantiser = CurrentQuantiser.of(context, with_files=False).manifest
    others = () if quantiser is None else (as_part(Kind.QUANTISER, None, quantiser),)
    found = []
    for window in windows:
        if window in pinned:
            continue
        source, facts = embeddings.get(window), made.get(window)
        if source is None or facts is None:
            found.append(window)
            continue
        parts = (as_part(Kind.EMBEDDINGS, window, source), *others)
        if facts.recipe_digest != digest_of(parts, _HOW):
            found.append(window)
    return found


def run(windows: Sequence[Window], context: StepContext) -> Iterator[StepResult]:
    """Encode ``windows``, newest first where there is work; yield one result for each.

    Raises:
        StepError: if an hour has no embeddings.
        IndexGrpcError: if embeddings are damaged; the other hours of the batch are done first.
    """
    embeddings = context.shelf(Kind.EMBEDDINGS)
    indexes = context.shelf(Kind.INDEX)
    quantiser = CurrentQuantiser.of(context)
    recipes = {
        window: recipe_of(embeddings.require(window, "materialize its embeddings first"), quantiser)
        for window in windows
        if window not in indexes.pinned
    }
    to_make = []
    for window in windows:
        if window in indexes.pinned:
            pinned = indexes.require(window, "release it and materialize it")
            yield _result(window, pinned, embeddings, context, seconds=0.0, done=False, pinned=True)
            continue
        current = indexes.current(window)
        if current is not None and current.recipe_digest == recipes[window].digest:
            yield _result(window, current, embeddings, context, seconds=0.0, done=False)
        else:
            to_make.append(window)
    to_make.sort(reverse=True)
    gate = RecallGate(quantiser.folder, context)
    with Encoder(quantiser.folder) as encoder:
        for first in range(0, len(to_make), _HOURS_AT_ONCE):
            part = to_make[first : first + _HOURS_AT_ONCE]
            yield from _encode(part, recipes, quantiser, encoder, gate, context)


def _encode(
    windows: Sequence[Window],
    recipes: dict[Window, Recipe],
    quantiser: CurrentQuantiser,
    encoder: Encoder,
    gate: RecallGate,
    context: StepContext,
) -> Iterator[StepResult]:
    embeddings = context.shelf(Kind.EMBEDDINGS)
    indexes = context.shelf(Kind.INDEX)
    with context.work_folder(NAME) as work:
        started = time.monotonic()
        manifests = {window: embeddings.require(window, "") for window in windows}
        tasks: dict[Window, EncodeTask] = {}
        errors: list[PhotosearchError] = []
        for window in windows:
            try:
                folder = embeddings.folder(manifests[window])
            except DamagedArtifact as error:
                errors.append(error)
                continue
            tasks[window] = EncodeTask(folder, work / window.start_text)
        outcomes = list(zip(tasks, encoder.encode_many(tasks.values()), strict=True))
        encoded = [(window, one.index) for window, one in outcomes if one.index is not None]
        errors += [one.error for _, one in outcomes if one.error is not None]

        def publish(one: tuple[Window, EncodedIndex]) -> Manifest:
            window, index = one
            recall = gate.measure(index.folder, index.rows)
            return indexes.publish(
                window,
                recipes[window],
                {file.name: file for file in sorted(index.folder.iterdir())},
                rows=index.rows,
                dimension=index.dimension,
                quantiser=quantiser.version,
                recall=recall.recall,
                details=recall.details,
                failures=manifests[window].failures,
                run_id=context.run_id,
                may_serve=gate.allows,
                recipe_now=partial(_recipe_now, window, context),
            )

        encoding_s = (time.monotonic() - started) / len(windows)
        for done in in_parallel(publish, encoded):
            seconds = encoding_s + done.seconds
            window = done.item[0]
            yield _result(window, done.result, embeddings, context, seconds=seconds, done=True)
    if errors:
        raise errors[0]  # the hours beside it are done


def _recipe_now(window: Window, context: StepContext) -> Recipe:
    embeddings = context.fresh_shelf(Kind.EMBEDDINGS).require(window, "")
    return recipe_of(embeddings, CurrentQuantiser.of(context, with_files=False))


def _result(
    window: Window,
    manifest: Manifest,
    embeddings: Shelf,
    context: StepContext,
    *,
    seconds: float,
    done: bool,
    pinned: bool = False,
) -> StepResult:
    # What came after a pinned version is left out on purpose.
    source = manifest if pinned else embeddings.require(window, "")
    recall = recall_at_target(manifest.recall, context.settings.recall_target)
    return StepResult(
        step=NAME,
        window=window,
        version=manifest.version,
        digest=manifest.digest,
        rows=manifest.rows,
        photos=source.rows,
        size_bytes=manifest.size_bytes,
        seconds=seconds,
        recall=manifest.recall,
        quantiser=manifest.quantiser,
        done=done,
        published=recall.passed or pinned,
        note=PINNED if pinned else None,
        checks=(coverage(source.rows, manifest.rows), recall),
    )
