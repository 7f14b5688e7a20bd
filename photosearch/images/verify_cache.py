"""Whether what the image cache keeps is what was put there.

The steps compare each photo's bytes with the report before they use it, which may be at the next
embedder, months after they rotted; this looks now. A copy that is gone is none of its business: a
cache may be emptied, and what is needed is fetched again.
"""

import hashlib
from collections.abc import Iterator

from photosearch.files.digest import sha256_of
from photosearch.images.cache import ImageCache
from photosearch.images.reports import PhotoReports
from photosearch.settings.settings import Settings
from photosearch.terminal.wording import counted

_REMEDY = "'photosearch verify --discard' deletes it, and the next run makes it again"


def changed_in_cache(
    settings: Settings,
    reports: PhotoReports,
    *,
    discard: bool = False,
    looked_at: list[str] | None = None,
) -> Iterator[str]:
    """One line for each copy of a photo that is not as it was put."""
    cache = ImageCache.of(settings)
    entries = sorted(cache.entries()) if cache.reads_through is None else []
    known, copies = _known(cache, reports) if entries else {}, 0
    for entry in entries:
        expected = known.get(_key(entry.name))
        if expected is None:
            continue  # of no report, or of several that say different things: replaced since
        copies += 1
        digest = sha256_of(entry)
        if digest.encode() != expected:
            if discard:
                entry.unlink(missing_ok=True)
            yield f"{entry} is not the photo that was fetched: found {digest}; " + (_then(discard))
    if looked_at is not None and copies:
        looked_at.append(counted(copies, "copied photo"))


def _then(discard: bool) -> str:
    return "discarded, and made again by the next run" if discard else _REMEDY


def _known(cache: ImageCache, reports: PhotoReports) -> dict[bytes, bytes | None]:
    """What the current reports say of each copy: of a million photos only what is needed."""
    known: dict[bytes, bytes | None] = {}
    for window in sorted(reports.heads):
        report = reports.read(window)
        for photo in () if report is None else report.photos:
            name, told = cache.copy_of(photo.path), photo.sha256.encode()
            if name is not None:
                key = _key(name)
                known[key] = told if known.get(key, told) == told else None
    return known


def _key(name: str) -> bytes:
    return hashlib.sha256(name.encode("utf-8", "surrogateescape")).digest()[:16]
