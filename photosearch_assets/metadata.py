"""A window's outcome as Dagit shows it.

Few, plain entries with one name each in all assets, so that Dagit can plot them over the
partitions: rows, failures, bytes, seconds, recall. And a strip of the photos, because a
person sees in a second what no number says.
"""

import base64
from collections.abc import Sequence

import dagster as dg

from photosearch_assets.markdown import literal
from photosearch_assets.runners.foreign_results import ForeignResult
from photosearch_assets.steps.result import StepResult

PHOTOS_SHOWN = 50


def metadata_of(result: StepResult, *, is_own: bool) -> dict[str, dg.MetadataValue]:
    """The entries of one materialisation.

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
    if result.strip is not None:
        entries["photos"] = dg.MetadataValue.md(_image(result.strip))
    return entries


def _image(strip: bytes) -> str:
    """The strip as a Markdown image that needs no server; an erasure finds it by its form."""
    return f"![photos](data:image/jpeg;base64,{base64.b64encode(strip).decode()})"


def _table(photos: Sequence[tuple[str, str]]) -> str:
    """Photos and what is said of each; an erasure finds its lines by the first one."""
    lines = ["| photo | reason |", "| --- | --- |"]
    lines += [f"| {literal(one)} | {literal(said)} |" for one, said in photos[:PHOTOS_SHOWN]]
    if len(photos) > PHOTOS_SHOWN:
        lines.append(f"| … | and {len(photos) - PHOTOS_SHOWN} more |")
    return "\n".join(lines)
