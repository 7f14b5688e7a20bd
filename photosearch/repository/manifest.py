"""What an artifact is, what it was made from, and how to tell that it is whole.

The version follows from the content, so that the same work done twice is one version. The
``recipe_digest`` needs no content: a step computes it before the work and compares it with
the current manifest's, and so finds out for the price of one read that there is nothing to do.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cached_property

from pydantic import BaseModel, ConfigDict, JsonValue, TypeAdapter, ValidationError

from photosearch.photo_notes import PhotoFailure, PhotoRemark
from photosearch.repository.errors import MAKE_AGAIN, DamagedArtifact, NewerFormat
from photosearch.window_key import WindowKey
from photosearch.windows import Window

FORMAT = 1
VERSION_DIGITS = 16
REMARKS = "remarks"
"""Among the details, and only where there are some."""
REPORT_DIGEST = "report_digest"
"""Among the details of photos: what their report says, in one SHA-256."""
_REMARKS = TypeAdapter(list[PhotoRemark])


class _Frozen(BaseModel):
    # Unknown fields are dropped: a later release may add some without a new format.
    model_config = ConfigDict(frozen=True, extra="ignore")


class Input(_Frozen):
    """One thing that an artifact was made from; ``catalogue`` is a kind too."""

    kind: str
    window: WindowKey | None
    version: str
    digest: str


class FileEntry(_Frozen):
    size: int
    sha256: str


class Manifest(_Frozen):
    """An artifact's record, written last and never changed."""

    format: int = FORMAT
    kind: str
    window: WindowKey | None
    fingerprint: str | None
    version: str
    rows: int
    dimension: int | None
    files: dict[str, FileEntry]
    inputs: list[Input]
    recipe: dict[str, JsonValue]
    recipe_digest: str
    quantiser: str | None = None
    recall: float | None = None
    failures: list[PhotoFailure] = []
    details: dict[str, JsonValue] = {}
    code_version: str
    run_id: str | None = None
    created_at: datetime

    @cached_property
    def digest(self) -> str:
        """SHA-256 of what decides the content; not of who made it, nor when."""
        return canonical_digest(
            {
                "kind": self.kind,
                "window": self.window.key if self.window else None,
                "fingerprint": self.fingerprint,
                "version": self.version,
                "recipe_digest": self.recipe_digest,
                "files": {name: entry.sha256 for name, entry in self.files.items()},
            }
        )

    @property
    def report_digest(self) -> str:
        """Of photos what their report says; it begins with the version."""
        return str(self.details.get(REPORT_DIGEST, ""))

    @property
    def remarks(self) -> list[PhotoRemark]:
        """Photos among its rows that someone should look at."""
        try:
            return _REMARKS.validate_python(self.details.get(REMARKS, []))
        except ValidationError:  # of a later release
            return []

    @property
    def photos_told_of(self) -> set[str]:
        """The photos that it names by their ids."""
        failed = {one.photo_id for one in self.failures}
        return failed | {one.photo_id for one in self.remarks}

    @property
    def size_bytes(self) -> int:
        """Bytes of the files together."""
        return sum(entry.size for entry in self.files.values())

    def to_bytes(self) -> bytes:
        return self.model_dump_json(indent=1).encode() + b"\n"


def parse_manifest(content: bytes, path: str) -> Manifest:
    """Read a manifest; ``path`` is for the error.

    Raises:
        NewerFormat: if a later release wrote it.
        DamagedArtifact: if it is no manifest.
    """
    try:
        manifest = Manifest.model_validate_json(content)
    except ValidationError as error:
        refuse_newer(format_of(content), path, "manifest", FORMAT)
        first = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise DamagedArtifact(
            f"{path} is not a manifest",
            found=f"{place}: {first['msg']}" if place else first["msg"],
            remedy=MAKE_AGAIN,
        ) from error
    refuse_newer(manifest.format, path, "manifest", FORMAT)
    return manifest


def recipe_digest(inputs: Sequence[Input], recipe: Mapping[str, JsonValue]) -> str:
    """SHA-256 of what an artifact is made from and how; known before the work."""
    return canonical_digest(
        {"inputs": [item.model_dump() for item in inputs], "recipe": dict(recipe)}
    )


def content_version(
    kind: str,
    window: Window | None,
    fingerprint: str | None,
    recipe_digest: str,
    files: Mapping[str, FileEntry],
) -> str:
    """The version that this content has: 16 hexadecimal digits."""
    return canonical_digest(
        {
            "kind": kind,
            "window": window.key if window else None,
            "fingerprint": fingerprint,
            "recipe_digest": recipe_digest,
            "files": {name: entry.sha256 for name, entry in files.items()},
        }
    )[:VERSION_DIGITS]


def canonical_digest(value: JsonValue) -> str:
    """SHA-256 over the one JSON text of ``value``: sorted keys, no spaces, no NaN."""
    text = json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )
    return hashlib.sha256(text.encode()).hexdigest()


def refuse_newer(found: object, path: str, what: str, known: int) -> None:
    """Nothing if the format that was ``found`` is one that is ``known``.

    Raises:
        NewerFormat: if a later release wrote it.
    """
    if isinstance(found, int) and found > known:
        raise NewerFormat(
            f"{path} was written by a later release of photosearch",
            found=f"{what} format {found}",
            limit=str(known),
            remedy="upgrade photosearch on this machine",
        )


def format_of(content: bytes) -> object:
    """The format that a document says it has, whatever else is in it."""
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        return None
    return document.get("format") if isinstance(document, dict) else None
