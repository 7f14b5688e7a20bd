"""Every refusal as it crosses the REST border: a problem (RFC 9457) with our four members.

``what``, ``found``, ``limit`` and ``remedy`` are always there, null when they say nothing,
so that a client reads one shape whether its photo was broken, its path unknown or the
service overloaded.
"""

from pydantic import BaseModel, ConfigDict, Field

MEDIA_TYPE = "application/problem+json"


class Problem(BaseModel):
    """The body of every answer that is not a success."""

    model_config = ConfigDict(extra="allow")

    type: str = Field("about:blank", description="Which kind of problem; stable.")
    title: str = Field(description="The HTTP status in words.")
    status: int = Field(description="The HTTP status.")
    what: str = Field(description="What went wrong, a sentence.")
    found: str | None = Field(description="What was found.")
    limit: str | None = Field(description="Which limit was crossed.")
    remedy: str | None = Field(description="What to do.")
