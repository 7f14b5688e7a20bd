"""What ``photosearch init`` found, said so that nothing that stays away does so silently."""

from collections.abc import Sequence
from datetime import datetime

from rich.table import Table
from rich.text import Text

from photosearch.catalogue.catalogue import Catalogue
from photosearch.catalogue.left_out import Reason, no_id, remedy_for
from photosearch.catalogue.survey_words import left_out_lines, statuses_line, warning
from photosearch.init.exif_date import FIRST_BELIEVABLE
from photosearch.init.folder_scan import FolderScan
from photosearch.init.next_step import SampledPhotos, next_step
from photosearch.settings.file import SettingChange
from photosearch.settings.settings import Settings
from photosearch.terminal.masked import masked_setting
from photosearch.terminal.printable import printable
from photosearch.terminal.terminal import Terminal
from photosearch.terminal.wording import commonest, counted
from photosearch.windows import HOUR, Granularity, Window

_REASONS_SHOWN = 12
_MANY_HOURS = 20_000
_SECONDS_AN_EMPTY_HOUR = 0.02
"""Roughly, in its three steps; most of it are Dagster's events."""


def print_summary(
    console: Terminal,
    settings: Settings,
    catalogue: Catalogue,
    scan: FolderScan | None,
    changes: Sequence[SettingChange],
    now: datetime,
) -> None:
    """Print what the catalogue holds, what is left out of it and why, and what to do next."""
    size, sample = catalogue.size(), None
    survey = catalogue.survey(settings.timeline_start, now)
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")

    def row(name: str, value: str) -> None:
        table.add_row(name, printable(value))

    row("Settings", str(settings.file))
    for change in changes:
        row("", _change(change))
    row("Catalogue", catalogue.shown_url)
    row("Listings", _count(size.listings, size.listings_without_photos, "without a photo"))
    row(
        "Photos",
        _count(size.photos, size.photos_without_listing, "more have no listing"),
    )
    if survey.left_out.get(Reason.STATUS):
        row("Status", statuses_line(survey))
    if scan is not None:
        row("Scan", f"{scan.added:,} added, {scan.changed:,} changed, {scan.removed:,} removed")
        row("Dates", _dates(scan))
        reasons, rest = commonest(scan.passed_over, _REASONS_SHOWN, scan.faults)
        for reason, files in reasons:
            row("Passed over", f"{reason}: {files:,}")
        if rest is not None:
            row("Passed over", rest)
    else:
        sample = SampledPhotos.of(settings, catalogue)
        row("Photos read", sample.told)
    if survey.oldest is not None and survey.newest is not None:
        row("Listed", f"{_minute(survey.oldest)} to {_minute(survey.newest)} UTC")
    row("Timeline", _timeline(settings, now))
    if survey.waiting:
        hour = Window.holding(Granularity.HOURLY, now)
        row(
            "Not yet",
            f"{counted(survey.waiting, 'listing')} of the hour that is not over: "
            f"found after {_minute(hour.end)} UTC",
        )
    for line in (*left_out_lines(survey), *_photo_lines(catalogue)):
        row("Left out", line)
    if (prices := survey.unreadable_prices) is not None:
        row("No price", f"{prices.count:,}, such as {prices.example}: {prices.why} is no number")
    console.print(table)
    if (told := warning(survey, settings)) is not None:
        console.print(Text(printable(told), style="bold yellow"))
    moments = [m for m in catalogue.listing_times().values() if m is not None]
    for hint in _hints(settings, moments, scan, now):
        console.print(Text(printable(hint), style="yellow"))
    console.print()
    console.print(next_step(survey, sample))
    if scan is not None:
        scan_again = ("photosearch init", "bold")
        console.print(Text.assemble("New photos in the folder? ", scan_again, " scans it again."))


def _change(change: SettingChange) -> str:
    before, after = masked_setting(change.before), masked_setting(change.after)
    if change.before is None:
        return f"{change.name} = {after}"
    if change.is_change:
        return f"{change.name} = {after}, was {before}"
    return f"{change.name} = {after}, kept"


def _count(count: int, lonely: int, what: str) -> str:
    return f"{count:,}" + (f" ({lonely:,} {what})" if lonely else "")


def _dates(scan: FolderScan) -> str:
    text = f"{scan.dated_by_camera:,} by the camera, {scan.dated_by_file:,} by the file's time"
    if scan.unbelievable_dates:
        text += f" ({scan.unbelievable_dates:,} of them because the camera's date can't be true)"
    if scan.dated_by_scan:
        text += f", {scan.dated_by_scan:,} by the scan that first saw them: no other can be true"
    return text


def _timeline(settings: Settings, now: datetime) -> str:
    month = Window.holding(Granularity.MONTHLY, settings.timeline_start).start_text
    return f"since {month}, {_hours(settings, now):,} hours"


def _hours(settings: Settings, now: datetime) -> int:
    return max(0, (now - settings.timeline_start) // HOUR)


def _photo_lines(catalogue: Catalogue) -> list[str]:
    count = catalogue.photos_without_id()
    told = f"{counted(count, 'photo')}: {no_id()}; {remedy_for(Reason.PHOTO_WITHOUT_ID)}"
    return [told] if count else []


def _hints(
    settings: Settings, moments: Sequence[datetime], scan: FolderScan | None, now: datetime
) -> list[str]:
    hints = []
    oldest = min((m for m in moments if FIRST_BELIEVABLE <= m <= now), default=now)
    if oldest < settings.timeline_start:
        month = Window.holding(Granularity.MONTHLY, oldest).start
        hints.append(
            f"The oldest listing is from before timeline_start; to take in all of them, set it to "
            f"{month:%Y-%m-%dT%H:%M:%SZ} in {settings.file}."
        )
    if scan is not None and (odd := sum(not FIRST_BELIEVABLE <= m <= now for m in moments)):
        hints.append(
            f"{counted(odd, 'photo')} without a believable time, which is from "
            f"{FIRST_BELIEVABLE:%Y} until now. To list those when a scan first saw them, set "
            f'undated_photos = "first_seen" in {settings.file} and run this again.'
        )
    elif scan is None and (odd := sum(m < FIRST_BELIEVABLE for m in moments)):
        hints.append(
            f"{counted(odd, 'listing')} with a time before {FIRST_BELIEVABLE:%Y}, which is hardly "
            "meant: correct it in the database."
        )
    hours = _hours(settings, now)
    if hours > _MANY_HOURS:
        hints.append(
            f"The timeline has {hours:,} hours, each of which is materialised once, the empty ones "
            f"too: some {hours * _SECONDS_AN_EMPTY_HOUR / 60:.0f} minutes beside the photos' own. "
            f"A later timeline_start in {settings.file} leaves out what is older."
        )
    return hints


def _minute(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M}"
