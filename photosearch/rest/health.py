"""Whether the API runs, and whether it can answer, as it crosses the REST border."""

from typing import Literal

from pydantic import BaseModel


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
