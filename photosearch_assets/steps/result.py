"""What a step says about one window it has finished.

The same record feeds a materialisation's metadata, the asset checks, the progress line of
``photosearch materialize`` and the Pipes messages of a subprocess: so it is plain, and knows
neither Dagster nor files.
"""

from pydantic import BaseModel, ConfigDict, Field

from photosearch.photo_notes import PhotoFailure, PhotoRemark
from photosearch.window_key import WindowKey


class CheckOutcome(BaseModel):
    """What one check found in one window; ``found`` and ``limit`` are for its reader.

    ``measured`` is the number behind ``found``, if there is one: Dagit plots it over time.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    passed: bool
    found: str
    limit: str | None = None
    measured: float | None = None


class StepResult(BaseModel):
    """One window's outcome; ``window`` is None for an asset without partitions.

    ``version`` names the artifact, ``digest`` what it holds; ``seconds`` are the step's own
    work on this window, the shared work of a batch divided by its windows. ``done`` is False
    when what was asked had been made before from the same inputs.
    """

    model_config = ConfigDict(frozen=True)

    step: str
    window: WindowKey | None = None
    version: str | None = None
    digest: str = ""
    rows: int = 0
    photos: int = 0
    size_bytes: int = 0
    seconds: float = 0.0
    recall: float | None = None
    quantiser: str | None = None
    done: bool = True
    published: bool = True
    note: str | None = None
    report: str = Field("", description="A table in Markdown, for Dagit.")
    failures: tuple[PhotoFailure, ...] = ()
    remarks: tuple[PhotoRemark, ...] = ()
    checks: tuple[CheckOutcome, ...] = ()
    sample_photos: tuple[str, ...] = Field(
        (), description="Paths of a few photos, for the strip that Dagit shows."
    )

    @property
    def failed_checks(self) -> tuple[CheckOutcome, ...]:
        return tuple(check for check in self.checks if not check.passed)
