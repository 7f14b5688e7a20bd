"""The parts of an answer, from what the search found.

Coverage is built from the answers that came, not from the plan that was made: it tells what
was searched.
"""

from collections.abc import Sequence
from datetime import datetime

from api.pages.listings import photo_url
from api.problems.problems import ApiProblem
from api.search.compose import Composition, Hit
from photosearch.catalogue.listing import Listing
from photosearch.rest.search import (
    AnsweredWindow,
    Coverage,
    FailedWindow,
    HiddenListings,
    OnPartial,
    Result,
    Staleness,
)
from photosearch.rest.timeline import Gap
from photosearch.terminal.wording import first_of


def result_of(hit: Hit, listing: Listing, root_path: str) -> Result:
    """A live listing that was found."""
    return Result(
        listing_id=hit.listing_id,
        photo_id=hit.photo_id,
        score=min(hit.score, 1.0),  # bf16 rounds a unit vector to slightly more
        title=listing.title,
        category=listing.category,
        price=listing.price,
        listed_at=listing.listed_at,
        window=hit.window,
        photo_url=photo_url(hit.photo_id, root_path),
    )


def coverage_of(
    composition: Composition,
    fingerprint: str,
    now: datetime,
    truncated: bool,
    hidden: Sequence[HiddenListings],
) -> Coverage:
    """What was searched."""
    answers = composition.answers
    newest = answers[-1].window.end if answers else None
    behind_s = 0.0 if newest is None else round((now - newest).total_seconds(), 1)
    return Coverage(
        complete=not composition.gaps,
        fingerprint=fingerprint,
        newest=newest,
        windows=[
            AnsweredWindow(
                window=answer.key,
                version=answer.version,
                served_by=answer.served_by,
                stale=answer.stale,
            )
            for answer in answers
        ],
        gaps=[Gap(start=gap.start, end=gap.end) for gap in composition.gaps],
        failed=[
            FailedWindow(window=one.window, served_by=one.served_by, reason=one.reason)
            for one in composition.failures
        ],
        staleness=Staleness(
            behind_s=max(0.0, behind_s),
            ahead_s=max(0.0, -behind_s),
            windows=[answer.key for answer in answers if answer.stale],
        ),
        truncated=truncated,
        hidden=list(hidden),
    )


HOW_TO_SERVE = (
    "run 'photosearch materialize', and 'photosearch up' for the index servers; where both did, "
    "'photosearch windows' tells what is not served and why"
)


def partial_problem(coverage: Coverage, on_partial: OnPartial, deadline_s: float) -> ApiProblem:
    """503: too little could be searched; the coverage tells what."""
    missing = ", ".join(
        f"{gap.start:%Y-%m-%dT%H} to {gap.end:%Y-%m-%dT%H}" for gap in coverage.gaps
    )
    reasons = {one.reason for one in coverage.failed}
    found = first_of([f"no index for {missing}", *sorted(reasons)], 4, "; ")
    members = {"coverage": coverage.model_dump(mode="json")}
    headers = {"Retry-After": "5"}
    if not coverage.windows:
        return ApiProblem(
            503,
            "nothing-to-search",
            "no window answered, so there is nothing to search",
            found=found,
            remedy=HOW_TO_SERVE,
            headers=headers,
            members=members,
        )
    return ApiProblem(
        503,
        "partial-coverage",
        "windows are missing and the query wants all of them",
        found=found,
        limit=f"on_partial={on_partial}"
        + (f", waited {deadline_s:g} s (deadline_s)" if on_partial == "wait" else ""),
        remedy="try again later, or ask with on_partial=degrade",
        headers=headers,
        members=members,
    )
