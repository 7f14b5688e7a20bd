"""What a step notes of a photo: why it is left out, or what is odd about it.

The photo's report, the embedder's batch, the manifests and what a step says of its work hold
the same notes, so they hand them on as they are.
"""

from pydantic import BaseModel, ConfigDict


class _Note(BaseModel):
    # Unknown fields are dropped: a later release may add some to the documents that hold notes.
    model_config = ConfigDict(frozen=True, extra="ignore")

    photo_id: str


class PhotoFailure(_Note):
    """A photo that could not be used, and why."""

    reason: str


class PhotoRemark(_Note):
    """A photo that was used, and what is odd about it."""

    remark: str
