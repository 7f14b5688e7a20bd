"""Whether Dagster's event log still shows photos that were erased.

An erasure takes every strip of the hour, so one that was recorded before it began should not be
there: it came back with a backup, or lies in a database that the erasure did not look into. Later
ones are of what is left. Databases are only read.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from photosearch.errors import PhotosearchError
from photosearch.repository.erasures import Receipt
from photosearch.settings.settings import Settings
from photosearch_operations.erasure.event_databases import find_event_databases
from photosearch_operations.erasure.event_stores import DagsterNotCleaned
from photosearch_operations.erasure.strips import CELL, FAILURES, IMAGE, is_one_of

_LINE = re.compile(rf"(?<=\\n)\| {CELL} \| ")


def strips_left(
    settings: Settings, receipts: Sequence[Receipt], looked_at: list[str]
) -> Iterator[str]:
    """One line for each event that shows or names what was erased; ``looked_at`` tells where."""
    begun: dict[str, float] = {}
    for receipt in receipts:
        for window in receipt.windows:
            partition = window.partition("/")[2]
            begun[partition] = max(begun.get(partition, 0.0), receipt.begun_at.timestamp())
    erased = _Erased(begun, frozenset(photo for r in receipts for photo in r.photos))
    try:
        found = find_event_databases(settings)
        for store in found.stores:
            for where, opened in store.read():
                try:
                    with opened as rows:
                        for told in erased.events(rows):
                            yield f"{where}: {told}"
                except DagsterNotCleaned as error:
                    yield f"{where}: {error}"
            looked_at.append(store.in_words(settings.base_dir))
    except PhotosearchError as error:
        yield f"Dagster can't be searched for what was erased: {error}"
        return
    if found.not_looked_at is not None:
        looked_at.append(f"not Dagster's events, which {found.not_looked_at} keeps")


class _Erased:
    """``begun`` are the partitions that held something, with when its erasure began."""

    def __init__(self, begun: Mapping[str, float], photos: frozenset[str]) -> None:
        self._begun, self._photos = begun, photos

    def events(self, rows: Any) -> Iterator[str]:
        for event, partition in rows:
            begun = self._begun.get(partition)
            if begun is not None and IMAGE in event and _time_of(event) < begun:
                yield f"a strip of photos of {partition} from before an erasure"
            if FAILURES in event and any(
                is_one_of(cell, self._photos) for cell in _LINE.findall(event)
            ):
                yield f"an event of {partition} names a photo that was erased"


def _time_of(event: str) -> float:
    try:
        return float(json.loads(event)["timestamp"])
    except (ValueError, KeyError, TypeError):
        return 0.0
