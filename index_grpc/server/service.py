"""Answers searches over one pack: the gRPC service without the process around it.

Everything that can be refused is refused before the pack is asked, in the order of what is
cheapest to see, because bad input makes ScaNN end the process. What never changes in a
server's life (its windows as messages, its description) is made once, so that a call costs
the decoding of one vector, the search, and k small messages.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import NoReturn, Protocol

import grpc
import numpy as np
from numpy.typing import NDArray

from index_grpc.errors import IndexGrpcError, InvalidQuery, WindowNotHeld
from index_grpc.server.wire_errors import (
    ForeignFingerprint,
    ServerUnavailable,
    error_metadata,
    status_of,
)
from index_grpc.serving.serving import Serving
from index_grpc.wire.index_pb2 import (
    DescribeRequest,
    DescribeResponse,
    HeldWindow,
    Hit,
    SearchedWindow,
    SearchRequest,
    SearchResponse,
)
from index_grpc.wire.index_pb2_grpc import IndexServiceServicer
from photosearch.version import CODE_VERSION
from photosearch.windows import Window


class FoundRow(Protocol):
    """One row that a pack found; ``PackHit`` is one."""

    @property
    def photo_id(self) -> str: ...
    @property
    def listing_id(self) -> str: ...
    @property
    def score(self) -> float: ...
    @property
    def window(self) -> Window: ...
    @property
    def listed_at(self) -> datetime: ...


class SearchablePack(Protocol):
    """What the service asks of a pack; :class:`index_grpc.index.pack.Pack` is one."""

    def search(
        self, query: NDArray[np.float32], k: int, windows: Collection[Window] | None
    ) -> Sequence[FoundRow]:
        """The k best of these windows (None: all), best first; query: float32 [d]."""
        ...


@dataclass(frozen=True)
class LoadedIndex:
    """One window of a pack as its manifest has it."""

    window: Window
    version: str
    rows: int
    run_id: str | None = None


@dataclass(frozen=True)
class LoadedPack:
    """A pack that can be searched, and what it says about itself."""

    serving: Serving
    pack: SearchablePack
    dimension: int
    size_bytes: int
    indexes: Sequence[LoadedIndex]
    leaves_to_search: int = 0
    reorder: int = 0
    recall: float = 1.0
    load_seconds: Mapping[str, float] = field(default_factory=dict)


class IndexService(IndexServiceServicer):
    """Search and Describe over one pack; until :meth:`serve` it answers UNAVAILABLE."""

    def __init__(self, *, max_k: int) -> None:
        self._max_k = max_k
        self._loaded: _Answers | None = None

    def serve(self, loaded: LoadedPack) -> None:
        """Answer with this pack from now on. A server does this once in its life."""
        self._loaded = _Answers(loaded, self._max_k)

    def Search(self, request: SearchRequest, context: grpc.ServicerContext) -> SearchResponse:  # noqa: N802
        try:
            # gRPC drops a call whose caller has gone while it waited for a thread.
            return self._answers().search(request)
        except IndexGrpcError as error:
            _refuse(context, error)

    def Describe(  # noqa: N802
        self, request: DescribeRequest, context: grpc.ServicerContext
    ) -> DescribeResponse:
        try:
            return self._answers().description
        except IndexGrpcError as error:
            _refuse(context, error)

    def _answers(self) -> "_Answers":
        if self._loaded is None:
            raise ServerUnavailable(
                "the index server is still loading its pack", remedy="ask again in a moment"
            )
        return self._loaded


class _Answers:
    def __init__(self, loaded: LoadedPack, max_k: int) -> None:
        self._loaded = loaded
        self._max_k = max_k
        self._keys = {index.window: index.window.key for index in loaded.indexes}
        self._searched = {
            index.window.key: (
                index.window,
                _as_bytes(
                    SearchedWindow(window=index.window.key, version=index.version, rows=index.rows)
                ),
            )
            for index in loaded.indexes
        }
        self._all_searched = b"".join(message for _, message in self._searched.values())
        self.description = _describe(loaded, max_k)

    def search(self, request: SearchRequest) -> SearchResponse:
        query = self._checked_query(request)
        windows, searched = self._windows(request.windows)
        found = self._loaded.pack.search(query, request.k, windows)
        # The windows as bytes that were made once: parsing them costs a tenth of making them.
        response = SearchResponse.FromString(searched)
        response.hits.extend(
            Hit(
                photo_id=row.photo_id,
                listing_id=row.listing_id,
                score=row.score,
                window=self._keys[row.window],
                listed_at=row.listed_at.isoformat(),
            )
            for row in found
        )
        return response

    def _checked_query(self, request: SearchRequest) -> NDArray[np.float32]:
        served = self._loaded.serving.fingerprint
        if request.fingerprint != served:
            raise ForeignFingerprint(
                "the query was embedded by another embedder than this pack",
                found=request.fingerprint or "no fingerprint",
                limit=served,
                remedy="embed the photo with the fingerprint that is served",
            )
        if not 1 <= request.k <= self._max_k:
            raise InvalidQuery(
                "k is out of bounds",
                found=str(request.k),
                limit=f"1 to {self._max_k}",
                remedy="ask for fewer results, or more than none",
            )
        if len(request.vector) != self._loaded.dimension:
            raise InvalidQuery(
                "the query vector has the wrong length",
                found=f"{len(request.vector)} values",
                limit=f"{self._loaded.dimension} values",
            )
        query = np.fromiter(request.vector, np.float32, self._loaded.dimension)
        if not np.isfinite(query).all():
            raise InvalidQuery(
                "the query vector must be finite",
                found=f"{int((~np.isfinite(query)).sum())} values that are NaN or infinite",
            )
        return query

    def _windows(self, keys: Sequence[str]) -> tuple[Collection[Window] | None, bytes]:
        if not keys:
            return None, self._all_searched
        try:
            asked = {key: self._searched[key] for key in keys}
        except KeyError as error:
            raise WindowNotHeld(
                "a window is not held by this server",
                found=repr(error.args[0]),
                limit=f"the {len(self._searched)} windows of {self._loaded.serving.name}",
                remedy="discover again which server holds it",
            ) from None
        if len(asked) == len(self._searched):
            return None, self._all_searched
        searched = b"".join(message for _, message in asked.values())
        return [window for window, _ in asked.values()], searched


def _as_bytes(searched: SearchedWindow) -> bytes:
    """An answer that names this window only; such bytes one after another name them all."""
    return SearchResponse(searched=[searched]).SerializeToString()


def _describe(loaded: LoadedPack, max_k: int) -> DescribeResponse:
    windows = [
        HeldWindow(
            window=index.window.key,
            version=index.version,
            rows=index.rows,
            run_id=index.run_id or "",
        )
        for index in loaded.indexes
    ]
    return DescribeResponse(
        serving=loaded.serving.name,
        fingerprint=loaded.serving.fingerprint,
        quantiser=loaded.serving.quantiser or "",
        dimension=loaded.dimension,
        rows=sum(index.rows for index in loaded.indexes),
        size_bytes=loaded.size_bytes,
        leaves_to_search=loaded.leaves_to_search,
        reorder=loaded.reorder,
        recall=loaded.recall,
        windows=windows,
        started_at=datetime.now(UTC).isoformat(),
        max_k=max_k,
        load_seconds=dict(loaded.load_seconds),
        code_version=CODE_VERSION,
    )


def _refuse(context: grpc.ServicerContext, error: IndexGrpcError) -> NoReturn:
    context.set_trailing_metadata(error_metadata(error))
    context.abort(status_of(error), str(error))
