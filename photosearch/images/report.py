"""What became of an hour's photos: what the images step finds out.

It says which bytes each photo had, so that the steps after it can tell a photo that was
replaced from one that was not, and why a photo could not be had. Its digest leaves out how
the bytes came (downloaded or from the cache): only what they are decides what follows.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict

from photosearch.catalogue.listing import Photo, catalogue_digest
from photosearch.photo_notes import PhotoFailure
from photosearch.repository.manifest import VERSION_DIGITS
from photosearch.window_key import WindowKey
from photosearch.windows import Window


@dataclass(frozen=True, slots=True)
class FetchedPhoto:
    """What a photo is: the SHA-256 (hex) and the size of its bytes."""

    sha256: str
    bytes: int


@dataclass
class FetchReport:
    """What became of the photos; ``fetched`` is by their paths, which several may share,
    ``failed`` in the order in which they were asked for, and ``unreachable`` of these might be
    had another time."""

    fetched: dict[str, FetchedPhoto] = field(default_factory=dict)
    failed: list[PhotoFailure] = field(default_factory=list)
    unreachable: int = 0
    from_cache: int = 0
    downloaded_bytes: int = 0


class ReportedPhoto(BaseModel):
    """A photo that was fetched: what the catalogue said of it, and its bytes' SHA-256 (hex)."""

    model_config = ConfigDict(frozen=True)

    listed_at: datetime
    listing_id: str
    photo_id: str
    path: str
    sha256: str
    bytes: int
    version: str = ""

    @property
    def photo(self) -> Photo:
        return Photo(self.photo_id, self.listing_id, self.path, self.listed_at, self.version)


class PhotoReport(BaseModel):
    """One window's photos, by (listed_at, photo_id), and those that failed, by photo_id."""

    model_config = ConfigDict(frozen=True)

    format: Literal[1] = 1
    window: WindowKey
    catalogue_digest: str
    photos: list[ReportedPhoto]
    failures: list[PhotoFailure]

    @classmethod
    def of(cls, window: Window, photos: Sequence[Photo], fetched: FetchReport) -> Self:
        """The report of ``photos``, all of which were given to the fetch."""
        ordered = sorted(photos, key=lambda one: (one.listed_at, one.photo_id, one.listing_id))
        wanted = {photo.photo_id for photo in photos}
        return cls(
            window=window,
            catalogue_digest=catalogue_digest(photos),
            photos=[
                ReportedPhoto(
                    photo_id=photo.photo_id,
                    listing_id=photo.listing_id,
                    path=photo.path,
                    listed_at=photo.listed_at,
                    sha256=fetched.fetched[photo.path].sha256,
                    bytes=fetched.fetched[photo.path].bytes,
                    version=photo.version,
                )
                for photo in ordered
                if photo.path in fetched.fetched
            ],
            failures=[failure for failure in fetched.failed if failure.photo_id in wanted],
        )

    @property
    def digest(self) -> str:
        """SHA-256 (hex) of what decides the steps after it."""
        content: Mapping[str, object] = {
            "format": self.format,
            "window": self.window.key,
            "catalogue": self.catalogue_digest,
            "photos": [[photo.photo_id, photo.sha256] for photo in self.photos],
            "failed": sorted(failure.photo_id for failure in self.failures),
        }
        text = json.dumps(content, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()

    @property
    def version(self) -> str:
        """Its version in the model repository, by which what is made from it names it."""
        return self.digest[:VERSION_DIGITS]
