"""What a query means: a vector, the embedder that made it, and where its page begins.

A photo, a URL's photo and a listing's photo are embedded with the embedder whose servers
answer now; a vector is taken as it is, if its embedder is served. A cursor brings the vector
of its own query, so that a next page costs no embedding.
"""

import asyncio
import time
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from api.deadline import Deadline
from api.fleet.planner import Planner
from api.fleet.servers import Question
from api.off_loop import IN_PLACE_BYTES, off_loop
from api.pages.listings import no_such_listing
from api.pages.photos import PhotoStore
from api.problems.problems import ApiProblem
from api.query.cursor import query_digest, read_cursor
from api.query.embedding import OpenEmbedders
from api.query.query import Query
from photosearch.catalogue.catalogue import Catalogue
from photosearch.embedder.errors import BadVector
from photosearch.images.photo_error import PhotoError, PhotoUnreachable


@dataclass(frozen=True)
class Asked:
    """A query in the form that servers understand.

    ``digest`` tells it from other queries, ``left_out`` is the listing that asked for more
    like itself, ``answered`` are the marks of the listings of the pages before.
    """

    question: Question
    digest: str
    left_out: str | None = None
    answered: frozenset[bytes] = frozenset()
    timings_ms: dict[str, float] = field(default_factory=dict)


@dataclass
class Understanding:
    """Turns queries into questions."""

    embedders: OpenEmbedders
    planner: Planner
    catalogue: Catalogue
    photos: PhotoStore

    async def of(self, query: Query, deadline: Deadline) -> Asked:
        """The question that ``query`` asks.

        Raises:
            PhotosearchError: if its photo, vector, listing, URL or cursor can't be used.
        """
        request = query.request
        if request.cursor is not None:
            return self._next_page(query)
        if query.photo is not None:
            is_long = len(query.photo) > IN_PLACE_BYTES
            digest = await off_loop(lambda: _digest(query), if_long=is_long)
            return await self._photo(query.photo, digest, query.name, deadline)
        if request.vector is not None:
            return await self._vector(query)
        assert request.listing_id is not None
        try:
            async with asyncio.timeout(max(deadline.left_s, 0.001)):
                return await self._listing(request.listing_id, deadline)
        except TimeoutError:
            raise deadline.missed(
                "the listing's photo could not be had in time",
                "try again, or search with a photo instead",
            ) from None

    async def _photo(self, photo: bytes, digest: str, name: str, deadline: Deadline) -> Asked:
        fingerprint = await self._fingerprint()
        embedded = await self.embedders.embed(photo, fingerprint, name, deadline)
        return Asked(
            Question(embedded.vector, fingerprint),
            digest,
            timings_ms={"decode": embedded.decode_ms, "embed": embedded.embed_ms},
        )

    async def _listing(self, listing_id: str, deadline: Deadline) -> Asked:
        listing = (await asyncio.to_thread(self.catalogue.listings, [listing_id])).get(listing_id)
        if listing is None:
            raise no_such_listing(listing_id)
        reasons = []
        unreachable: PhotoUnreachable | None = None
        for photo_id in listing.photo_ids:
            start = time.perf_counter()
            try:
                photo = await asyncio.to_thread(self.catalogue.photo, photo_id, listing_id)
                if photo is None:
                    continue
                content = await self.photos.bytes_of(photo)
                took_ms = (time.perf_counter() - start) * 1e3
                digest = query_digest("listing", listing_id.encode())
                asked = await self._photo(content, digest, photo_id, deadline)
            except ApiProblem as error:
                if error.status != 404:
                    raise
                reasons.append(error.what)
            except PhotoUnreachable as error:  # not the photo's fault, nor the caller's
                unreachable = error
            except (PhotoError, BadVector) as error:  # unusable: the next may do
                reasons.append(str(error))
            else:
                timings = {"photo": took_ms, **asked.timings_ms}
                return Asked(asked.question, digest, left_out=listing_id, timings_ms=timings)
        if unreachable is not None:
            raise unreachable
        raise ApiProblem(
            422,
            "no-usable-photo",
            f"no photo of the listing {listing_id!r} can be searched with",
            found="; ".join(reasons) or "no photo",
            remedy="search with a photo instead",
        )

    async def _vector(self, query: Query) -> Asked:
        request = query.request
        assert request.vector is not None
        fingerprint = request.fingerprint or await self._fingerprint()
        self._require_served(fingerprint, "the vector's embedder")
        self._require_length(len(request.vector), fingerprint, "the vector")
        vector = _unit(np.asarray(request.vector, np.float64))
        return Asked(Question(vector, fingerprint), _digest(query))

    def _next_page(self, query: Query) -> Asked:
        assert query.request.cursor is not None
        position, vector = read_cursor(query.request.cursor)
        digest = _digest(query)
        if digest and digest != position.query:
            raise ApiProblem(
                422,
                "foreign-cursor",
                "the cursor belongs to another query",
                remedy="send the cursor alone, or with the query that it was given for",
            )
        self._require_served(position.fingerprint, "the cursor's embedder")
        self._require_length(vector.size, position.fingerprint, "the cursor's vector")
        return Asked(
            Question(vector, position.fingerprint),
            position.query,
            position.left_out,
            position.answered,
        )

    def _require_length(self, length: int, fingerprint: str, what: str) -> None:
        dimension = self.embedders.dimension(fingerprint)
        if dimension is not None and length != dimension:
            raise ApiProblem(
                422,
                "wrong-length",
                f"{what} has the wrong length",
                found=str(length),
                limit=f"{dimension} (of embedder {fingerprint})",
                remedy="embed the photo with the embedder that is served, or send the photo",
            )

    async def _fingerprint(self) -> str:
        """The embedder to embed with.

        Raises:
            ApiProblem: 503 if there is none yet.
        """
        if not self.embedders.fingerprints:
            raise ApiProblem(
                503,
                "no-embedder",
                "there is no embedder yet",
                found=self.embedders.fault or "no embedder in the model repository",
                remedy="run 'photosearch materialize'",
                headers={"Retry-After": "10"},
            )
        return await self.planner.choose(self.embedders.fingerprints, self.embedders.prepared)

    def _require_served(self, fingerprint: str, what: str) -> None:
        served = self.planner.discovery.fleet.fingerprints | {*self.embedders.fingerprints}
        if fingerprint not in served:
            raise ApiProblem(
                409,
                "foreign-fingerprint",
                f"{what} is not served",
                found=fingerprint,
                limit=", ".join(sorted(served)) or "no embedder is served",
                remedy="embed the photo again, or send the photo",
            )


def _unit(vector: NDArray[np.float64]) -> NDArray[np.float32]:
    """``vector`` [d] at unit length, float32."""
    largest = np.abs(vector).max()
    if largest < 1e-30 or largest > 1e30:
        raise ApiProblem(
            422,
            "bad-vector",
            "the vector has no direction",
            found=f"its largest value is {largest:g}",
            limit="1e-30 to 1e30",
            remedy="send an embedding, such as an embedder gives it",
        )
    return (vector / np.linalg.norm(vector)).astype(np.float32)


def _digest(query: Query) -> str:
    """Tells this query from others; empty for a cursor alone."""
    request = query.request
    if request.url is not None:  # also of a photo that was downloaded from it
        return query_digest("url", request.url.encode())
    if query.photo is not None:
        return query_digest("photo", query.photo)
    if request.vector is not None:
        return query_digest("vector", np.asarray(request.vector, np.float64).tobytes())
    if request.listing_id is not None:
        return query_digest("listing", request.listing_id.encode())
    return ""
