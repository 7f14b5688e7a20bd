"""Steps ``daily_index`` and ``monthly_index``: a window from the indexes of its finer ones.

Gluing copies bytes; it wants all finer indexes under one quantiser. Those that are missing
it, or were encoded under a former one, are brought up to date here first, so that a day that
someone asks for in Dagit is right whatever state its hours are in. A pinned window stays
as it is, and a window above it takes the pinned version.
"""

import json
import time
from collections.abc import Collection, Iterator, Sequence
from typing import Any

from pydantic import JsonValue

from index_grpc.index.glue import glue_indexes
from photosearch.repository.addresses import Kind
from photosearch.repository.manifest import Manifest
from photosearch.windows import Window
from photosearch_assets.errors import StepError
from photosearch_assets.steps import encode_hours
from photosearch_assets.steps.checks import coverage, recall_at_target
from photosearch_assets.steps.context import StepContext
from photosearch_assets.steps.current import Recipe, Shelf, as_input, as_part, digest_of
from photosearch_assets.steps.encode_hours import CurrentQuantiser
from photosearch_assets.steps.recall_gate import RecallGate
from photosearch_assets.steps.result import StepResult

DAILY = "daily_index"
MONTHLY = "monthly_index"
HOW: dict[str, JsonValue] = {"step": "glue", "format": 1}
_HOW = json.dumps(HOW)


def recipe_of(parts: Sequence[Manifest]) -> Recipe:
    """What a window is glued from, in time order."""
    return Recipe(tuple(as_input(part) for part in parts), HOW)


def due(windows: Collection[Window], context: StepContext) -> list[Window]:
    """The days or months, among ``windows``, whose index is missing or not of today's parts.

    Not those that are pinned, nor those that can't be glued because a part is pinned under a
    former quantiser: there the finer windows answer until a person releases the part.
    """
    known = context.shelf(Kind.INDEX).facts
    found = []
    for window in without_pinned(windows, context):
        children, facts = window.children(), known.get(window)
        parts = tuple(as_part(Kind.INDEX, one, known[one]) for one in children if one in known)
        if (
            facts is None
            or len(parts) < len(children)
            or facts.recipe_digest != digest_of(parts, _HOW)
        ):
            found.append(window)
    return found


def without_pinned(windows: Collection[Window], context: StepContext) -> list[Window]:
    """Those of ``windows`` that no pin keeps from being glued."""
    shelf = context.shelf(Kind.INDEX)
    if not shelf.pinned:
        return list(windows)
    quantiser = CurrentQuantiser.of(context, with_files=False).version
    known = shelf.facts
    foreign = {
        window
        for window in shelf.pinned
        if window in known and known[window].quantiser != quantiser
    }
    held_up = {parent for window in foreign if (parent := window.parent()) is not None}
    held_up |= {
        parent for window in held_up - shelf.pinned if (parent := window.parent()) is not None
    }
    return [window for window in windows if window not in shelf.pinned | held_up]


def glue_days(windows: Sequence[Window], context: StepContext) -> Iterator[StepResult]:
    """Glue each day from its 24 hours.

    Raises:
        StepError: if an hour has no embeddings, or its index is below the recall target.
    """
    hours = [hour for day in windows for hour in day.children()]
    for _ in encode_hours.run(encode_hours.due(hours, context), context):
        pass
    yield from _glue(DAILY, windows, context)


def glue_months(windows: Sequence[Window], context: StepContext) -> Iterator[StepResult]:
    """Glue each month from its days; see :func:`glue_days`."""
    days = [day for month in windows for day in month.children()]
    hours = [hour for day in days for hour in day.children()]
    for _ in encode_hours.run(encode_hours.due(hours, context), context):
        pass
    for _ in _glue(DAILY, due(days, context), context):
        pass
    yield from _glue(MONTHLY, windows, context)


def _glue(step: str, windows: Sequence[Window], context: StepContext) -> Iterator[StepResult]:
    quantiser = CurrentQuantiser.of(context)
    gate = RecallGate(quantiser.folder, context)
    for window in windows:
        yield _glue_one(step, window, quantiser, gate, context)


def _glue_one(
    step: str, window: Window, quantiser: CurrentQuantiser, gate: RecallGate, context: StepContext
) -> StepResult:
    started = time.monotonic()
    shelf = context.shelf(Kind.INDEX)
    manifest = shelf.current(window)
    pinned = window in shelf.pinned and manifest is not None
    parts = [manifest] if pinned and manifest is not None else _parts(window, shelf, quantiser)
    recipe = recipe_of(parts)
    done = not pinned and (manifest is None or manifest.recipe_digest != recipe.digest)
    if done:
        with context.work_folder(step) as work:
            folders = [shelf.folder(part) for part in parts]
            glued = glue_indexes(folders, work / "index")
            recall = gate.measure(glued.folder, glued.rows)
            details: dict[str, Any] = {"parts": len(parts), **recall.details}
            manifest = shelf.publish(
                window,
                recipe,
                {file.name: file for file in sorted(glued.folder.iterdir())},
                rows=glued.rows,
                dimension=glued.dimension,
                quantiser=quantiser.version,
                recall=recall.recall,
                details=details,
                failures=[failure for part in parts for failure in part.failures],
                run_id=context.run_id,
                may_serve=gate.allows,
                recipe_now=lambda: recipe_of(
                    _parts(window, context.fresh_shelf(Kind.INDEX), quantiser)
                ),
            )
    assert manifest is not None
    passed = recall_at_target(manifest.recall, context.settings.recall_target)
    return StepResult(
        step=step,
        window=window,
        version=manifest.version,
        digest=manifest.digest,
        rows=manifest.rows,
        photos=sum(part.rows for part in parts),
        size_bytes=manifest.size_bytes,
        seconds=time.monotonic() - started if done else 0.0,
        recall=manifest.recall,
        quantiser=manifest.quantiser,
        done=done,
        published=passed.passed or pinned,
        note=encode_hours.PINNED if pinned else None,
        checks=(coverage(sum(part.rows for part in parts), manifest.rows), passed),
    )


def _parts(window: Window, shelf: Shelf, quantiser: CurrentQuantiser) -> list[Manifest]:
    remedy = f"materialize it before {window.key}"
    parts = [shelf.require(part, remedy) for part in window.children()]
    for part in parts:
        if part.quantiser != quantiser.version:
            pinned = part.window in shelf.pinned
            raise StepError(
                f"{window.key} needs all its parts under the quantiser {quantiser.version}",
                found=f"{part.window} under {part.quantiser}{', pinned' if pinned else ''}",
                remedy=f"release it with 'photosearch rollback {part.window} --release'"
                if pinned
                else "materialize that window again; its recall may be below the target",
            )
    return parts
