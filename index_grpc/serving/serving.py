"""A Serving: what one index server holds, fixed for its life.

Its name is made from its content, so that asking twice for the same pack names the same
server, a rollback finds the old server by its name, and two packs never share an endpoint
file. What is served never changes under a name; a new version is a new Serving.
"""

import hashlib
import itertools
import json
from collections.abc import Iterable
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from index_grpc.errors import IndexGrpcError
from photosearch.errors import first_fault
from photosearch.window_key import WindowKey
from photosearch.windows import Window


class ServingError(IndexGrpcError):
    """A Serving that can't be served."""


class ServedWindow(BaseModel):
    """One window of a Serving, and which version of its index."""

    model_config = ConfigDict(frozen=True)

    window: WindowKey
    version: str


class Serving(BaseModel):
    """A pack to be served: make it with :meth:`of`, which names it."""

    model_config = ConfigDict(frozen=True)

    name: str
    #: Which tier of the packing policy made it; says nothing about content.
    tier: str
    fingerprint: str
    #: Version of the quantiser all its indexes are encoded with; None: searched exactly.
    quantiser: str | None
    #: In time order, disjoint.
    windows: tuple[ServedWindow, ...]
    #: Digest of the image that holds all of it; None before it is built, and in the image itself.
    image: str | None = None

    @classmethod
    def of(
        cls,
        windows: Iterable[tuple[Window, str]],
        *,
        fingerprint: str,
        quantiser: str | None,
        tier: str = "each",
    ) -> "Serving":
        """The Serving of these windows and their index versions.

        Raises:
            ServingError: if there is no window, or two of them overlap.
        """
        ordered = sorted(windows)
        if not ordered:
            raise ServingError("a Serving holds at least one window", found="none")
        for (before, _), (after, _) in itertools.pairwise(ordered):
            if after.start < before.end:
                raise ServingError("windows of a Serving overlap", found=f"{before} and {after}")
        served = tuple(ServedWindow(window=w, version=version) for w, version in ordered)
        content = [fingerprint, quantiser, [[s.window.key, s.version] for s in served]]
        digest = hashlib.sha256(json.dumps(content).encode()).hexdigest()
        # A DNS label, as the names of services in a cluster must be.
        start = ordered[0][0].key.replace("/", "-").lower()
        return cls(
            name=f"{start}-{digest[:10]}",
            tier=tier,
            fingerprint=fingerprint,
            quantiser=quantiser,
            windows=served,
        )


SomeServing = TypeVar("SomeServing", bound=Serving)


def read_serving(file: Path) -> Serving:
    """Read a Serving file.

    Raises:
        ServingError: if there is no such file, or it holds no Serving.
    """
    return read_as(file, Serving)


def read_as(file: Path, kind: type[SomeServing]) -> SomeServing:
    """Read a Serving file that says more of its Serving, as ``kind`` has it.

    Raises:
        ServingError: as for :func:`read_serving`.
    """
    try:
        return kind.model_validate_json(file.read_bytes())
    except OSError as error:
        raise ServingError(
            f"Serving file {file} can't be read",
            found=error.strerror,
            remedy="Dagster writes Serving files; run 'photosearch materialize'",
        ) from error
    except ValidationError as error:
        raise ServingError(f"{file} is no Serving file", found=first_fault(error)) from error
