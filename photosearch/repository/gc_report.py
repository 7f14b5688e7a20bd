"""What a gc did, version by version: what went, what stayed, and why."""

from dataclasses import dataclass

from photosearch.repository.addresses import Address


@dataclass(frozen=True)
class Removed:
    """One version that went or would go; ``version`` None: staged files of killed writers."""

    address: Address
    version: str | None
    size_bytes: int
    reason: str


@dataclass(frozen=True)
class Kept:
    """One version that stays, and the first reason found for it."""

    address: Address
    version: str
    size_bytes: int
    reason: str


@dataclass(frozen=True)
class GcReport:
    """What a gc did; with ``dry_run`` what it would have done."""

    removed: list[Removed]
    kept_versions: list[Kept]
    busy: list[Address]
    dry_run: bool

    @property
    def kept(self) -> int:
        """How many versions stay."""
        return len(self.kept_versions)

    @property
    def size_bytes(self) -> int:
        """Bytes that the removed versions held."""
        return sum(item.size_bytes for item in self.removed)
