"""One step of the DAG as the YAML file writes it.

A step says what it makes (a name and a granularity), what must be there before, and how its
work is started. Who runs it, in process, in a subprocess or in a pod of its own image, is not
the step's business: it finds its inputs in the stores and leaves its output there.
"""

from enum import StrEnum

import dagster as dg
from pydantic import Field

from photosearch.windows import Granularity

OWN_COMMAND = ("python", "-m", "photosearch_assets.steps")


class StepGranularity(StrEnum):
    NONE = "none"
    HOURLY = "hourly"
    DAILY = "daily"
    MONTHLY = "monthly"


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
    code_version: str = "1"

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
