"""A folder of photos as a catalogue: each photo is a listing of its own.

A listing's id is the photo's path relative to the folder, its title the file's name, its
category the folder at the top, its time the EXIF date or else the file's time. A second
scan adds, changes and removes what differs and leaves other rows as they are, so that a
status set by hand survives it. A file that was written or replaced meanwhile is told by its
size and time, without reading it, and makes the photo's hour stale.

Archives and images of machines are unpacked without times, in 1970 or 1980, and some clocks are
ahead. A file that has no believable time takes the one at which a scan first saw it, and keeps it.
"""

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath

from photosearch.catalogue.catalogue import Catalogue, CatalogueError
from photosearch.catalogue.listing import Listing, Photo
from photosearch.init.exif_date import FIRST_BELIEVABLE, UnbelievableDateError, taken_at
from photosearch.init.folder_files import PhotoFile, find_photos
from photosearch.terminal.wording import commonest

_REASONS_SHOWN = 8


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
    dated_by_scan: int  # when one first saw them
    passed_over: Counter[str]  # reason -> files
    faults: Collection[str]  # those of the reasons for which something could not be read


def scan_folder(
    folder: Path,
    catalogue: Catalogue,
    *,
    live_status: str = "live",
    ignore: Sequence[str] = (),
    now: datetime | None = None,
    first_seen: datetime | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> FolderScan:
    """Make the catalogue say what the folder holds; ``on_progress`` hears (done, of how many).

    Photos without a believable time that the catalogue does not know yet get ``first_seen``;
    without it they keep the time that they have. ``ignore`` are patterns of names to leave out.

    Raises:
        CatalogueError: if the folder can't be read or holds no photo. Nothing is changed
            then: a disk that is not mounted must not empty the catalogue. For the same reason
            the listings of a folder in it that can't be read stay.
    """
    files = find_photos(folder, ignore)
    if not files.photos:
        reasons, rest = commonest(files.passed_over, _REASONS_SHOWN, files.faults)
        found = [f"{count:,} {reason}" for reason, count in reasons] + ([rest] if rest else [])
        raise CatalogueError(
            f"the folder {folder} holds no photos",
            found=", ".join(found) or "none",
            remedy="give a folder that holds JPEG, PNG, WebP, GIF, TIFF, BMP or AVIF files",
        )
    catalogue.create_tables()
    before, known = catalogue.listing_times(), catalogue.photo_versions()
    times = _Times(folder, now or datetime.now(UTC), first_seen, before, known)
    listings = []
    for done, file in enumerate(files.photos, start=1):
        listings.append(_listing(file, times.of(file), live_status))
        if on_progress is not None:
            on_progress(done, len(files.photos))
    kept = catalogue.without_erased(listings)
    if len(kept) < len(listings):
        files.passed_over["erased"] += len(listings) - len(kept)
    listings = kept
    versions = files.versions
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
        dated_by_camera=times.dated["camera"],
        dated_by_file=times.dated["file"] + times.dated["file after all"],
        unbelievable_dates=times.dated["file after all"],
        dated_by_scan=times.dated["scan"],
        passed_over=files.passed_over,
        faults=files.faults,
    )


class _Times:
    """When each photo was listed, and by what: its camera, its file or a scan."""

    def __init__(
        self,
        folder: Path,
        now: datetime,
        first_seen: datetime | None,
        before: Mapping[str, datetime | None],
        versions: Mapping[str, str],
    ) -> None:
        self._folder, self._now, self._first_seen = folder, now, first_seen
        self._before, self._versions = before, versions
        self.dated: Counter[str] = Counter()

    def of(self, file: PhotoFile) -> datetime:
        moment, by = self._own(file)
        if self._first_seen is not None:
            known = self._before.get(file.path)
            if not self._is_believable(known):
                known = None
            if not self._is_believable(moment):
                moment, by = known or self._first_seen, "scan"
            elif known is not None and known < moment and self._is_same(file):
                # It was still to come at the first scan, and is no truer now that it is past.
                moment, by = known, "scan"
        self.dated[by] += 1
        return moment

    def _own(self, file: PhotoFile) -> tuple[datetime, str]:
        try:
            taken = taken_at(self._folder / file.path, self._now)
        except UnbelievableDateError:
            return _file_time(file), "file after all"
        return (_file_time(file), "file") if taken is None else (taken, "camera")

    def _is_believable(self, moment: datetime | None) -> bool:
        return moment is not None and FIRST_BELIEVABLE <= moment <= self._now

    def _is_same(self, file: PhotoFile) -> bool:
        return self._versions.get(file.path) == file.version


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
