"""A window's outcome as Dagit shows it.

Few, plain entries with one name each in all assets, so that Dagit can plot them over the
partitions: rows, failures, bytes, seconds, recall. And a strip of the photos, because a
person sees in a second what no number says.
"""

from collections.abc import Sequence

import dagster as dg

from photosearch.images.cache import ImageCache
from photosearch.images.decoder import Decoder
from photosearch.settings.settings import Settings
from photosearch_assets.markdown import literal
from photosearch_assets.runners.foreign_results import ForeignResult
from photosearch_assets.steps.photo_strip import as_markdown, strip_of
from photosearch_assets.steps.result import StepResult

PHOTOS_SHOWN = 50
STRIPS_A_RUN = 31
"""A run of more windows than a month's days shows the photos of some only: each strip stays
in the event log for ever, and thousands would be its largest part."""


def metadata_of(result: StepResult, *, is_own: bool) -> dict[str, dg.MetadataValue]:
    """The entries of one materialisation, without the strip.

    Of a foreign step only what it said: a zero that nobody counted would be plotted.
    """
    counted: dict[str, dg.MetadataValue] = {
        "rows": dg.MetadataValue.int(result.rows),
        "failures": dg.MetadataValue.int(len(result.failures)),
        "size_bytes": dg.MetadataValue.int(result.size_bytes),
        "seconds": dg.MetadataValue.float(round(result.seconds, 4)),
    }
    entries = {
        name.removeprefix("size_"): value
        for name, value in counted.items()
        if is_own or name in result.model_fields_set
    }
    if result.version is not None:
        entries["version"] = dg.MetadataValue.text(result.version)
    if result.recall is not None:
        entries["recall"] = dg.MetadataValue.float(round(result.recall, 4))
    if result.quantiser is not None:
        entries["quantiser"] = dg.MetadataValue.text(result.quantiser)
    if result.note:
        entries["note"] = dg.MetadataValue.text(result.note)
    if result.report:
        entries["report"] = dg.MetadataValue.md(result.report)
    if not result.done:
        entries["unchanged"] = dg.MetadataValue.bool(True)
    if result.failures:
        told = [(one.photo_id, one.reason) for one in result.failures]
        entries["failed photos"] = dg.MetadataValue.md(_table(told))
    if result.remarks:
        remarks = [(one.photo_id, one.remark) for one in result.remarks]
        entries["remarks"] = dg.MetadataValue.int(len(remarks))
        entries["photos to look at"] = dg.MetadataValue.md(_table(remarks))
    if isinstance(result, ForeignResult):
        entries |= result.entries
    return entries


def strip_entry(
    result: StepResult, settings: Settings, decoder: Decoder
) -> dict[str, dg.MetadataValue]:
    """The strip of the window's photos; nothing for a window without photos."""
    if not result.sample_photos:
        return {}
    strip = strip_of(result.sample_photos, ImageCache.of(settings).read, decoder)
    return {} if strip is None else {"photos": dg.MetadataValue.md(as_markdown(strip))}


def with_strips(results: Sequence[StepResult]) -> set[int]:
    """Which of a run's results get a strip: all of a small run, else some evenly spread."""
    places = [place for place, result in enumerate(results) if result.sample_photos]
    if len(places) > STRIPS_A_RUN:
        places = [places[i * len(places) // STRIPS_A_RUN] for i in range(STRIPS_A_RUN)]
    return set(places)


def _table(photos: Sequence[tuple[str, str]]) -> str:
    """Photos and what is said of each; an erasure finds its lines by the first one."""
    lines = ["| photo | reason |", "| --- | --- |"]
    lines += [f"| {literal(one)} | {literal(said)} |" for one, said in photos[:PHOTOS_SHOWN]]
    if len(photos) > PHOTOS_SHOWN:
        lines.append(f"| … | and {len(photos) - PHOTOS_SHOWN} more |")
    return "\n".join(lines)
