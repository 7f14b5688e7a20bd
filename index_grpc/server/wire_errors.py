"""Our errors across the wire.

gRPC carries a status code and a text. The four parts of our errors travel beside them in
trailing metadata, so that the query plane can say what, found, limit and remedy of an error
that an index server raised, and tell one kind from another without parsing text.
"""

import json
from collections.abc import Iterable

import grpc

from index_grpc.errors import IndexGrpcError, InvalidQuery, WindowNotHeld
from photosearch.errors import PhotosearchError

METADATA_KEY = "photosearch-error-bin"


class IndexServiceError(IndexGrpcError):
    """A call to an index server that brought no answer."""


class ForeignFingerprint(IndexServiceError):
    """The vector was made by another embedder than the rows of this server."""


class ServerUnavailable(IndexServiceError):
    """No server answers at the address, or it is ending."""


class DeadlinePassed(IndexServiceError):
    """The answer did not come in time."""


_KINDS: dict[grpc.StatusCode, type[IndexGrpcError]] = {
    grpc.StatusCode.INVALID_ARGUMENT: InvalidQuery,
    grpc.StatusCode.FAILED_PRECONDITION: ForeignFingerprint,
    grpc.StatusCode.NOT_FOUND: WindowNotHeld,
    grpc.StatusCode.UNAVAILABLE: ServerUnavailable,
    grpc.StatusCode.DEADLINE_EXCEEDED: DeadlinePassed,
}


def status_of(error: IndexGrpcError) -> grpc.StatusCode:
    """The status code under which ``error`` crosses the wire."""
    for status, kind in _KINDS.items():
        if isinstance(error, kind):
            return status
    return grpc.StatusCode.INTERNAL


def error_metadata(error: PhotosearchError) -> tuple[tuple[str, bytes], ...]:
    """Trailing metadata that carries the parts of ``error``."""
    parts = [error.what, error.found, error.limit, error.remedy]
    return ((METADATA_KEY, json.dumps(parts).encode()),)


def error_from_wire(
    address: str,
    status: grpc.StatusCode,
    details: str | None,
    metadata: Iterable[tuple[str, str | bytes]] | None,
) -> IndexGrpcError:
    """The error that a failed call to ``address`` stands for."""
    kind = _KINDS.get(status, IndexServiceError)
    for key, value in metadata or ():
        if key == METADATA_KEY:
            what, found, limit, remedy = json.loads(value)
            return kind(what, found=found, limit=limit, remedy=remedy)
    return kind(f"the index server at {address} did not answer", found=details or status.name)
