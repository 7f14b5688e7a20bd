"""The receipt of an erasure while it is being written.

What is found out is stored before what told of it is deleted, so that a killed erasure knows
what it was about. Ids in the open are kept beside the digests until the end.
"""

from collections.abc import Collection, Iterable
from datetime import UTC, datetime

from photosearch.repository.addresses import Address, ArtifactKey
from photosearch.repository.erasures import (
    Pending,
    PendingPhoto,
    Receipt,
    RemovedVersion,
    digest_of,
    read_receipt,
    receipt_path,
    write_receipt,
)
from photosearch.repository.storage.port import Storage
from photosearch.windows import Window
from photosearch_operations.erasure.traces import Needles, Trace


class Record:
    """One listing's receipt; ``is_new`` if there was none."""

    def __init__(self, storage: Storage, listing_id: str) -> None:
        self._storage = storage
        self._listing_id = listing_id
        found, self._tag = read_receipt(storage, digest_of(listing_id))
        self.is_new = found is None
        self.receipt = found or Receipt(listing=digest_of(listing_id), begun_at=datetime.now(UTC))

    @property
    def pending(self) -> Pending:
        """What is known in the open while the erasure is under way."""
        if self.receipt.pending is None:
            self.receipt.pending = Pending(listing_id=self._listing_id)
        return self.receipt.pending

    @property
    def needles(self) -> Needles:
        return Needles.of(self._listing_id, [photo.photo_id for photo in self.pending.photos])

    @property
    def paths(self) -> set[str]:
        """The photos' paths in the image store, as far as they are known."""
        return {photo.path for photo in self.pending.photos if photo.path is not None}

    @property
    def removed(self) -> set[ArtifactKey]:
        """What is or was to be deleted: also when it is gone from the repository already."""
        found = set()
        for removed in self.receipt.removed:
            located = Address.locate(f"{removed.address}/{removed.version}/")
            if located is not None:
                found.add((located[0], removed.version))
        return found

    @property
    def windows(self) -> set[Window]:
        """The windows that held it, and those above them."""
        windows = {Window.parse(key) for key in self.receipt.windows}
        for _ in range(2):  # a day above an hour, a month above a day
            windows |= {coarser for w in windows if (coarser := w.parent()) is not None}
        return windows

    def save(self) -> None:
        """Store it.

        Raises:
            HeadMoved: if another erasure of this listing runs.
        """
        self._tag = write_receipt(self._storage, self.receipt, self._tag)

    def note(self, text: str) -> None:
        if text not in self.receipt.notes:
            self.receipt.notes.append(text)

    def add(self, field: str, values: Collection[str]) -> None:
        """Add to one of the receipt's lists."""
        setattr(self.receipt, field, sorted({*getattr(self.receipt, field), *values}))

    def add_photos(self, photos: Iterable[PendingPhoto]) -> None:
        """Note photos; one that was seen at several paths may lie at each of them."""
        known = {(p.photo_id, p.path or ""): p for p in (*self.pending.photos, *photos)}
        self.pending.photos = [known[key] for key in sorted(known)]
        self.add("photos", {digest_of(photo_id) for photo_id, _ in known})

    def add_removed(self, trace: Trace) -> None:
        files = {} if trace.manifest is None else trace.manifest.files
        removed = RemovedVersion(
            address=trace.address.path,
            version=trace.version,
            files={name: entry.sha256 for name, entry in files.items()},
        )
        if removed not in self.receipt.removed:
            self.receipt.removed.append(removed)

    def add_servers(self, processes: Collection[str]) -> None:
        """Note the processes of servers that hold it, which may be withdrawn before they end."""
        if not set(processes) <= set(self.pending.servers):
            self.pending.servers = sorted({*self.pending.servers, *processes})
            self.save()

    def close(self) -> None:
        """Finish it: from now on it holds no id in the open."""
        # Drafts of an erasure that was killed while it wrote have the ids in the open too.
        folder = receipt_path(self.receipt.listing).rpartition("/")[0]
        self._storage.delete(file.path for file in self._storage.files(folder) if file.staged)
        self.receipt.pending = None
        self.receipt.finished_at = datetime.now(UTC)
        self.save()
