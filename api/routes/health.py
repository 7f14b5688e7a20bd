"""Whether the API runs, and whether it can answer: what an orchestrator and a person ask first."""

from fastapi import FastAPI

from api.problems.problems import ApiProblem
from api.search.answer import HOW_TO_SERVE
from api.state import ApiState
from photosearch.rest.health import Liveness, Readiness
from photosearch.version import CODE_VERSION


def add_health(app: FastAPI, state: ApiState) -> None:
    @app.get("/healthz", summary="Whether the API runs", tags=["health"])
    async def healthz() -> Liveness:
        """Says nothing about indexes: restart the API only when this fails."""
        return Liveness(version=CODE_VERSION)

    @app.get("/readyz", summary="Whether the API can answer searches", tags=["health"])
    async def readyz() -> Readiness:
        """Ready with an open embedder and an index server for its vectors; else 503 and why."""
        fingerprints = state.query.embedders.fingerprints
        fleet = state.fleet.discovery.fleet
        serving = [one for one in fingerprints if fleet.of(one)]
        if not serving:
            raise _not_ready(state)
        fingerprint = await state.fleet.planner.choose(serving)
        servers, windows = len(fleet.of(fingerprint)), fleet.windows[fingerprint]
        return Readiness(fingerprint=fingerprint, servers=servers, windows=windows)


def _not_ready(state: ApiState) -> ApiProblem:
    fleet = state.fleet.discovery.fleet
    if not state.query.embedders.fingerprints:
        found = state.query.embedders.fault or "no embedder in the model repository"
        remedy = "run 'photosearch materialize'"
    elif fleet.servers:
        found = f"index servers only for other embedders: {', '.join(sorted(fleet.fingerprints))}"
        remedy = "wait until the windows are indexed with the current embedder"
    else:
        found = "no index server"
        remedy = HOW_TO_SERVE
    return ApiProblem(
        503,
        "not-ready",
        "the API can't answer searches yet",
        found=found,
        remedy=remedy,
        headers={"Retry-After": "2"},
    )
