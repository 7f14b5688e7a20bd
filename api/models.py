"""What crosses the REST border: the requests and answers, as OpenAPI shows them.

A request's photo, url, vector, listing_id and cursor exclude one another, so they are one
model with optional members and a check, not five paths: a client changes one member to go
from "this photo" to "more like this". Filters will be members of :class:`SearchRequest`;
until then an unknown member is refused, so that no client believes it was filtered.
"""

from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, model_validator

from index_grpc.serving.not_served import Trouble
from photosearch.catalogue.left_out import Reason

OnPartial = Literal["fail", "degrade", "wait"]
QUERY_MEMBERS = ("photo", "url", "vector", "listing_id")


class SearchRequest(BaseModel):
    """What to look for, and how much of it to answer."""

    model_config = ConfigDict(extra="forbid")

    photo: str | None = Field(None, description="The photo's bytes in base64 (or a data: URL).")
    url: str | None = Field(
        None, max_length=4096, description="An http(s) URL that the API gets the photo from."
    )
    vector: Annotated[list[FiniteFloat], Field(min_length=1, max_length=8192)] | None = Field(
        None, description="An embedding made with the fingerprint that is served."
    )
    listing_id: str | None = Field(
        None, min_length=1, max_length=1024, description="More like this listing."
    )
    fingerprint: str | None = Field(
        None, max_length=128, description="The embedder that made the vector, if you know it."
    )
    k: int = Field(10, ge=1, description="Listings to answer.")
    cursor: str | None = Field(
        None, max_length=196_608, description="The last answer's cursor: the listings after it."
    )
    min_score: FiniteFloat | None = Field(
        None, ge=-1, le=1, description="Leave out listings with a lower score."
    )
    on_partial: OnPartial | None = Field(
        None,
        description="When windows are missing: fail (503), degrade (answer with what is there) "
        "or wait (until the deadline, then fail).",
    )

    @model_validator(mode="after")
    def _ask_one_thing(self) -> Self:
        given = [name for name in QUERY_MEMBERS if getattr(self, name) is not None]
        if len(given) > 1:
            raise ValueError(f"ask with one of {', '.join(QUERY_MEMBERS)}, not with several")
        if not given and self.cursor is None:
            raise ValueError(f"ask with one of {', '.join(QUERY_MEMBERS)} or a cursor")
        if self.fingerprint is not None and self.vector is None:
            raise ValueError("a fingerprint belongs to a vector")
        return self


class Result(BaseModel):
    """A listing that looks like the query, by the best of its photos."""

    listing_id: str
    photo_id: str
    score: float = Field(description="Cosine of the two embeddings, at most 1.")
    title: str | None
    category: str | None
    price: float | None
    listed_at: datetime
    window: str = Field(description="The window whose index found it.")
    photo_url: str


class AnsweredWindow(BaseModel):
    """A window of the cover, and who answered for it."""

    window: str
    version: str
    served_by: str
    stale: bool = Field(False, description="The repository has something newer for it.")


class Gap(BaseModel):
    """A stretch of time that no window answered for."""

    start: datetime
    end: datetime


class FailedWindow(BaseModel):
    """A window that was asked and did not answer."""

    window: str
    served_by: str
    reason: str


class Staleness(BaseModel):
    """How far the answer is behind the catalogue."""

    behind_s: float = Field(description="Seconds from the newest instant searched to now.")
    ahead_s: float = Field(
        0.0,
        description="Seconds from now to the newest instant searched, if that is later: the "
        "clock of this machine, or of one that indexes, is wrong or was.",
    )
    windows: list[str] = Field(description="Windows that were answered from an older version.")


class HiddenListings(BaseModel):
    """Listings that were found and may not be shown, by the rule that hides them."""

    reason: Reason = Field(
        description="status: it is not live_status; erased; gone: no longer in the catalogue."
    )
    listings: int
    why: str = Field(description="The rule in words, said of one of them.")


class Coverage(BaseModel):
    """What was searched: no listing is missing without a word here."""

    complete: bool = Field(description="No gap between the timeline's start and the last hour.")
    fingerprint: str | None
    newest: datetime | None = Field(description="End of the newest window that answered.")
    windows: list[AnsweredWindow]
    gaps: list[Gap]
    failed: list[FailedWindow]
    staleness: Staleness
    hidden: list[HiddenListings] = Field(
        description="Listings among those looked at that were found and may not be shown."
    )
    truncated: bool = Field(
        description="So many of the nearest listings are sold that the search ended before k."
    )


class SearchAnswer(BaseModel):
    """Listings, best first; what was searched; what it took."""

    results: list[Result]
    coverage: Coverage
    timings_ms: dict[str, float] = Field(description="Milliseconds by stage.")
    cursor: str | None = Field(description="Ask with it for the listings that follow.")


class ListingPhoto(BaseModel):
    photo_id: str
    photo_url: str


class ListingAnswer(BaseModel):
    """A listing as the catalogue has it."""

    listing_id: str
    title: str | None
    category: str | None
    price: float | None
    status: str | None
    listed_at: datetime
    photos: list[ListingPhoto]


class Samples(BaseModel):
    """Some listings to try a search with."""

    listings: list[ListingAnswer]


class CoverWindow(BaseModel):
    """A window of the cover that would answer now."""

    granularity: str
    window: str
    start: datetime
    end: datetime
    rows: int
    version: str
    served_by: str
    stale: bool


class WindowRun(BaseModel):
    """Neighbouring windows in one state: a year of hours is a handful of runs."""

    start: datetime
    end: datetime
    windows: int = Field(description="How many windows the run holds.")
    state: Literal["ready", "stale", "missing"]
    served_by: str | None = Field(description="The index server that holds them, if one does.")
    in_cover: bool = Field(description="Whether queries are answered from them.")
    rows: int | None = Field(description="Photos in them, where an index says so.")


class GranularityTimeline(BaseModel):
    granularity: Literal["hourly", "daily", "monthly"]
    windows: int
    ready: int
    stale: int
    missing: int
    runs: list[WindowRun]


class ServerState(BaseModel):
    """An index server that was discovered."""

    name: str
    fingerprint: str
    windows: int
    rows: int
    suspect: bool = Field(description="It failed a moment ago; others are asked first.")


class Timeline(BaseModel):
    """The state of every closed window, and the cover that answers now."""

    fingerprint: str | None
    start: datetime
    end: datetime = Field(description="End of the last closed hour.")
    now: datetime
    newest: datetime | None = Field(
        description="End of the newest window that answers; if that is later than now, a clock is "
        "wrong or was."
    )
    complete: bool
    cover: list[CoverWindow]
    gaps: list[Gap]
    timeline: list[GranularityTimeline]
    servers: list[ServerState]
    troubles: list[Trouble] = Field(description="What can't be served, and why.")


class Liveness(BaseModel):
    """The API runs."""

    status: Literal["ok"] = "ok"
    version: str


class Readiness(BaseModel):
    """Searches are answered, with vectors of this embedder, by so many index servers."""

    status: Literal["ready"] = "ready"
    fingerprint: str
    servers: int
    windows: int
