"""What a step says about one window it has finished.

The same record feeds a materialisation's metadata, the asset checks, the progress line of
``photosearch materialize`` and the Pipes messages of a subprocess: so it is plain, and knows
neither Dagster nor files.
"""

import base64
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer, PlainValidator

from photosearch.photo_notes import PhotoFailure, PhotoRemark
from photosearch.window_key import WindowKey

STRIP_BYTES = 32 << 10
"""Most that a strip may have: it stays in Dagster's event log. Six photos of nothing but noise have
16 kB, ordinary ones 3."""

_JPEG = b"\xff\xd8\xff"


def _as_strip(value: object) -> bytes:
    strip = base64.b64decode(value, validate=True) if isinstance(value, str) else value
    if not isinstance(strip, bytes) or not strip.startswith(_JPEG):
        raise ValueError("a strip of photos is a JPEG, in base64")
    if len(strip) > STRIP_BYTES:
        raise ValueError(f"a strip of photos has {STRIP_BYTES} bytes at most, not {len(strip)}")
    return strip


Strip = Annotated[
    bytes,
    PlainValidator(_as_strip),
    PlainSerializer(lambda strip: base64.b64encode(strip).decode(), when_used="json"),
]
"""A JPEG: bytes here, and base64 in a message."""


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
    strip: Strip | None = Field(None, description="A few photos, which Dagit shows.")

    @property
    def failed_checks(self) -> tuple[CheckOutcome, ...]:
        return tuple(check for check in self.checks if not check.passed)
