"""Everything the API keeps between requests, made once from the settings.

Nothing here fails when a part is missing: an API without an embedder, without photos or
without a single index server starts, says so at ``/readyz``, and works as soon as they come.
"""

import asyncio
import contextlib
import logging
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
from api.problems.public import public_troubles, without_places
from api.query.embedding import OpenEmbedders
from api.query.photo_url import PhotoUrls
from api.query.query import Uploads
from api.query.understand import Understanding
from api.search.search import ListingSearcher
from index_grpc.serving.opening import open_desk
from photosearch.catalogue.catalogue import Catalogue
from photosearch.images.decoding.decoder import Decoder
from photosearch.repository.repository import Repository
from photosearch.settings.settings import Settings

logger = logging.getLogger(__name__)

HEAD_PAUSE_S = 1.0


@dataclass
class ApiState:
    """The parts that the routes use."""

    settings: Settings
    discovery: Discovery
    repository: RepositoryWatch
    pool: ServerPool
    embedders: OpenEmbedders
    catalogue: Catalogue
    decoder: Decoder
    photos: PhotoStore
    urls: PhotoUrls
    planner: Planner
    searcher: ListingSearcher
    samples: SampleListings
    timeline: TimelinePage
    uploads: Uploads
    queries: int = 0

    @classmethod
    def make(
        cls,
        settings: Settings,
        discovery: Discovery | None = None,
        now: Callable[[], datetime] = utc_now,
    ) -> "ApiState":
        """The state for ``settings``; nothing is read yet."""
        discovery = discovery or EndpointWatch(open_desk(settings).endpoints)
        repository = Repository.of(settings)
        watch = RepositoryWatch(repository)
        pool = ServerPool()
        decoder = Decoder(settings)
        embedders = OpenEmbedders(repository, decoder)
        catalogue = Catalogue.open(settings)
        photos = PhotoStore(settings)
        urls = PhotoUrls(
            max_bytes=settings.max_photo_bytes,
            timeout_s=settings.photo_url_timeout_s,
            at_once=settings.photo_url_concurrency,
            allowed=settings.photo_urls,
            allow_private=settings.photo_url_private,
        )
        planner = Planner(discovery, watch, pool, settings.timeline_start, now)
        understanding = Understanding(embedders, planner, catalogue, photos)
        searcher = ListingSearcher(
            settings, understanding, planner, pool, catalogue, settings.max_hits
        )
        return cls(
            settings,
            discovery,
            watch,
            pool,
            embedders,
            catalogue,
            decoder,
            photos,
            urls,
            planner,
            searcher,
            SampleListings(catalogue, settings.live_statuses),
            TimelinePage(
                lambda: embedders.fingerprints, planner, partial(public_troubles, settings)
            ),
            Uploads(settings.max_concurrent_queries * settings.max_photo_bytes),
        )

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Keep watching the fleet, the repository and the embedders' HEAD inside the block."""
        # Ready with the first request if all is there; the watches try again and log.
        with contextlib.suppress(Exception):
            await self._follow_head()
        with contextlib.suppress(Exception):
            await self.discovery.look()
        tasks = [
            asyncio.create_task(self.discovery.watch()),
            asyncio.create_task(
                self.repository.watch(
                    lambda: (*self.embedders.fingerprints, *self.embedders.prepared)
                )
            ),
            asyncio.create_task(self._watch_head()),
            asyncio.create_task(self._close_idle_channels()),
        ]
        # A daemon: nobody waits for it at the end.
        threading.Thread(target=self.decoder.start, name="start decoding", daemon=True).start()
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self.embedders.close()
            self.decoder.close()
            self.searcher.close()
            self.photos.close()
            await self.urls.close()
            await self.pool.close()
            self.catalogue.close()

    async def _follow_head(self) -> None:
        head = await asyncio.to_thread(self.repository.read_head)
        if head is not None and self.embedders.fingerprints[:1] != (head,):
            await asyncio.to_thread(self.repository.read, head)
            await asyncio.to_thread(self.embedders.turn_to, head)
        prepared = await asyncio.to_thread(self.repository.read_next)
        if prepared is None or prepared not in (
            *self.embedders.fingerprints,
            *self.embedders.prepared,
        ):
            await asyncio.to_thread(self.embedders.prepare, prepared)

    async def _watch_head(self) -> None:
        while True:
            try:
                await self._follow_head()
                self.embedders.fault = None
            except Exception as error:
                fault = without_places(str(error), self.settings)  # /readyz tells it to all
                if self.embedders.fault != fault:
                    logger.exception("the embedder can't be opened")
                self.embedders.fault = fault
            await asyncio.sleep(HEAD_PAUSE_S)

    async def _close_idle_channels(self) -> None:
        while True:
            await asyncio.sleep(10)
            await self.pool.forget_others(self.discovery.fleet.servers)
