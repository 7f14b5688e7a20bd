"""The timeline as it crosses the REST border: which windows are ready, and which answer now.

A year of hours is thousands of windows, so neighbours in one state are told as one run; only
the cover, which is short, is told window by window.
"""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from photosearch.rest.releases import ALWAYS_SENT, MAY_GROW


class Gap(BaseModel):
    """A stretch of time that no window answered for."""

    start: datetime
    end: datetime


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
    state: Annotated[Literal["ready", "stale", "missing"], MAY_GROW]
    served_by: str | None = Field(description="The index server that holds them, if one does.")
    in_cover: bool = Field(description="Whether queries are answered from them.")
    rows: int | None = Field(description="Photos in them, where an index says so.")


class GranularityTimeline(BaseModel):
    granularity: Annotated[Literal["hourly", "daily", "monthly"], MAY_GROW]
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


class Trouble(BaseModel):
    """Something that can't be served, why, and what is done and to be done about it."""

    model_config = ConfigDict(frozen=True)

    what: str = Field(description="The Serving with its windows, or the window with its version.")
    reason: str = Field(description="Why it can't be served.")
    remedy: str = Field(description="What answers meanwhile, and what to do.")
    retry_at: datetime = Field(description="When it is tried again by itself.")

    def __str__(self) -> str:
        return (
            f"{self.what}: {self.reason}; tried again {self.retry_at:%H:%M:%S} UTC; {self.remedy}"
        )


class Timeline(BaseModel):
    """The state of every closed window, and the cover that answers now."""

    model_config = ALWAYS_SENT

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
    troubles: list[Trouble] = Field(
        default_factory=list, description="What can't be served, and why."
    )
