"""Which desks ask for Servings of one model repository, noted there.

Whoever deletes versions and images knows the Servings of its own desk alone. Another machine with
the same stores and a ``state_dir`` of its own has another desk, from which servers may run. So
each desk is noted as an object that is made young again while it is in use: its name
tells it from the others, its age by the store's clock when it was last seen, and what it says,
where it is, is for people.
"""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from index_grpc.serving.desk import ServingDesk
from photosearch.repository.storage.port import Storage, TagMoved

FOLDER = "notes/desks"
#: A machine may be off for its owner's holidays, and runs its servers from the same images then.
LATELY = timedelta(days=30)
#: How often whoever runs servers makes its desk's note young again.
NOTED_EVERY_S = 3600.0


@dataclass(frozen=True)
class NotedDesk:
    """A desk that was seen: where, for people, and when last, by the store's clock."""

    identity: str
    place: str
    seen_at: datetime

    def __str__(self) -> str:
        return f"{self.place}, seen {self.seen_at:%Y-%m-%d %H:%M} UTC"


class DeskNotes:
    """The notes in one repository."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    def note(self, desk: ServingDesk) -> None:
        """Note that this desk is in use.

        Raises:
            StorageError: if the repository can't be written to.
        """
        name = desk.name()
        path = f"{FOLDER}/{name.identity}"
        if not self._storage.refresh(path):
            with suppress(TagMoved):  # another process of the same desk was quicker
                self._storage.replace(path, f"{name.place}\n".encode(), None)

    def others(self, desk: ServingDesk) -> list[NotedDesk]:
        """The desks beside this one that were seen lately, the latest first.

        Raises:
            StorageError: if the repository can't be read.
        """
        own = desk.name().identity if desk.is_there() else None
        oldest = datetime.fromtimestamp(self._storage.now_s(), UTC) - LATELY
        found = [one for one in self._all() if one.identity != own and one.seen_at >= oldest]
        return sorted(found, key=lambda one: one.seen_at, reverse=True)

    def forget(self, noted: Iterable[NotedDesk]) -> None:
        """Note these no longer; one that is in use notes itself again."""
        self._storage.delete(f"{FOLDER}/{one.identity}" for one in noted)

    def _all(self) -> Iterable[NotedDesk]:
        for file in self._storage.files(FOLDER):
            stored = None if file.staged else self._storage.read(file.path)
            if stored is not None:
                yield NotedDesk(
                    file.path.rpartition("/")[2],
                    stored.content.decode(errors="replace").strip(),
                    datetime.fromtimestamp(file.modified_s, UTC),
                )
