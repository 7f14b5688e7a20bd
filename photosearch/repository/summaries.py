"""What a month's HEADs and manifests say, together in one object.

A process that starts has to know all current versions before it can plan or answer. In a bucket
that is two requests a window, eighteen thousand for a year of hours, and a listing says of them
no more than that they are there. So whoever looks at them every minute writes down what it read,
month by month, and who comes new reads a dozen objects instead.

Nothing hangs on a summary. What it says of a window counts only while the listing gives the very
tag of HEAD that it was read under; everything else is read as if there were no summary, and a
version never changes. One that is missing, damaged or behind is written anew.
"""

import json
import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from photosearch.repository.addresses import Kind
from photosearch.repository.errors import StorageError
from photosearch.repository.facts import Facts
from photosearch.repository.heads import Current, current_in
from photosearch.repository.seal import Seal, seal_of, sealed
from photosearch.repository.storage.port import Storage, Stored, TagMoved
from photosearch.repository.storage.several import read_several
from photosearch.windows import Window

FOLDER = "summaries"
FORMAT = 1
_MEMBERS = ("format", "windows", "sha256")
_log = logging.getLogger(__name__)


class Told(NamedTuple):
    """What a summary tells of a window: the listing's tag of HEAD, what HEAD says, and of the
    version that it names."""

    tag: str
    current: Current
    facts: Facts


@dataclass(frozen=True)
class Summary:
    """One month of one kind. ``tag`` is the object's own; None if there is none."""

    tag: str | None = None
    windows: Mapping[Window, Told] = field(default_factory=dict)


def month_of(window: Window) -> str:
    """The month whose summary tells of a window."""
    return window.start_text[: len("2026-11")]


def summary_path(fingerprint: str | None, kind: Kind, month: str) -> str:
    """Where a summary lies; those of one embedder lie together."""
    return f"{folder_of(fingerprint)}/{kind}-{month}.json"


def folder_of(fingerprint: str | None) -> str:
    """Where an embedder's summaries lie; with None those of the photos."""
    return f"{FOLDER}/{fingerprint or Kind.PHOTOS.value}"


def read_summaries(
    storage: Storage, fingerprint: str | None, kind: Kind, months: Iterable[str]
) -> dict[str, Summary]:
    """The summaries of some months; an empty one for each that is missing or can't be read."""
    wanted = sorted(months)
    paths = [summary_path(fingerprint, kind, month) for month in wanted]
    found = read_several(storage, paths)
    return {month: _understood(one) for month, one in zip(wanted, found, strict=True)}


def write_summary(
    storage: Storage, path: str, told: Mapping[Window, Told], before: Summary
) -> Summary | None:
    """Put a summary in the place of the one ``before``; None if another did, or nobody may."""
    windows = {window.key: _as_json(one) for window, one in told.items()}
    text = json.dumps(windows, separators=(",", ":"))
    content = sealed(f'{{\n "format": {FORMAT},\n "windows": {text}\n}}\n'.encode())
    try:
        return Summary(storage.replace(path, content, before.tag), told)
    except TagMoved:
        return None
    except StorageError as error:
        _log.warning("a summary is not written, so processes that start read more: %s", error)
        return None


def _understood(stored: Stored | None) -> Summary:
    if stored is None:
        return Summary()
    if seal_of(stored.content, _MEMBERS) is not Seal.WHOLE:
        return Summary(stored.tag)
    document = json.loads(stored.content)
    if document["format"] != FORMAT:  # of another release, which writes its own
        return Summary(stored.tag)
    return Summary(
        stored.tag, {Window.parse(key): _told(some) for key, some in document["windows"].items()}
    )


def _as_json(told: Told) -> list[Any]:
    facts = told.facts
    taken = [[window.key, version] for window, version in facts.taken]
    head = told.current.to_bytes().decode()
    return [told.tag, head, *facts[1:6], taken, facts.report_digest, facts.catalogue_digest]


def _told(values: list[Any]) -> Told:
    tag, head, digest, recipe, rows, size_bytes, quantiser, taken, report, catalogue = values
    current = current_in(head.encode())
    assert current is not None  # as it was written: the seal is whole
    parts = tuple((Window.parse(key), version) for key, version in taken)
    facts = Facts(
        current.version, digest, recipe, rows, size_bytes, quantiser, parts, report, catalogue
    )
    return Told(tag, current, facts)
