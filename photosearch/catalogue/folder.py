"""A folder of photos as a catalogue: each photo is a listing of its own.

A listing's id is the photo's path relative to the folder, its title the file's name, its
category the folder at the top, its time the EXIF date or else the file's time. A second
scan adds, changes and removes what differs and leaves other rows as they are, so that a
status set by hand survives it. A file that was written or replaced meanwhile is told by its
size and time, without reading it, and makes the photo's hour stale.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath

from photosearch.catalogue.catalogue import Catalogue, CatalogueError
from photosearch.catalogue.exif_date import UnbelievableDateError, taken_at
from photosearch.catalogue.folder_files import PHOTO_SUFFIXES, PhotoFile, find_photos
from photosearch.catalogue.listing import Listing, Photo


@dataclass(frozen=True)
class FolderScan:
    """What a scan found, and what it did to the catalogue."""

    photos: int
    added: int
    changed: int
    removed: int
    dated_by_camera: int
    dated_by_file: int
    unbelievable_dates: int  # of those dated by their file
    passed_over: Counter[str]  # reason -> files


def scan_folder(
    folder: Path,
    catalogue: Catalogue,
    *,
    live_status: str = "live",
    now: datetime | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> FolderScan:
    """Make the catalogue say what the folder holds; ``on_progress`` hears (done, of how many).

    Raises:
        CatalogueError: if the folder can't be read or holds no photo. Nothing is changed
            then: a disk that is not mounted must not empty the catalogue. For the same reason
            the listings of a folder in it that can't be read stay.
    """
    files = find_photos(folder)
    if not files.photos:
        raise CatalogueError(
            f"the folder {folder} holds no photos",
            found=", ".join(f"{n} {reason}" for reason, n in files.passed_over.items()) or "none",
            remedy=f"give a folder with files ending in {', '.join(sorted(PHOTO_SUFFIXES))}",
        )
    scan_time = now or datetime.now(UTC)
    listings, dated = [], Counter[str]()
    for done, file in enumerate(files.photos, start=1):
        moment, by = _time_of(folder, file, scan_time)
        dated[by] += 1
        listings.append(_listing(file, moment, live_status))
        if on_progress is not None:
            on_progress(done, len(files.photos))
    catalogue.create_tables()
    kept = catalogue.without_erased(listings)
    if len(kept) < len(listings):
        files.passed_over["erased"] += len(listings) - len(kept)
    listings = kept
    before = catalogue.listing_times()
    known, versions = catalogue.photo_versions(), files.versions
    different = [item for item in listings if before.get(item.listing_id) != item.listed_at]
    photos = [_photo(item, versions[item.listing_id]) for item in listings]
    moved = {listing.listing_id for listing in different}
    rewritten = [
        photo
        for photo in photos
        if photo.photo_id in moved or known.get(photo.photo_id) != photo.version
    ]
    missing = before.keys() - {listing.listing_id for listing in listings}
    gone = {path for path in missing if not files.may_hold(path)}
    catalogue.replace(different, rewritten, gone)
    added = sum(listing.listing_id not in before for listing in different)
    return FolderScan(
        photos=len(listings),
        added=added,
        changed=len(rewritten) - added,
        removed=len(gone),
        dated_by_camera=dated["camera"],
        dated_by_file=dated["file"] + dated["file after all"],
        unbelievable_dates=dated["file after all"],
        passed_over=files.passed_over,
    )


def _time_of(folder: Path, file: PhotoFile, now: datetime) -> tuple[datetime, str]:
    try:
        taken = taken_at(folder / file.path, now)
    except UnbelievableDateError:
        return _file_time(file), "file after all"
    return (_file_time(file), "file") if taken is None else (taken, "camera")


def _file_time(file: PhotoFile) -> datetime:
    try:
        return datetime.fromtimestamp(file.modified_s, UTC)
    except (ValueError, OverflowError, OSError):
        return datetime(1970, 1, 1, tzinfo=UTC)  # reported as too old


def _listing(file: PhotoFile, moment: datetime, status: str) -> Listing:
    path = PurePosixPath(file.path)
    category = path.parts[0] if len(path.parts) > 1 else None
    return Listing(file.path, path.stem, None, category, status, moment, (file.path,))


def _photo(listing: Listing, version: str) -> Photo:
    path = listing.listing_id
    return Photo(path, path, path, listing.listed_at, version)
