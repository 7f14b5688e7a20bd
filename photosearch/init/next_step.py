"""What ``photosearch init`` ends with: what to do next so that a search finds something.

The usual next step makes an empty search where no listing is in a window that is over, or no
photo can be read. Then that is said in its place, with what to do about it.
"""

from dataclasses import dataclass

from rich.text import Text

from photosearch.catalogue.catalogue import Catalogue
from photosearch.catalogue.left_out import Reason
from photosearch.catalogue.survey import Survey
from photosearch.errors import PhotosearchError
from photosearch.images.store import ImageStore
from photosearch.settings.settings import Settings
from photosearch.terminal.printable import printable
from photosearch.windows import Granularity, Window

_SAMPLE = 20


@dataclass(frozen=True)
class SampledPhotos:
    """Whether a database's photo paths lead to photos, by a sample; if none does, what to do."""

    told: str
    readable: int
    remedy: str = ""

    @classmethod
    def of(cls, settings: Settings, catalogue: Catalogue) -> "SampledPhotos":
        if settings.photos_url is None:
            text = "none yet: say where they lie with --photos DIR"
            return cls(text, 0, "run 'photosearch init --photos DIR'")
        photos = catalogue.sample_photos(_SAMPLE)
        if not photos:
            return cls("none to try", 0, "the database has no photo of a listing")
        store, failures = ImageStore.of(settings), []
        for photo in photos:
            try:
                store.buffer(photo.path, settings.max_photo_bytes)
            except PhotosearchError as error:
                failures.append(str(error))
        readable = len(photos) - len(failures)
        told = "; ".join([f"{readable} of {len(photos)} tried", *failures[:1]])
        return cls(
            told, readable, "correct photos_url or the paths: none of those tried is a photo"
        )


def next_step(survey: Survey, sample: SampledPhotos | None) -> Text:
    """The last word; ``sample`` is none where the photos themselves are the catalogue."""
    if sample is not None and not sample.readable:
        return _nothing_yet(sample.remedy)
    if survey.searchable:
        return _steps()
    if survey.waiting:
        hour = Window.holding(Granularity.HOURLY, survey.now)
        return _steps(
            f", both after {hour.end:%Y-%m-%d %H:%M} UTC. Before, no search can find anything: "
            "all listings are of the hour that is not over."
        )
    if Reason.STATUS in survey.left_out:
        return _nothing_yet("no listing of the timeline may be shown, see above")
    return _nothing_yet("the timeline holds no listing, see above")


def _steps(more: str = "") -> Text:
    bold = ("photosearch materialize", "bold"), ("photosearch up", "bold")
    return Text.assemble("Next: ", bold[0], ", then ", bold[1], more)


def _nothing_yet(why: str) -> Text:
    return Text(printable(f"No search can find anything yet: {why}."), style="yellow")
