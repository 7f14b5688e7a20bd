"""When a photo was taken, as its camera wrote it, if that can be believed.

Cameras whose clock was never set write zeros, 1904 or the day of their making, and some
write a day that is still to come. A listing at such a time would stretch the timeline over
decades of empty hours or lie outside it, so the file's own time is taken instead.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from photosearch.images.formats.exif import CAMERA_DIRECTORY, read_tags
from photosearch.images.formats.find_exif import find_exif

# Before the first digital cameras were sold.
FIRST_BELIEVABLE = datetime(1990, 1, 1, tzinfo=UTC)

_DATE_TIME = 0x0132
_OFFSET = 0x9010
# Each date with its offset from UTC, best first: original, digitised.
_DATES = ((0x9003, 0x9011), (0x9004, 0x9012))


class UnbelievableDateError(ValueError):
    """A photo has a date that no camera can have taken it at; the text is that date."""


def taken_at(file: Path, now: datetime) -> datetime | None:
    """When a photo was taken, UTC; a camera that names no offset is taken to mean UTC.

    None if the photo says nothing, or can't be read.

    Raises:
        UnbelievableDateError: if it names a date that can't be.
    """
    texts = _date_texts(file)
    if not texts:
        return None
    for date, offset in texts:
        moment = read_exif_date(date, offset)
        if moment is not None and FIRST_BELIEVABLE <= moment <= now:
            return moment
    raise UnbelievableDateError(texts[0][0])


def read_exif_date(date: str, offset: str | None = None) -> datetime | None:
    """``2026:11:22 14:05:00`` and an offset such as ``+02:00`` as UTC; none if it is no date."""
    day, _, clock = date.strip().strip("\0").partition(" ")
    try:
        moment = datetime.fromisoformat(f"{day.replace(':', '-')}T{clock.strip() or '00:00:00'}")
    except ValueError:
        return None
    if moment.tzinfo is not None:
        return None
    try:
        zone = datetime.strptime((offset or "").strip().strip("\0"), "%z").tzinfo
    except ValueError:
        zone = UTC
    try:
        return moment.replace(tzinfo=zone).astimezone(UTC)
    except OverflowError:
        return None


def _date_texts(file: Path) -> list[tuple[str, str | None]]:
    try:
        with file.open("rb") as content:
            block = find_exif(content)
            tags = read_tags(block, (CAMERA_DIRECTORY, _DATE_TIME))
            directory = tags.get(CAMERA_DIRECTORY)
            camera: Mapping[int, int | str] = {}
            if isinstance(directory, int) and directory:
                wanted = {tag for pair in (*_DATES, (0, _OFFSET)) for tag in pair}
                camera = read_tags(block, wanted, directory=directory)
    except OSError:  # a photo that can't be read is reported when it is fetched
        return []
    found = [(camera.get(date), camera.get(offset)) for date, offset in _DATES]
    found.append((tags.get(_DATE_TIME), camera.get(_OFFSET)))
    return [
        (date, offset if isinstance(offset, str) else None)
        for date, offset in found
        if isinstance(date, str) and date.strip(" \0")
    ]
