"""A search as it crosses the REST border: what is asked, and what is answered.

A request's photo, url, vector, listing_id and cursor exclude one another, so they are one
model with optional members and a check, not five paths: a client changes one member to go
from "this photo" to "more like this". Filters will be members of :class:`SearchRequest`;
until then an unknown member is refused, so that no client believes it was filtered.
"""

from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, model_validator

from photosearch.catalogue.left_out import Reason
from photosearch.rest.releases import ALWAYS_SENT, MAY_GROW
from photosearch.rest.timeline import Gap

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

    reason: Annotated[Reason, MAY_GROW] = Field(
        description="status: it is not live_status; erased; gone: no longer in the catalogue."
    )
    listings: int
    why: str = Field(description="The rule in words, said of one of them.")


class Coverage(BaseModel):
    """What was searched: no listing is missing without a word here."""

    model_config = ALWAYS_SENT

    complete: bool = Field(description="No gap between the timeline's start and the last hour.")
    fingerprint: str | None
    newest: datetime | None = Field(description="End of the newest window that answered.")
    windows: list[AnsweredWindow]
    gaps: list[Gap]
    failed: list[FailedWindow]
    staleness: Staleness
    hidden: list[HiddenListings] = Field(
        default_factory=list,
        description="Listings among those looked at that were found and may not be shown.",
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
