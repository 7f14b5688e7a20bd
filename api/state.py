"""Everything the API keeps between requests, by the rooms that it is for; made once.

Nothing here fails when a part is missing: an API without an embedder, without photos or
without a single index server starts, says so at ``/readyz``, and works as soon as they come.
"""

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from api.fleet.discovery import Discovery, EndpointWatch
from api.fleet.planner import Planner, utc_now
from api.fleet.repository_watch import RepositoryWatch
from api.fleet.servers import ServerPool
from api.pages.photos import PhotoStore
from api.pages.samples import SampleListings
from api.pages.timeline_page import TimelinePage
from api.problems.public import public_troubles
from api.query.embedding import OpenEmbedders
from api.query.follow_head import HeadFollower
from api.query.photo_url import PhotoUrls
from api.query.places import QueryPlaces
from api.query.understand import Understanding
from api.query.uploads import Uploads
from api.search.live import LiveListings
from api.search.paging import Paging
from api.search.search import ListingSearcher
from index_grpc.serving.opening import open_desk
from photosearch.catalogue.catalogue import Catalogue
from photosearch.images.decoding.decoder import Decoder
from photosearch.repository.repository import Repository
from photosearch.settings.settings import Settings


@dataclass
class FleetState:
    """Which index servers there are, what is current, and whom a query asks."""

    discovery: Discovery
    repository: RepositoryWatch
    pool: ServerPool
    planner: Planner

    async def close(self) -> None:
        await self.pool.close()


@dataclass
class QueryState:
    """What turns requests into questions, and what bounds them."""

    decoder: Decoder
    embedders: OpenEmbedders
    head: HeadFollower
    urls: PhotoUrls
    uploads: Uploads
    places: QueryPlaces

    async def close(self) -> None:
        self.embedders.close()
        self.decoder.close()
        await self.urls.close()


@dataclass
class PagesState:
    """What is shown beside searches."""

    photos: PhotoStore
    samples: SampleListings
    timeline: TimelinePage


@dataclass
class ApiState:
    """The parts that the routes use."""

    settings: Settings
    catalogue: Catalogue
    fleet: FleetState
    query: QueryState
    search: ListingSearcher
    pages: PagesState

    @classmethod
    def make(
        cls,
        settings: Settings,
        discovery: Discovery | None = None,
        now: Callable[[], datetime] = utc_now,
    ) -> "ApiState":
        """The state for ``settings``; nothing is read yet."""
        catalogue = Catalogue.open(settings)
        repository = Repository.of(settings)
        fleet = _fleet(settings, repository, discovery, now)
        query = _query(settings, repository, fleet)
        pages = PagesState(
            PhotoStore(settings),
            SampleListings(catalogue, settings.live_statuses),
            TimelinePage(
                lambda: query.embedders.fingerprints,
                fleet.planner,
                partial(public_troubles, settings),
            ),
        )
        search = ListingSearcher(
            settings,
            Understanding(query.embedders, fleet.planner, catalogue, pages.photos),
            fleet.planner,
            fleet.pool,
            Paging(
                LiveListings(catalogue, settings.live_statuses), settings.max_k, settings.max_hits
            ),
        )
        return cls(settings, catalogue, fleet, query, search, pages)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Keep watching the fleet, the repository and the embedders' HEAD inside the block."""
        fleet, query = self.fleet, self.query
        # Ready with the first request if all is there; the watches try again and log.
        with contextlib.suppress(Exception):
            await query.head.look()
        with contextlib.suppress(Exception):
            await fleet.discovery.look()
        tasks = [
            asyncio.create_task(fleet.discovery.watch()),
            asyncio.create_task(fleet.repository.watch(query.head.fingerprints)),
            asyncio.create_task(query.head.watch()),
            asyncio.create_task(fleet.pool.keep_to(lambda: fleet.discovery.fleet.servers)),
        ]
        # A daemon: nobody waits for it at the end.
        threading.Thread(target=query.decoder.start, name="start decoding", daemon=True).start()
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await query.close()
            self.search.close()
            self.pages.photos.close()
            await fleet.close()
            self.catalogue.close()


def _fleet(
    settings: Settings,
    repository: Repository,
    discovery: Discovery | None,
    now: Callable[[], datetime],
) -> FleetState:
    discovery = discovery or EndpointWatch(open_desk(settings).endpoints)
    watch, pool = RepositoryWatch(repository), ServerPool()
    planner = Planner(discovery, watch, pool, settings.timeline_start, now)
    return FleetState(discovery, watch, pool, planner)


def _query(settings: Settings, repository: Repository, fleet: FleetState) -> QueryState:
    decoder = Decoder(settings)
    embedders = OpenEmbedders(repository, decoder)
    urls = PhotoUrls(
        max_bytes=settings.max_photo_bytes,
        timeout_s=settings.photo_url_timeout_s,
        at_once=settings.photo_url_concurrency,
        allowed=settings.photo_urls,
        allow_private=settings.photo_url_private,
    )
    return QueryState(
        decoder,
        embedders,
        HeadFollower(fleet.repository, embedders, settings),
        urls,
        Uploads(settings.max_concurrent_queries * settings.max_photo_bytes),
        QueryPlaces(settings.max_concurrent_queries),
    )
