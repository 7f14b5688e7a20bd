"""One step of the DAG as the YAML file writes it.

A step says what it makes (a name and a granularity), what must be there before, and how its
work is started. Who runs it, in process, in a subprocess or in a pod of its own image, is not
the step's business: it finds its inputs in the stores and leaves its output there.
"""

from datetime import timedelta
from enum import StrEnum
from typing import Literal

import dagster as dg
from pydantic import Field, model_validator

from photosearch.windows import Granularity
from photosearch_assets.errors import AssetsError

OWN_COMMAND = ("python", "-m", "photosearch_assets.steps")


class StepGranularity(StrEnum):
    NONE = "none"
    HOURLY = "hourly"
    DAILY = "daily"
    MONTHLY = "monthly"


class Retry(dg.Model, dg.Resolvable):
    """How often a step that failed is tried again in its run."""

    max: int = Field(1, ge=1, description="Tries after the first.")
    delay_s: float = Field(0.0, ge=0, description="Seconds before a try.")
    backoff: Literal["linear", "exponential"] | None = Field(
        None, description="How the delay grows."
    )

    def policy(self) -> dg.RetryPolicy:
        backoff = None if self.backoff is None else dg.Backoff(self.backoff.upper())
        return dg.RetryPolicy(self.max, self.delay_s, backoff)


class Freshness(dg.Model, dg.Resolvable):
    """How old the newest materialisation may be before Dagster warns, and before it fails."""

    fail_hours: float = Field(gt=0)
    warn_hours: float | None = Field(None, gt=0)

    def policy(self) -> dg.FreshnessPolicy:
        warn = None if self.warn_hours is None else timedelta(hours=self.warn_hours)
        return dg.FreshnessPolicy.time_window(timedelta(hours=self.fail_hours), warn)


class DagStep(dg.Model, dg.Resolvable):
    """A step; field names are those of defs.yaml."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    granularity: StepGranularity
    command: list[str] = Field(min_length=1)
    after: list[str] = Field([], description="Steps that must be done before, by name.")
    description: str = ""
    image: str = Field("", description="Container image of the step's pod, in a cluster.")
    resources: dict[str, str | int | float] = Field(
        {}, description="Kubernetes requests of the step's pod, in a cluster."
    )
    checks: list[str] = Field([], description="Names of the checks that the step reports.")
    blocking: list[str] = Field(
        [], description="Those of the checks whose failure keeps later steps of a run back."
    )
    code_version: str = "1"
    group: str = Field("photosearch", description="The group of the asset in Dagit.")
    owners: list[str] = Field([], description="People by e-mail, or team:NAME.")
    tags: dict[str, str] = Field({}, description="Tags of the asset, to search by.")
    kinds: list[str] = Field([], max_length=3, description="What it is made with, for Dagit.")
    pool: str | None = Field(None, description="Dagster's pool that limits its runs at once.")
    freshness: Freshness | None = None
    retry: Retry | None = None
    automation: bool = Field(
        True, description="Whether Dagster builds its windows by itself, the backlog too."
    )
    windows_a_run: int | None = Field(
        None, ge=1, description="Most windows of one run; a month's by default."
    )

    @model_validator(mode="after")
    def _require_declared_checks(self) -> "DagStep":
        if not {*self.blocking} <= {*self.checks}:
            raise AssetsError(
                f"a blocking check of the step {self.name} is not among its checks",
                found=", ".join(sorted({*self.blocking} - {*self.checks})),
                limit=", ".join(self.checks) or "no checks",
            )
        return self

    @property
    def windows(self) -> Granularity | None:
        """The granularity of its windows; None for a step without partitions."""
        return (
            None
            if self.granularity is StepGranularity.NONE
            else Granularity(self.granularity.value)
        )

    @property
    def own_name(self) -> str | None:
        """The name among our own steps that the command asks for; None for a foreign command."""
        size = len(OWN_COMMAND)
        if tuple(self.command[:size]) == OWN_COMMAND and len(self.command) == size + 1:
            return self.command[size]
        return None
