"""Whether what the image cache keeps is what was put there.

The steps compare each photo's bytes with the report before they use it, which may be at the next
embedder, months after they rotted; this looks now. A report or a copy that is gone is none of its
business: a cache may be emptied, and what is needed is fetched again.
"""

import hashlib
from collections.abc import Iterator

from pydantic import ValidationError

from photosearch.images.cache import ImageCache
from photosearch.images.report import PhotoReport
from photosearch.repository.seal import Seal, seal_of
from photosearch.settings.settings import Settings
from photosearch.terminal.wording import counted

_REMEDY = "'photosearch verify --discard' deletes it, and the next run makes it again"


def changed_in_cache(
    settings: Settings, *, discard: bool = False, looked_at: list[str] | None = None
) -> Iterator[str]:
    """One line for each report and each copy of a photo that is not as it was put."""
    cache = ImageCache.of(settings)
    # Of a million photos only what is needed to compare.
    known: dict[bytes, bytes | None] = {}
    reports = copies = 0
    for path in sorted(cache.reports()):
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            continue
        reports += 1
        report = _parsed(content)
        window = f"{path.parent.name}/{path.stem}"
        if report is None or report.window.key != window:
            found = "no report" if report is None else f"the report of {report.window}"
        elif seal_of(content, PhotoReport.model_fields) is Seal.BROKEN and b"\n" in content:
            found = "a checksum of other content, or none where there should be one"
        else:
            for photo in () if cache.reads_through is not None else report.photos:
                _note(known, cache.copy_of(photo.path), photo.sha256)
            continue
        if discard:
            path.unlink(missing_ok=True)
        yield f"{path} is not as it was written: found {found}; {_then(discard)}"
    for entry in sorted(cache.entries()) if cache.reads_through is None else ():
        expected = known.get(_key(entry.name))
        if expected is None:
            continue  # of no report, or of several that say different things: replaced since
        copies += 1
        with entry.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        if digest.encode() != expected:
            if discard:
                entry.unlink(missing_ok=True)
            yield f"{entry} is not the photo that was fetched: found {digest}; " + (_then(discard))
    if looked_at is not None and reports:
        looked_at.append(
            f"{counted(reports, 'report')} of photos, {counted(copies, 'copied photo')}"
        )


def _then(discard: bool) -> str:
    return "discarded, and made again by the next run" if discard else _REMEDY


def _parsed(content: bytes) -> PhotoReport | None:
    try:
        return PhotoReport.model_validate_json(content)
    except ValidationError:
        return None


def _note(known: dict[bytes, bytes | None], name: str | None, sha256: str) -> None:
    if name is None:
        return
    key, told = _key(name), sha256.encode()
    known[key] = told if known.get(key, told) == told else None


def _key(name: str) -> bytes:
    return hashlib.sha256(name.encode("utf-8", "surrogateescape")).digest()[:16]
