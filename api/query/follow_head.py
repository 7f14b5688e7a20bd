"""Queries are embedded with the embedder that the repository's HEAD names, soon after it moves.

The one that is being prepared is opened early, so that a change of HEAD costs no query its
time. An embedder that can't be opened leaves the one before at work, and ``/readyz`` says why.
"""

import asyncio
import logging
from dataclasses import dataclass

from api.fleet.repository_watch import RepositoryWatch
from api.problems.public import without_places
from api.query.embedding import OpenEmbedders
from photosearch.settings.settings import Settings

logger = logging.getLogger(__name__)

PAUSE_S = 1.0


@dataclass
class HeadFollower:
    """Keeps the open embedders those that the repository names."""

    repository: RepositoryWatch
    embedders: OpenEmbedders
    settings: Settings

    async def look(self) -> None:
        """Open what HEAD names now, and what is being prepared."""
        head = await asyncio.to_thread(self.repository.read_head)
        if head is not None and self.embedders.fingerprints[:1] != (head,):
            await asyncio.to_thread(self.repository.read, head)
            await asyncio.to_thread(self.embedders.turn_to, head)
        prepared = await asyncio.to_thread(self.repository.read_next)
        if prepared is None or prepared not in self.fingerprints():
            await asyncio.to_thread(self.embedders.prepare, prepared)

    async def watch(self) -> None:
        """Look until cancelled."""
        while True:
            try:
                await self.look()
                self.embedders.fault = None
            except Exception as error:
                fault = without_places(str(error), self.settings)  # /readyz tells it to all
                if self.embedders.fault != fault:
                    logger.exception("the embedder can't be opened")
                self.embedders.fault = fault
            await asyncio.sleep(PAUSE_S)

    def fingerprints(self) -> tuple[str, ...]:
        """Every embedder that is open, the current one first."""
        return (*self.embedders.fingerprints, *self.embedders.prepared)
